"""`report JOB_FOLDER`: folders as Harbor leaves them, and folders as anything leaves them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from compiler.runtime import report
from tests.runtime.baseline.test_recreate import find_pythons

PART = Path(report.__file__).parent
REWARD = {"verifier_result": {"rewards": {"reward": 0.5}}, "exception_info": None}


def run_report(
    *words: str | Path, python: str = sys.executable, **variables: str
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [python, "-I", "-S", "-B", PART, *words],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    assert all(c.isprintable() or c == "\n" for c in done.stdout + done.stderr)
    return done


def exception(kind: str, message: str) -> dict[str, object]:
    return {"exception_type": kind, "exception_message": message, "exception_traceback": "..."}


def finish(folder: Path, total: int, **changes: object) -> None:
    """The job's own result, as Harbor writes it."""
    result = {"id": "1", "started_at": "x", "finished_at": "y", "n_total_trials": total}
    folder.mkdir(exist_ok=True)
    (folder / "result.json").write_text(json.dumps({**result, **changes}))
    (folder / "config.json").write_text("{}")
    (folder / "job.log").write_text("")


def add(folder: Path, name: str, result: object) -> Path:
    trial = folder / name
    trial.mkdir(parents=True)
    (trial / "config.json").write_text("{}")
    if isinstance(result, bytes):
        (trial / "result.json").write_bytes(result)
    elif isinstance(result, dict):
        (trial / "result.json").write_text(json.dumps({"task_name": "org/name", **result}))
    return trial


TRIALS: dict[str, tuple[object, int, str]] = {
    "a reward": (REWARD, 0, "t: reward 0.5"),
    "several rewards": (
        {"verifier_result": {"rewards": {"b": 1, "a": 0.25}}},
        0,
        "t: a 0.25, b 1",
    ),
    "zero is a reward": ({"verifier_result": {"rewards": {"reward": 0}}}, 0, "t: reward 0"),
    "an agent whose time was over": (
        {**REWARD, "exception_info": exception("AgentTimeoutError", "after 60 s\nmore")},
        0,
        "t: reward 0.5 (and AgentTimeoutError: after 60 s)",
    ),
    "an exception": (
        {"verifier_result": None, "exception_info": exception("RewardFileNotFoundError", "")},
        3,
        "t: failed: RewardFileNotFoundError",
    ),
    "an exception without a name": ({"exception_info": {}}, 3, "t: failed: an exception"),
    "hostile text": (
        {"exception_info": exception("E", "\x1b]0;x\x07\u202e")},
        3,
        "t: failed: E: \\x1b]0;x\\x07\\u202e",
    ),
    "endless text": ({"exception_info": exception("E", "x" * 10**6)}, 3, "x..."),
    "no verifier": ({"verifier_result": None}, 3, "t: failed: it has no reward"),
    "no rewards": ({"verifier_result": {"rewards": {}}}, 3, "t: failed: it has no reward"),
    "a reward of text": (
        {"verifier_result": {"rewards": {"reward": "1"}}},
        3,
        "t: failed: it has no reward",
    ),
    "one reward of two": (
        {"verifier_result": {"rewards": {"a": 1, "b": None}}},
        3,
        "t: failed: it has no reward",
    ),
    "a reward that is true": (
        {"verifier_result": {"rewards": {"reward": True}}},
        3,
        "t: failed: it has no reward",
    ),
    "a reward beyond any": (
        b'{"verifier_result": {"rewards": {"reward": 1e999}}}',
        3,
        "t: failed: it has no reward",
    ),
    "a huge whole number": (
        {"verifier_result": {"rewards": {"reward": 10**400}}},
        3,
        "t: failed: it has no reward",
    ),
    "NaN": (b'{"verifier_result": {"rewards": {"reward": NaN}}}', 3, "NaN is no JSON value"),
    "unfinished": (None, 3, "t: failed: result.json cannot be used: No such file or directory"),
    "empty": (b"", 3, "it is not JSON"),
    "cut off": (b'{"verifier_result": {"rew', 3, "it is not JSON"),
    "a list": (b"[]", 3, "it is not a JSON object"),
    "not UTF-8": (b"\xff\xfe", 3, "it is not JSON"),
    "too deep": (b"[" * 200_000, 3, "it is n"),
}


