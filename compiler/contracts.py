"""The contracts between the emitted parts: service names, users, networks, volumes, paths, labels.

Whatever two parts must agree on stands here once. The compiler reads it; the runtime never
does: it gets these values in its ``plan.json``.
"""

from __future__ import annotations

from typing import Final

# Services and what they may be called.
MAIN: Final = "main"
EVALUATOR: Final = "eval-sidecar"
RUNNER: Final = "runner"
GATEWAYS: Final = "gateways"
SERVICES: Final = (MAIN, EVALUATOR, RUNNER, GATEWAYS)

# The optimiser's user in main.
AGENT_USER: Final = "agent"
AGENT_UID: Final = 1001
# The first uid of a running sample in the runner; one more for each further slot.
SAMPLE_UID_BASE: Final = 20000

# Networks.
NETWORK_DEFAULT: Final = "default"
NETWORK_EVAL: Final = "eval"
NETWORK_EGRESS: Final = "egress"
# The evaluator's own way out in mode B, apart from the runner's.
NETWORK_PROVIDERS: Final = "providers"
# main and the tongs; where main has no way out, the tongs have theirs on a network of their own.
NETWORK_TONGS: Final = "tongs"
NETWORK_TONGS_EGRESS: Final = "tongs_egress"

# Volumes.
VOLUME_REPO: Final = "agent_repo"
VOLUME_RESULTS: Final = "agent_results"
VOLUME_ADMIN: Final = "admin_state"
VOLUME_RUNNER: Final = "runner_io"
VOLUME_GATEWAYS: Final = "gateways_home"

# Paths inside the containers.
WORK_REPO: Final = "/work/agent"
WORK_RESULTS: Final = "/work/results"
STATE_ADMIN: Final = "/state/admin"
STATE_RESULTS: Final = "/state/results"
OPT: Final = "/opt/mooring"
RUNTIME: Final = f"{OPT}/runtime"
PLAN: Final = f"{OPT}/plan.json"
BASELINE: Final = f"{OPT}/baseline.tar"
DATA: Final = f"{OPT}/data"
SCORER: Final = f"{OPT}/scorer"
EVALUATOR_VENV: Final = f"{OPT}/venv"
SCORER_VENV: Final = f"{OPT}/scorer-venv"
COMMAND: Final = "/usr/local/bin/mooring"
RUNNER_RUN: Final = "/run/mooring"
RUNNER_SOCKET: Final = f"{RUNNER_RUN}/runner.sock"
RUNNER_CANDIDATES: Final = "/srv/mooring/candidates"
RUNNER_SLOTS: Final = "/srv/mooring/slots"
INNER_TASKS: Final = f"{OPT}/inner"
CASES: Final = f"{OPT}/cases"
# The folder of an environment that is given by its import path.
NESTED_ENVIRONMENTS: Final = f"{OPT}/environments"
NESTED_VENV: Final = f"{OPT}/harbor-venv"
EXPORT: Final = f"{STATE_ADMIN}/export"
EXPORT_ARTIFACT: Final = "mooring-session"
RUNNER_BASELINE: Final = f"{OPT}/baseline"
# A tong's places: the memory file system through which its secrets come, and the workspace.
TONG_RUN: Final = "/run/mooring"
TONG_WORKSPACE: Final = "/workspace"
DOCKER_SOCKET: Final = "/var/run/docker.sock"
# The gateways' supervisor: its scripts, the entry point of its image, and its slots.
GATEWAY_SCRIPTS: Final = f"{RUNTIME}/supervisor/scripts"
GATEWAY_ENTRY: Final = "/usr/local/bin/mooring-boot"
GATEWAY_SCANDIR: Final = "/run/service"
# Harbor's own places.
VERIFIER_LOGS: Final = "/logs/verifier"
REWARD_FILE: Final = f"{VERIFIER_LOGS}/reward.json"
ARTIFACT_LOGS: Final = "/logs/artifacts"

# Labels of containers and networks: a tong's name and the hash of its definition, the session that
# a thing belongs to, and the process that must be alive for it to be of use.
LABEL_TONG: Final = "mooring.tong.name"
LABEL_HASH: Final = "mooring.tong.config-hash"
LABEL_SESSION: Final = "mooring.session"
LABEL_OWNER: Final = "mooring.owner"

