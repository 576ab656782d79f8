"""Real trials whose agent forges: the reward is what an independent count gives all the same."""

from __future__ import annotations

import json
import secrets
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docker import engine
from tests.docker.tasks import Build, compile_task
from tests.harbor.trials import Harbor, Trial, images_of, make_variant
from tests.independent_count import AGENT, BETTER, DATA, count_mean, overlay

pytestmark = pytest.mark.harbor

AGENT_SECONDS = 25
# Reports to /logs/agent what of it worked at the time.
COMMIT = """\
cp /solution/better.py solve.py && git commit --quiet --all --message better
mooring eval --split validation
git commit --quiet --allow-empty --message again
mooring eval --split validation --json >/logs/agent/again.json
"""
# Never ends by itself, and ignores what asks it to: writes rewards and links, asks for evaluations.
LEFTOVER = """\
cat >/tmp/leftover.py <<'END'
import json, os, signal, subprocess, sys, time, urllib.error, urllib.request
for number in (1, 2, 3, 15):
    signal.signal(number, signal.SIG_IGN)
logs, reward = "/logs/verifier", '{"reward": 1.0}'
def forge():
    for name, text in (("reward.json", reward), ("reward.txt", "1.0")):
        with open(f"{logs}/{name}.new", "w") as file:
            file.write(text)
        os.replace(f"{logs}/{name}.new", f"{logs}/{name}")
    if not os.path.islink(f"{logs}/test-stdout.txt"):
        os.symlink("/tests/test.sh", f"{logs}/test-stdout.txt")
def ask():
    commit = subprocess.run(["git", "-C", "/work/agent", "rev-parse", "HEAD"],
                            capture_output=True, text=True).stdout.strip()
    for path in ("eval", "submit", "finalize"):
        split = {"split": "validation"} if path == "eval" else {}
        body = json.dumps({**split, "commit": commit}).encode()
        request = urllib.request.Request(f"http://eval-sidecar:8000/{path}", body)
        try:
            status = urllib.request.urlopen(request, timeout=5).status
        except urllib.error.HTTPError as error:
            status = error.code
        except OSError:
            status = 0
        print(json.dumps([path, status]), flush=True)
turn = 0
while True:
    turn += 1
    try:
        forge()
    except OSError:
        pass
    if sys.argv[1] == "ask" and turn % 50 == 0:
        ask()
    time.sleep(0.005)
END
for way in forge forge ask; do
  setsid python3 /tmp/leftover.py "$way" </dev/null >>/logs/agent/leftover.jsonl 2>/dev/null &
done
"""
# Lies in wait: links where root's output goes, programs and modules that would come first. What
# tells that one was used does so only as root: the agent's own programs meet them as well.
TRAPS = """\
ln -s /tests/test.sh /logs/verifier/test-stdout.txt
ln -s /usr/local/bin/mooring /logs/verifier/test-stderr.txt
echo '{"reward": 1.0}' >/logs/verifier/reward.json
echo 1.0 >/logs/verifier/reward.txt
echo kept >/logs/agent/victim
ln -s ../agent/victim /logs/artifacts/manifest.json
ln -s ../agent /logs/artifacts/mooring-session
mkdir -p ~/.local/bin ~/.config/git ~/.local/lib/python3.13/site-packages
for program in mooring python3 bash sh env id getent; do
  echo 'echo "{\\"reward\\": 1.0}" >/logs/verifier/reward.json' |
    tee ~/.local/bin/$program >$program
  chmod +x ~/.local/bin/$program ./$program
done
for module in sitecustomize usercustomize json os runtime argparse; do
  echo 'import posix; posix.getuid() or open("/logs/agent/imported", "w")' | tee ./$module.py \\
    >~/.local/lib/python3.13/site-packages/$module.py
done
echo '[ $(/usr/bin/id -u) != 0 ] || touch /logs/agent/sourced' |
  tee ~/.bashrc ~/.profile ~/.bash_profile >.bashrc
cat >~/.gitconfig <<'END'
[core]
hooksPath = /tmp
fsmonitor = [ $(/usr/bin/id -u) != 0 ] || touch /logs/agent/git
END
ls -l /logs/verifier >/logs/agent/planted.txt
"""


def quick(source: Path, build: Build) -> None:
    """Its agent is out of time soon, and the same tree costs nothing twice."""
    build["agent_timeout"] = AGENT_SECONDS
    build["deterministic"] = True


@pytest.fixture(scope="module")
def prefix(docker_engine: str) -> Iterator[str]:
    prefix = f"mooring-test-{secrets.token_hex(3)}"
    yield prefix
    engine.remove_objects(prefix=prefix)
    for image in images_of(prefix):
        engine.run_docker("image", "rm", "--force", image)


