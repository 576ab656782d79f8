"""The command line: where options may stand, what is refused, what is said, and how it ends."""

from __future__ import annotations

import signal
import subprocess

import pytest

from compiler.runtime.supervisor.parser import make_parser
from tests.runtime.supervisor.tree import Tree, user_argv

EVERYWHERE = [
    ["-p", "coder", "gateway", "start"],
    ["gateway", "-p", "coder", "start"],
    ["gateway", "start", "-p", "coder"],
    ["--json", "gateway", "--profile", "coder", "start"],
    ["--profile=coder", "gateway", "start", "--json"],
]


@pytest.mark.parametrize("words", EVERYWHERE)
def test_options_may_stand_anywhere(words: list[str]) -> None:
    options = make_parser().parse_args(words)
    assert options.profile == "coder"
    assert options.run.__name__ == "start"
    assert getattr(options, "json", False) is any(word == "--json" for word in words)


WRONG = [
    (["gateway"], "required: COMMAND"),
    (["gateway", "strat"], "strat"),
    (["gateway", "start", "--timeout", "0"], "from 0.001 to 86400"),
    (["gateway", "logs", "-n", "many"], "from 0 to 100000"),
    (["gateway", "start", "--al"], "unrecognized arguments: --al"),
    (["profile", "create"], "required: NAME"),
    (["gateway", "start", "--all", "-p", "x"], "exclude each other"),
    (["gateway", "start", "-p", "Bad"], "'Bad' is no name of a profile"),
    (["gateway", "start", "-p", "nobody"], "there is no profile nobody"),
    (["profile", "create", "default"], "always there"),
]


def test_what_is_said_without_a_tree_and_of_wrong_words(user_tree: Tree) -> None:
    tree = user_tree
    for words, said in WRONG:
        done = tree.run(*words)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr
        assert done.stderr.count("\n") <= 2
    done = tree.run("gateway", "start")
    assert done.returncode == 3
    assert "not supervised here: no supervisor runs here\n" in done.stderr
    status = tree.ok("gateway", "status")
    assert status.startswith(("Manager: docker (foreground)\n", "Manager: none\n"))
    # The hooks of profiles do nothing here, and the next boot makes up for it.
    assert "the next boot registers it" in tree.ok("profile", "create", "coder", "--start")
    assert tree.run("health").returncode == 3
    for word in ("install", "uninstall"):
        assert "Nothing to" in tree.ok("gateway", word)
    tree.boot()
    tree.wait_state("coder", "running")
    assert tree.ok("gateway", "status").startswith("Manager: s6 (container supervisor)\n")
    assert "supervised here" in tree.run("gateway", "run", "-p", "coder").stderr


def test_in_the_foreground_where_nobody_supervises(user_tree: Tree) -> None:
    tree = user_tree
    tree.make_profile("coder")
    argv = [str(tree.scripts / "mooring"), "gateway", "run", "-p", "coder"]
    command = subprocess.Popen(
        [*user_argv(False), *argv],
        env=tree.environment(), stdout=subprocess.DEVNULL,
    )  # fmt: skip
    tree.wait_for(lambda: tree.starts("coder") == 1)
    command.terminate()
    assert command.wait(20) in (0, -signal.SIGTERM)


def test_an_interrupt_a_closed_pipe_and_a_full_disk_end_without_a_traceback(
    user_tree: Tree,
) -> None:
    tree = user_tree
    tree.boot()
    tree.ok("gateway", "start")
    mooring = str(tree.scripts / "mooring")
    follow = subprocess.Popen(
        [mooring, "gateway", "logs", "-f"],
        env=tree.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert follow.stdout is not None
    follow.stdout.readline()
    follow.send_signal(signal.SIGINT)
    _, said = follow.communicate(timeout=20)
    assert (follow.returncode, b"Traceback" in said) == (130, False)
    script = f"{mooring} gateway status | true; {mooring} gateway status >/dev/full"
    done = subprocess.run(
        ["sh", "-c", script], env=tree.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert "No space left" in done.stderr
