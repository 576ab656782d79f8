"""The nested `harbor run`: every configured value reaches it, as the real Harbor understands it."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.runtime.nested.command import (
    AGENT,
    PHASE_SHARE,
    ROOT,
    Command,
    Request,
    Surroundings,
    build_command,
    escape,
)
from compiler.runtime.nested.faults import HARBORS_EXCLUDED, NEVER_RETRIED
from compiler.runtime.nested.settings import Aggregate, Retry, Settings

RETRY = Retry(include=None, exclude=None, wait_multiplier=1.0, min_wait=1.0, max_wait=60.0)
PLAIN = Settings(
    task_source=None,
    environment="modal",
    model=None,
    n_attempts=1,
    max_retries=0,
    retry=RETRY,
    reward_key=None,
    aggregate=Aggregate.MEAN,
    exceptions={},
    extra_args=(),
)
AROUND = Surroundings(
    harbor=Path("/opt/mooring/harbor-venv/bin/harbor"),
    inner_tasks=Path("/opt/mooring/inner"),
    environments=None,
    socket=Path("/run/mooring/runner.sock"),
    secrets=(),
    concurrency=4,
    seconds=100.0,
)
REQUEST = Request(tree="a" * 40, tasks=("one", "two"), folder=Path("/state/nested/x"), run=3)
VARIABLES = {"TOKEN": "t", "OTHER": "o", "HTTPS_PROXY": "http://proxy:1", "HOME": "/root"}


def command(
    settings: Settings = PLAIN, around: Surroundings = AROUND, request: Request = REQUEST
) -> Command:
    return build_command(settings, around, request, VARIABLES)


def changed(**changes: Any) -> Settings:
    return dataclasses.replace(PLAIN, **changes)


def retry(**changes: Any) -> Settings:
    return changed(retry=dataclasses.replace(RETRY, **changes))


def pairs(argv: tuple[str, ...], flag: str) -> list[str]:
    return [argv[i + 1] for i, word in enumerate(argv) if word == flag]


def test_the_plain_command() -> None:
    argv = command().argv
    assert argv[:4] == (str(AROUND.harbor), "run", "--config", "/state/nested/x/run-3.json")
    assert pairs(argv, "-p") == ["/opt/mooring/inner"]
    assert pairs(argv, "-i") == ["one", "two"]
    assert pairs(argv, "--jobs-dir") == ["/state/nested/x/jobs"]
    assert argv[-2:] == ("-y", "-q")
    assert json.loads(command().config)["agents"][0]["kwargs"] == {
        "socket": "/run/mooring/runner.sock",
        "tree": "a" * 40,
        "seconds": 100.0 * PHASE_SHARE,
    }


def test_extra_arguments_come_last() -> None:
    assert command(changed(extra_args=("--debug", "--ek", "a=b"))).argv[-3:] == (
        "--debug",
        "--ek",
        "a=b",
    )


# Every value that a build file may set, at another value than Harbor's own.
FULL = changed(
    environment="daytona",
    model="maker/m-1",
    n_attempts=3,
    max_retries=5,
    retry=Retry(
        include=("OneError", "TwoError"),
        exclude=("ThreeError",),
        wait_multiplier=1.5,
        min_wait=2.5,
        max_wait=99.0,
    ),
    extra_args=("--debug", "--verifier-timeout-multiplier", "2.5"),
)
BY_PATH = changed(environment="local_process:LocalProcessEnvironment", task_source="fruit@1.0")
# Settings, tasks, and what Harbor says that it understood of them.
FIELDS: list[tuple[Settings, Callable[[Mapping[str, Any]], Any], Any]] = [
    (FULL, lambda c: c["environment"]["type"], "daytona"),
    (FULL, lambda c: c["agents"][0]["model_name"], "maker/m-1"),
    (FULL, lambda c: c["agents"][0]["import_path"], AGENT),
    (FULL, lambda c: c["agents"][0]["kwargs"]["tree"], "a" * 40),
    (FULL, lambda c: c["n_attempts"], 3),
    (FULL, lambda c: c["n_concurrent_trials"], 9),
    (FULL, lambda c: c["retry"]["max_retries"], 5),
    (FULL, lambda c: set(c["retry"]["include_exceptions"]), {"OneError", "TwoError"}),
    (FULL, lambda c: set(c["retry"]["exclude_exceptions"]), {"ThreeError", *NEVER_RETRIED}),
    (FULL, lambda c: c["retry"]["wait_multiplier"], 1.5),
    (FULL, lambda c: c["retry"]["min_wait_sec"], 2.5),
    (FULL, lambda c: c["retry"]["max_wait_sec"], 99.0),
    (FULL, lambda c: (c["debug"], c["verifier_timeout_multiplier"]), (True, 2.5)),
    (FULL, lambda c: (c["quiet"], c["job_name"]), (True, "run-3")),
    (FULL, lambda c: c["datasets"][0]["path"], "/opt/mooring/inner"),
    (FULL, lambda c: c["datasets"][0]["task_names"], ["plain", "odd[[][*]][?]"]),
    (
        BY_PATH,
        lambda c: c["environment"]["import_path"],
        "local_process:LocalProcessEnvironment",
    ),
    (BY_PATH, lambda c: c["datasets"][0]["name"], "fruit"),
    (BY_PATH, lambda c: c["datasets"][0]["version"], "1.0"),
    (
        BY_PATH,
        lambda c: set(c["retry"]["exclude_exceptions"]),
        {*HARBORS_EXCLUDED, *NEVER_RETRIED},
    ),
]


@cache
def understood(harbor: Path, full: bool) -> dict[str, Any]:
    """The configuration that Harbor makes of a command."""
    with tempfile.TemporaryDirectory() as name:
        request = dataclasses.replace(REQUEST, folder=Path(name), tasks=("plain", "odd[*]?"))
        around = dataclasses.replace(AROUND, concurrency=9)
        made = command(FULL if full else BY_PATH, around, request)
        request.config.write_text(made.config)
        argv = [str(harbor), *made.argv[1:], "--print-config"]
        done = subprocess.run(
            argv, env=dict(made.environment), cwd=name, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        config: dict[str, Any] = json.loads(done.stdout)
        assert config["jobs_dir"] == f"{name}/jobs"
        return config


@pytest.mark.parametrize(("settings", "read", "value"), FIELDS)
def test_a_value_reaches_harbor(
    harbor_bin: Path, settings: Settings, read: Callable[..., Any], value: Any
) -> None:
    assert read(understood(harbor_bin, settings is FULL)) == value


def test_what_is_included_is_not_excluded() -> None:
    made = command(retry(include=("AgentTimeoutError", "CandidateProviderError")))
    assert pairs(made.argv, "--retry-include") == ["AgentTimeoutError", "CandidateProviderError"]
    excluded = pairs(made.argv, "--retry-exclude")
    assert not {"AgentTimeoutError", "CandidateProviderError"}.intersection(excluded)
    # What a candidate can bring about, though it is not counted as its failure, among them.
    assert {"CandidateError", "RunnerUnreachableError", "EnvironmentLostError"} <= set(excluded)
    asked = pairs(command(retry(include=("EnvironmentLostError",))).argv, "--retry-exclude")
    assert "EnvironmentLostError" not in asked
    both = command(retry(include=("OneError",), exclude=("OneError",)))
    assert "OneError" in pairs(both.argv, "--retry-exclude")


def test_variables_are_few() -> None:
    around = dataclasses.replace(
        AROUND, secrets=("TOKEN", "MISSING"), environments=Path("/opt/mooring/environments")
    )
    found = command(around=around).environment
    assert found["TOKEN"] == "t"
    assert found["HTTPS_PROXY"] == "http://proxy:1"
    assert not {"OTHER", "MISSING"} & set(found)
    assert found["HOME"] == "/state/nested/x/home"
    assert found["PYTHONPATH"] == f"{ROOT}:/opt/mooring/environments"
    assert command().environment["PYTHONPATH"] == str(ROOT)


def test_no_secret_is_in_arguments_or_configuration() -> None:
    around = dataclasses.replace(AROUND, secrets=("TOKEN",))
    made = build_command(PLAIN, around, REQUEST, {"TOKEN": "s3cret-value"})
    assert "s3cret-value" not in made.config
    assert not any("s3cret-value" in word for word in made.argv)


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_a_pattern_matches_its_own_name_alone(name: str, other: str) -> None:
    assert fnmatch(name, escape(name))
    assert fnmatch(other, escape(name)) is (other == name)


def test_the_agent_can_be_loaded_where_harbor_is(harbor_python: Path, tmp_path: Path) -> None:
    """Under the names that it has in an image as well."""
    runtime = Path(ROOT, "compiler/runtime")
    for part in ("nested", "runner"):
        shutil.copytree(runtime / part, tmp_path / "runtime" / part)
    (tmp_path / "runtime/__init__.py").touch()
    script = (
        "from runtime.nested.proxy_agent import ProxyAgent\n"
        "from runtime.nested import command, errors, faults\n"
        "print(command.ROOT, command.AGENT, ProxyAgent.name())\n"
        "names = {n for n in vars(errors) if n.endswith('Error')}\n"
        "print(sorted(names - set(faults.FAULTS)))\n"
    )
    done = subprocess.run(
        [harbor_python, "-c", script],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = done.stdout.splitlines()
    assert first == f"{tmp_path} runtime.nested.proxy_agent:ProxyAgent mooring-candidate"
    assert second == "[]"