@pytest.fixture(scope="module")
def trials(
    harbor_bin: Path, prefix: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Trial]:
    """Two trials side by side: an agent that is cut off and works on, and one that sets traps."""
    scratch = tmp_path_factory.mktemp("forging")
    base = compile_task(scratch, scratch / "tasks" / f"{prefix}-forge", quick)
    better = BETTER / "solve.py"
    scripts = {"leftover": f"{COMMIT}{LEFTOVER}sleep 600\n", "traps": f"{COMMIT}{TRAPS}{LEFTOVER}"}
    tasks = {
        name: make_variant(base, f"{prefix}-{name}", script, better=better)
        for name, script in scripts.items()
    }
    harbor = Harbor(command=harbor_bin, jobs=scratch / "jobs")
    argv = [str(harbor.command), "run", "--path", str(base.parent), "-a", "oracle"]
    argv += ["-e", "docker", "--yes", "-n", "2", "-x", base.name]
    done = harbor.run([*argv, "--jobs-dir", str(harbor.jobs), "--job-name", "forging"], scratch)
    assert done.code == 0, done.output
    found = harbor.trials("forging")
    return {
        name: next(trial for trial in found if trial.folder.name.startswith(task.name))
        for name, task in tasks.items()
    }


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> float:
    better = overlay(AGENT, BETTER, tmp_path_factory.mktemp("better") / "better")
    return float(count_mean(better, DATA / "test.jsonl"))


def session_of(trial: Trial) -> dict[str, Any]:
    """The finalization that the evaluator exported, as Harbor collected it."""
    (path,) = (trial.folder / "artifacts/mooring-session").rglob("session.tar")
    with tarfile.open(path) as archive:
        file = archive.extractfile("finalization.json")
        assert file is not None
        document: dict[str, Any] = json.loads(file.read())
    return document


@pytest.mark.parametrize("name", ["leftover", "traps"])
def test_the_reward_is_the_independent_count(
    trials: dict[str, Trial], expected: float, name: str
) -> None:
    """Gain: any other number, of which the forged 1.0 is the best."""
    assert expected < 1.0
    assert trials[name].rewards == {"reward": expected}
    written = json.loads((trials[name].folder / "verifier/reward.json").read_bytes())
    assert written == {"reward": expected}
    assert sorted(path.name for path in (trials[name].folder / "verifier").iterdir()) == [
        "reward.json",
        "test-stdout.txt",
    ]


def test_the_forgeries_were_in_place(trials: dict[str, Trial]) -> None:
    """The control: the traps lay and the leftover worked; the one agent was cut off by its time."""
    planted = (trials["traps"].folder / "agent/planted.txt").read_text(encoding="utf-8")
    assert "test-stdout.txt -> /tests/test.sh" in planted
    assert "reward.json" in planted
    assert trials["leftover"].exception == "AgentTimeoutError"
    assert trials["traps"].exception is None
    asked = (trials["leftover"].folder / "agent/leftover.jsonl").read_text(encoding="utf-8")
    assert asked.count("\n") > 3


def test_what_is_left_running_neither_finalises_nor_submits(trials: dict[str, Trial]) -> None:
    for trial in trials.values():
        lines = (trial.folder / "agent/leftover.jsonl").read_text(encoding="utf-8").splitlines()
        statuses = {(path, status) for path, status in map(json.loads, lines)}
        # The same tree again: recorded, at no price. 0: it was ended while it asked.
        assert statuses <= {("eval", 200), ("finalize", 404), ("submit", 409), ("eval", 0),
                            ("submit", 0), ("finalize", 0)}, statuses  # fmt: skip


@pytest.mark.parametrize("name", ["leftover", "traps"])
def test_an_empty_commit_repeats_what_is_recorded(trials: dict[str, Trial], name: str) -> None:
    """Tries: to draw again. Gain: another number, a second vote in the choice, or a free run."""
    again = json.loads((trials[name].folder / "agent/again.json").read_bytes())
    assert again["recorded"] is True
    document = session_of(trials[name])
    entries = [e for e in document["selection"]["candidates"] if e["tree"] == again["tree"]]
    assert len(entries) == 1
    assert entries[0]["score"] == pytest.approx(again["result"]["score"], abs=1e-4)
    assert document["rewards"] == trials[name].rewards


def test_no_trap_is_sprung(trials: dict[str, Trial]) -> None:
    """Neither in the container nor, through the folders that both see, on the host."""
    folder = trials["traps"].folder
    for name in ("imported", "sourced", "git"):
        assert not (folder / "agent" / name).exists(), name
    assert (folder / "agent/victim").read_text(encoding="utf-8") == "kept\n"
    assert not (folder / "agent/session.tar").exists()
    for place in ("manifest.json", "mooring-session"):
        assert not (folder / "artifacts" / place).is_symlink()