@pytest.mark.parametrize("case", TRIALS)
def test_a_trial(tmp_path: Path, case: str) -> None:
    result, code, line = TRIALS[case]
    add(tmp_path, "t", result)
    finish(tmp_path, 1)
    done = run_report(tmp_path)
    assert (done.returncode, done.stderr) == (code, "")
    assert line in done.stdout
    assert done.stdout.count("\n") == 1
    assert len(done.stdout) < 500


def test_one_without_a_reward_is_enough(tmp_path: Path) -> None:
    for name in "cab":
        add(tmp_path, name, REWARD if name != "b" else {})
    finish(tmp_path, 3)
    done = run_report(tmp_path)
    assert done.returncode == 3
    assert done.stdout.splitlines() == [
        "a: reward 0.5",
        "b: failed: it has no reward",
        "c: reward 0.5",
    ]


def test_what_is_no_trial_does_not_count(tmp_path: Path) -> None:
    add(tmp_path, "t", REWARD)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "x.txt").write_text("mine")
    (tmp_path / "notes.json").write_text("{}")
    (tmp_path / "latest").symlink_to("t")
    (tmp_path / "gone").symlink_to("nowhere")
    finish(tmp_path, 1)
    assert run_report(tmp_path).stdout == "t: reward 0.5\n"


@pytest.mark.parametrize(
    ("trials", "total", "changes", "said"),
    [
        (1, 1, {"finished_at": None}, "failed: the job did not run to its end"),
        (0, 0, {}, "failed: the job has 0 of 0 trials"),
        (1, 2, {}, "failed: the job has 1 of 2 trials"),
        (2, 1, {}, "failed: the job has 2 of 1 trials"),
        (1, 1, {"n_total_trials": "1\x1b"}, "failed: the job has 1 of 1\\x1b trials"),
    ],
)
def test_a_job_as_a_whole(
    tmp_path: Path, trials: int, total: int, changes: dict[str, object], said: str
) -> None:
    for number in range(trials):
        add(tmp_path, f"t{number}", REWARD)
    finish(tmp_path, total, **changes)
    done = run_report(tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (3, said)


def leave_out(folder: Path) -> None:
    (folder / "result.json").unlink()


def make_pipe(folder: Path) -> None:
    (folder / "result.json").unlink()
    os.mkfifo(folder / "result.json")


def make_folder(folder: Path) -> None:
    (folder / "result.json").unlink()
    (folder / "result.json").mkdir()


def make_large(folder: Path) -> None:
    os.truncate(folder / "result.json", 300 * 1024 * 1024)


SPOILERS: list[tuple[Callable[[Path], None], str]] = [
    (leave_out, "No such file"),
    (make_pipe, "not a regular file"),
    (make_folder, "Is a directory"),
    (make_large, "larger than"),
]


@pytest.mark.parametrize(("spoil", "said"), SPOILERS)
@pytest.mark.parametrize("where", [".", "t"])
def test_results_that_cannot_be_read(
    tmp_path: Path, spoil: Callable[[Path], None], said: str, where: str
) -> None:
    add(tmp_path, "t", REWARD)
    finish(tmp_path, 1)
    spoil(tmp_path / where)
    done = run_report(tmp_path)
    assert done.returncode == 3
    assert said in done.stdout + done.stderr


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    done = run_report(tmp_path / "no\x1bne")
    assert (done.returncode, done.stdout) == (3, "")
    assert "no\\x1bne" in done.stderr


@pytest.mark.parametrize("words", [(), ("a", "b"), ("--help",), ("-x",)])
def test_wrong_use(words: tuple[str, ...]) -> None:
    done = run_report(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: report JOB_FOLDER")


@pytest.mark.parametrize("python", find_pythons())
def test_other_pythons_and_any_locale(tmp_path: Path, python: str) -> None:
    add(tmp_path, "größe", REWARD)
    finish(tmp_path, 1)
    for locale in ("C", "C.UTF-8"):
        done = run_report(tmp_path, python=python, LC_ALL=locale, PYTHONCOERCECLOCALE="0")
        assert done.returncode == 0
