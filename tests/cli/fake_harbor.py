"""Stands for `harbor run --config run/job.yaml`: writes the folder of a job as Harbor does.

What becomes of each trial is in the file in $FAKE_HARBOR, a JSON object: "TASK AGENT MODEL" to the
keys of its result.json that are not the usual ones, or null for a trial that never runs. "code" is
its exit code, "wait" the file without which it does not end. It writes its words beside that file.
"""

import json
import os
import signal
import sys
import time
import tomllib
from pathlib import Path

from ruamel.yaml import YAML

NOW = "2026-01-02T03:04:05.5Z"
LATER = "2026-01-02T03:05:35.5Z"


def main() -> int:
    """Write the job; 130 when interrupted."""
    script = Path(os.environ["FAKE_HARBOR"])
    told = json.loads(script.read_text("utf-8"))
    words = sys.argv[1:]
    secrets = {k: v for k, v in os.environ.items() if k.startswith("MOORING_SECRET_")}
    called = {"words": words, "cwd": os.getcwd(), "secrets": secrets}
    script.with_suffix(".words").write_text(json.dumps(called))
    config = YAML(typ="safe").load(Path(words[words.index("--config") + 1]))
    script.with_suffix(".config").write_text(json.dumps(config))
    folder = Path(words[words.index("--jobs-dir") + 1], words[words.index("--job-name") + 1])
    attempts = int(words[words.index("-k") + 1]) if "-k" in words else config["n_attempts"]
    tasks = config.get("tasks") or [{"path": words[words.index("--path") + 1]}]
    agents = config.get("agents") or [{"name": words[words.index("-a") + 1]}]
    trials = [
        (task["path"], agent, attempt)
        for task in tasks
        for agent in agents
        for attempt in range(attempts)
    ]
    folder.mkdir(parents=True)
    finish(folder, len(trials), None)
    print("working", flush=True)
    for i, (path, agent, _) in enumerate(trials):
        write_trial(folder / f"t__{i:03}", path, agent, told)
    if "wait" in told and not wait_for(Path(told["wait"])):
        return 130
    finish(folder, len(trials), NOW)
    return int(told.get("code", 0))


def finish(folder: Path, total: int, at: str | None) -> None:
    (folder / "result.json").write_text(json.dumps({"n_total_trials": total, "finished_at": at}))


def write_trial(trial: Path, path: str, agent: dict[str, str], told: dict[str, object]) -> None:
    name = tomllib.loads(Path(path, "task.toml").read_text("utf-8"))["task"]["name"]
    given = told.get(" ".join([name, agent["name"], agent.get("model_name", "-")]), {})
    if given is None:
        return
    assert isinstance(given, dict)
    trial.mkdir()
    (trial / "config.json").write_text("{}")
    result = {
        "task_name": name,
        "config": {"agent": {"name": agent["name"], "model_name": agent.get("model_name")}},
        "verifier_result": {"rewards": {"reward": 0.5}},
        "exception_info": None,
        "agent_result": {"cost_usd": None},
        "started_at": NOW,
        "finished_at": LATER,
    }
    (trial / "result.json").write_text(json.dumps({**result, **given}))


def wait_for(path: Path) -> bool:
    """False when interrupted; what is waited for says first that it was started."""
    interrupted: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: interrupted.append(number))
    path.with_suffix(".started").touch()
    while not path.exists():
        time.sleep(0.05)
        if interrupted:
            path.with_suffix(".interrupted").write_text(str(interrupted[0]))
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
