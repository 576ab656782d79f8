# Everything is made inside the checkout: .venv (the compiler and its tools), .venv-harbor, build.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:

# The command's start is measured and tested often: it may keep its bytecode.
unexport PYTHONDONTWRITEBYTECODE

# Harbor's model library would look for a price list on the network at each start.
export LITELLM_LOCAL_MODEL_COST_MAP := True

BIN := .venv/bin
JOBS ?= 2
SCRIPTS := .ci/demo .ci/docker .ci/find-python .ci/make-venv .ci/run .ci/s6 tests/docker/base-image \
  $(wildcard compiler/runtime/supervisor/scripts/*)
PYTEST := $(BIN)/python -m pytest

.PHONY: help
help: ## This list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

.PHONY: demo
demo: .venv/.ready ## Compile the example; with Docker also run it in Harbor and print the reward
	@.ci/demo

.PHONY: test
test: ## All checks and tests, whichever fail; those that need Docker skip without it
	@$(MAKE) --no-print-directory --keep-going -j1 lint unit engine

.PHONY: lint
lint: .venv/.ready ## ruff, mypy, shellcheck
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/shellcheck $(SCRIPTS)

.PHONY: unit
unit: .venv/.ready .venv-harbor/.ready ## The tests that need no Docker
	$(PYTEST) -n $(JOBS) -m "not (docker or harbor or bench)"

# One at a time: they share an engine, and some measure time.
.PHONY: engine
engine: .venv/.ready .venv-harbor/.ready ## The tests that need Docker
	$(PYTEST) -m "(docker or harbor) and not bench"

.PHONY: fmt
fmt: .venv/.ready ## Format and mend what ruff can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: bench
bench: .venv/.ready .venv-harbor/.ready ## Print the figures
	$(PYTEST) -s -m bench

.PHONY: lock
lock: .venv/.ready ## Pin the dependencies anew (LOCK_ARGS=--upgrade: look for newer versions)
	$(BIN)/python .ci/lock $(LOCK_ARGS)

.PHONY: clean
clean: ## Remove everything that make made
	rm -rf .venv .venv-harbor build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/.ready: .ci/requirements.txt pyproject.toml
	@.ci/make-venv .venv .ci/requirements.txt --editable

.venv-harbor/.ready: .ci/requirements-harbor.txt
	@.ci/make-venv .venv-harbor .ci/requirements-harbor.txt
