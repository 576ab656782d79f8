"""Mode B without Docker: the backend, a real Harbor, a real runner, tasks as local processes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from compiler.runtime.evaluator.outcomes import Failed, Lost, Outcome, Scored
from tests.runtime.nested.agents import RIGHT, WRONG, agent_by_task
from tests.runtime.nested.yard import TASKS, Yard, make_task

# What an agent does in a task of this name, and what becomes of it: a score, or a cause.
BEHAVIOURS: dict[str, tuple[str, float | str]] = {
    "plain": ("await answer(environment)", 1.0),
    "wrong": ('await environment.exec("echo no >/app/answer.txt")', 0.0),
    "nothing": ("pass", 0.0),
    "prints": (
        'print("noise " * 1000); sys.stderr.write("more"); await answer(environment)',
        1.0,
    ),
    "parallel": (
        """
        found = await asyncio.gather(*(environment.exec(f"echo {i}") for i in range(40)))
        assert [f.stdout.strip() for f in found] == [str(i) for i in range(40)]
        await answer(environment)
        """,
        1.0,
    ),
    "exec": (
        """
        done = await environment.exec(
            'echo "$A $(pwd)"; echo problem >&2; exit 7', cwd="/logs/agent", env={"A": "x y"})
        assert done.return_code == 7, done
        assert done.stdout.startswith("x y ") and done.stdout.endswith("/logs/agent\\n"), done
        assert done.stderr == "problem\\n", done
        try:
            await environment.exec("sleep 30", timeout_sec=1)
        except RuntimeError as error:
            assert "timed out after 1 seconds" in str(error), error
        else:
            raise AssertionError
        with environment.scoped_exec_env({"A": "scoped"}):
            assert (await environment.exec("echo $A", env={"A": "b"})).stdout == "scoped\\n"
        assert await environment.is_dir("/app") and not await environment.is_file("/app")
        assert await environment.is_file("/app/name.txt")
        heard = []
        async def listen(text, stream): heard.append((text, stream))
        with environment.scoped_output_callback(listen):
            await environment.exec("echo loud")
        assert heard == [("loud\\n", "stdout")], heard
        await answer(environment)
        """,
        1.0,
    ),
    "files": (
        """
        here = Path(os.environ["HOME"], "here"); (here / "deep/er").mkdir(parents=True)
        (here / "deep/er/x.bin").write_bytes(bytes(range(256)) * 40)
        (here / "run.sh").write_text("#!/bin/sh\\necho ran\\n"); (here / "run.sh").chmod(0o755)
        (here / "link").symlink_to("run.sh"); (here / "loop").symlink_to(".")
        await environment.upload_dir(here, "/app/up")
        assert (await environment.exec("/app/up/run.sh")).stdout == "ran\\n"
        await environment.upload_file(here / "run.sh", "/app/up/again.sh")
        await environment.exec("ln -s run.sh /app/up/symbolic")
        back = Path(os.environ["HOME"], "back")
        await environment.download_dir("/app/up", back)
        assert (back / "deep/er/x.bin").read_bytes() == bytes(range(256)) * 40
        assert (back / "again.sh").read_text() == (here / "run.sh").read_text()
        await environment.download_file("/app/up/deep/er/x.bin", back / "new/one")
        assert (back / "new/one").stat().st_size == 256 * 40
        await environment.download_dir_with_exclusions(
            source_dir="/app/up", target_dir=back / "some", exclude=["deep"])
        assert not (back / "some/deep").exists() and (back / "some/run.sh").exists()
        for call in (environment.download_file("/nowhere", back / "n"),
                     environment.download_dir("/nowhere", back / "m")):
            try:
                await call
            except (RuntimeError, FileNotFoundError) as error:
                assert "/srv" not in str(error) and "mooring" not in str(error), error
            else:
                raise AssertionError
        await answer(environment)
        """,
        1.0,
    ),
    "refused": (
        """
        for call in (environment.stop(True), environment.start(False),
                     environment.service_exec("true", service="db"),
                     environment.set_network_policy(None), environment.stop_service("db")):
            try:
                await call
            except (NotImplementedError, RuntimeError):
                continue
            raise AssertionError
        await answer(environment)
        """,
        1.0,
    ),
    "facts": (
        """
        assert environment.type() == "local-process", environment.type()
        assert environment.capabilities.mounted is False
        assert environment.os.value == "linux"
        assert environment.default_user is None
        assert "facts" not in environment.session_id + environment.environment_name
        assert self.model_name == "maker/m-1", self.model_name
        assert self.logs_dir.is_dir()
        await answer(environment)
        """,
        1.0,
    ),
    "report": (
        """
        context.n_input_tokens, context.n_output_tokens, context.cost_usd = 11, 5, 0.25
        context.metadata = {"steps": [1, 2]}
        (self.logs_dir / "trajectory.json").write_text('{"steps": []}')
        await answer(environment)
        """,
        1.0,
    ),
    "bad-report": (
        """
        context.cost_usd = float("nan"); context.n_input_tokens = -5
        context.metadata = {"x": "y" * 2_000_000}
        await answer(environment)
        """,
        1.0,
    ),
    "no-text": (
        """
        context.n_input_tokens = 3
        context.metadata = {"x": "\\ud800"}
        await answer(environment)
        """,
        1.0,
    ),
    "raises": ('await answer(environment); raise ValueError("my own")', "CandidateError"),
    "tells-a-secret": (
        """
        raise ValueError(f"the key {os.environ.pop('BOX_TOKEN')} is refused")
        """,
        "CandidateError",
    ),
    "catches": (
        """
        try:
            await environment.upload_file("/nowhere/at/all", "/app/x")
        except FileNotFoundError:
            await answer(environment)
        """,
        1.0,
    ),
    "exits-badly": (
        """
        from harbor.agents.installed.base import NonZeroAgentExitCodeError
        await answer(environment)
        raise NonZeroAgentExitCodeError("exit 1")
        """,
        1.0,
    ),
    "rate-limit": (
        """
        from harbor.agents.installed.base import ApiRateLimitError
        raise ApiRateLimitError("slow down")
        """,
        0.0,
    ),
    "dies": ("os._exit(3)", "CandidateError"),
    "system-exit": ("raise SystemExit(4)", "CandidateError"),
    "killed": ("os.kill(os.getpid(), signal.SIGKILL)", "CandidateError"),
    "hangs": ("await asyncio.sleep(1000)", 0.0),
    "blocks": ("time.sleep(1000)", 0.0),
    "unavailable": ("await answer(environment)", "lost"),
}


@pytest.fixture(scope="module")
def outcomes(module_yard: Yard) -> dict[str, Outcome]:
    """What becomes of an agent that does each of these in a task of its own, in one evaluation."""
    for name in BEHAVIOURS:
        files = {"environment/unavailable": ""} if name == "unavailable" else None
        short = name in ("hangs", "blocks")
        make_task(module_yard.tasks, name, seconds=3 if short else 60, files=files)
    module_yard.set_tasks(list(BEHAVIOURS), "validation")
    module_yard.configure(model="maker/m-1")
    candidate = agent_by_task({name: body for name, (body, _) in BEHAVIOURS.items()})
    found = module_yard.evaluate(candidate, "validation")
    return dict(zip(BEHAVIOURS, found, strict=True))


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_what_becomes_of_an_agent(outcomes: dict[str, Outcome], name: str) -> None:
    outcome, expected = outcomes[name], BEHAVIOURS[name][1]
    if isinstance(expected, float):
        assert isinstance(outcome, Scored), outcome
        assert outcome.score == expected
        assert json.loads(outcome.output or "") == {"rewards": {"reward": expected}}
    elif expected == "lost":
        assert isinstance(outcome, Lost), outcome
        assert "no machine left" in outcome.cause
    else:
        assert isinstance(outcome, Failed), outcome
        assert outcome.cause == expected


def test_a_failure_says_what_the_agent_said(outcomes: dict[str, Outcome]) -> None:
    raised, died = outcomes["raises"], outcomes["dies"]
    assert isinstance(raised, Failed)
    assert raised.detail == "ValueError: my own"
    told = outcomes["tells-a-secret"]
    assert isinstance(told, Failed)
    assert told.detail == "ValueError: the key [BOX_TOKEN] is refused"
    assert isinstance(died, Failed)
    assert "exit code 3" in died.detail


def result_of(yard: Yard, task: str) -> dict[str, Any]:
    # The rename of a folder that is done, or the folder of one that is not.
    (path,) = yard.work.glob(f"**/jobs/*/{task}__*/result.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


@pytest.mark.usefixtures("outcomes")
def test_a_report_is_taken_in_as_data(module_yard: Yard) -> None:
    report = result_of(module_yard, "report")["agent_result"]
    assert report["n_input_tokens"] == 11
    assert report["cost_usd"] == 0.25
    assert report["metadata"] == {"steps": [1, 2]}
    bad = result_of(module_yard, "bad-report")["agent_result"]
    assert {bad[key] for key in ("n_input_tokens", "cost_usd", "metadata")} == {None}
    no_text = result_of(module_yard, "no-text")["agent_result"]
    assert (no_text["n_input_tokens"], no_text["metadata"]) == (3, None)


@pytest.mark.usefixtures("outcomes")
def test_what_was_run_is_recorded(module_yard: Yard) -> None:
    (command,) = module_yard.work.glob("**/run-1.command.json")
    argv = json.loads(command.read_text())["argv"]
    assert argv[1] == "run"
    assert [argv[i + 1] for i, word in enumerate(argv) if word == "-i"] == list(BEHAVIOURS)


def test_two_candidates(module_yard: Yard) -> None:
    module_yard.set_tasks(TASKS)
    for candidate, score in ((RIGHT, 1.0), (WRONG, 0.0)):
        outcomes = module_yard.evaluate(candidate)
        assert [o.score for o in outcomes if isinstance(o, Scored)] == [score] * len(TASKS)
    # Each has its number: its folder is put away, without what agents wrote.
    done = list((module_yard.work / "done").iterdir())
    assert len(done) >= 2
    assert not any(Path(path, "agent").exists() for path in done[0].glob("jobs/run-1/*"))


@pytest.mark.parametrize(
    ("files", "cause"),
    [
        ({"other.py": ""}, "No module named 'solver'"),
        ({"solver.py": "class Agent:\n    pass\n"}, "TypeError"),
        ({"solver.py": "def Agent():\n    pass\n"}, "is not a class"),
        ({"solver.py": "import os\nos._exit(5)\n"}, "exit code 5"),
    ],
)
def test_a_class_that_cannot_be_loaded(
    module_yard: Yard, files: dict[str, str], cause: str
) -> None:
    module_yard.set_tasks(TASKS[:1])
    (outcome,) = module_yard.evaluate(files)
    assert isinstance(outcome, Failed), outcome
    assert outcome.cause == "CandidateError"
    assert cause in outcome.detail


# An agent that extends one of Harbor's own: a program that stands for the real one is installed in
# the environment, runs there, and leaves the log that Harbor's class reads afterwards.
EXTENDED = '''
import os
from pathlib import Path
from harbor.agents.installed.mini_swe_agent import MiniSweAgent

os.environ["MSWEA_API_KEY"] = "key-of-the-candidate"
PROGRAM = """#!/bin/sh
for word; do case $word in --task=*) task=${word#--task=Write };; esac; done
printf %s "${task%% *}" | tr a-z A-Z >/installed-agent/answer.txt
cat >/logs/agent/mini-swe-agent.trajectory.json <<END
{"info": {"model_stats": {"instance_cost": 0.5}}, "messages": [
 {"role": "system", "content": "s"}, {"role": "user", "content": "u"},
 {"role": "assistant", "content": "a", "extra": {"response":
  {"usage": {"prompt_tokens": 21, "completion_tokens": 4}}}}]}
END
"""

class Agent(MiniSweAgent):
    async def install(self, environment):
        (self.logs_dir / "program").write_text(PROGRAM)
        await environment.upload_file(self.logs_dir / "program", "/installed-agent/program")
        await self.exec_as_agent(environment, command=
            "mkdir -p $HOME/.local/bin && chmod +x /installed-agent/program && "
            "cp /installed-agent/program $HOME/.local/bin/mini-swe-agent")
'''


def test_an_agent_that_extends_one_of_harbors(module_yard: Yard) -> None:
    make_task(
        module_yard.tasks,
        "kiwi",
        files={
            "task.toml": '[environment]\nworkdir = "/installed-agent"\n[agent]\ntimeout_sec = 60\n',
            "tests/test.sh": "#!/bin/bash\n[ $(cat /installed-agent/answer.txt) = KIWI ] &&\n"
            "echo 1 >/logs/verifier/reward.txt\n",
        },
    )
    module_yard.set_tasks(["kiwi"])
    module_yard.configure(model="maker/m-1")
    (outcome,) = module_yard.evaluate({"solver.py": EXTENDED})
    assert isinstance(outcome, Scored), outcome
    assert outcome.score == 1.0
    report = result_of(module_yard, "kiwi")["agent_result"]
    assert (report["n_input_tokens"], report["n_output_tokens"]) == (21, 4)
    assert report["cost_usd"] == 0.5


def test_an_agent_of_harbors_as_it_is(module_yard: Yard) -> None:
    module_yard.set_tasks(TASKS[:1])
    (outcome,) = module_yard.evaluate(
        {"solver.py": "from harbor.agents.nop import NopAgent as Agent\n"}
    )
    assert isinstance(outcome, Scored), outcome
    assert outcome.score == 0.0