EVALUATOR_PORT: Final = 8000
EVAL_URL_VARIABLE: Final = "MOORING_EVAL_URL"
EVAL_URL: Final = f"http://{EVALUATOR}:{EVALUATOR_PORT}"
# Before a profile's name, in what main is told of its gateway; then _HOST or _PORT.
GATEWAY_PREFIX: Final = "MOORING_GATEWAY_"
# Networks of the engine on which a container has no name of its own.
NOT_JOINED: Final = ("host", "none", "bridge", "default")
# The harness container of a build without a task, in its Compose file.
ANVIL: Final = "anvil"
# Before the names that tongs give their volumes.
TONG_VOLUMES: Final = "tong_"


def tong_service(name: str) -> str:
    """A tong's service; other services have no such names."""
    return f"tong-{name}"


def tong_gate(name: str) -> str:
    """The service that ends with 0 when the tong's port answers."""
    return f"tong-{name}-ready"


# Before a tong's name, in what the anvil or main is told of it; then _HOST, _PORT or _PATH.
TONG_PREFIX: Final = "MOORING_TONG_"

# The identity of the recreated baseline commit: pinned, so that its id depends on its tree alone.
BASELINE_AUTHOR: Final = "Mooring"
BASELINE_EMAIL: Final = "mooring@localhost"
BASELINE_TIME: Final = 946684800  # 2000-01-01T00:00:00Z, seconds
BASELINE_MESSAGE: Final = "Baseline\n"

PLAN_VERSION: Final = 1
BASELINE_TAR: Final = "environment/baseline.tar"
MANIFEST_NAME: Final = "mooring.manifest.json"

# Kernel capabilities that the runner's daemon keeps: it takes and gives up sample users, ends
# their processes, and hands folders to them. Everything else is dropped.
RUNNER_CAPABILITIES: Final = ("CHOWN", "KILL", "SETGID", "SETUID")

# Bounds, in bytes, seconds and counts, that the runtime enforces.
BUNDLE_BYTES: Final = 64 * 1024 * 1024
TREE_BYTES: Final = 512 * 1024 * 1024
OUTPUT_BYTES: Final = 1024 * 1024
STDERR_BYTES: Final = 64 * 1024
FILE_BYTES: Final = 256 * 1024 * 1024
SAMPLE_PROCESSES: Final = 256
SAMPLE_OPEN_FILES: Final = 1024
GIT_SECONDS: Final = 60
SCORER_SECONDS: Final = 60.0
SETUP_SECONDS: Final = 600.0
# The longest that the runner's plan may say of one run of an agent.
SESSION_SECONDS: Final = 864000.0
# How long the evaluator of mode B may take to stop: a nested Harbor has 40 of them to stop its
# environments, for which a provider would go on charging.
NESTED_STOP_SECONDS: Final = 60.0
CANDIDATES_TMPFS_BYTES: Final = 2 * 1024 * 1024 * 1024
SLOT_TMPFS_BYTES: Final = 512 * 1024 * 1024
SHARED_TMP_BYTES: Final = 256 * 1024 * 1024
SHARED_MEMORY_BYTES: Final = 64 * 1024 * 1024
# A file in memory takes a page at least, unless it is empty: a file system that may hold one for
# each of its pages bounds what empty ones take, and nobody else notices.
PAGE_BYTES: Final = 4096
# The most of the runner's memory that its files may take. They stay when processes are ended for
# want of memory, so the rest must be enough for those that run.
MOST_MEMORY_IN_FILES: Final = 0.5
# What System V takes without a process that would be ended for it: as much shared memory as
# /dev/shm, and the numbers of queues and semaphores that kernels had before they had none.
RUNNER_SYSCTLS: Final = (
    ("kernel.msgmni", "128"),
    ("kernel.sem", "250 32000 32 128"),
    ("kernel.shmall", str(SHARED_MEMORY_BYTES // PAGE_BYTES)),
)
# How long the evaluator's health check stands while all is well, in seconds: each one is a process
# that the engine starts in the container.
HEALTH_HOLD: Final = 30
