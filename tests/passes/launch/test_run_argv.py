from __future__ import annotations

import pytest

from compiler.ir.launch_plan import Hole, Words, fill_word
from compiler.passes.launch.definition import config_hash
from compiler.passes.launch.run_argv import gpus_option, process_words, tong_run_argv
from compiler.passes.launch.secret_channel import TMPFS, WRAPPER
from tests.tongs import CACHE, DATABASE, GITHUB, make_tong

HOLES = {Hole.SESSION: "s1", Hole.OWNER: "o1", Hole.WORKSPACE: "/here/p", Hole.FILES: "/f"}


def filled(argv: Words) -> list[str]:
    return [fill_word(word, HOLES) for word in argv]


def argv_of(text: str, name: str = "x") -> list[str]:
    return filled(tong_run_argv(make_tong(text, name), container=("c",), network=("n",)))


def test_the_order_of_every_option() -> None:
    text = """\
lifecycle: session
image: img:1
env: {B: two words, A: "1"}
interface: {kind: port, port: 80}
aliases: [other]
entrypoint: [/run-it, -x]
command: [serve, --all]
mounts: [workspace, "volume:data:/data:ro", docker-socket, "workspace:/src:ro"]
resources: {memory: 512m, cpus: 1.5, pids: 64, gpus: device=0}
user: "1000"
read_only: true
cap_drop: [ALL]
cap_add: [NET_ADMIN]
"""
    found = config_hash(make_tong(text))
    assert argv_of(text) == [
        "docker", "run", "-d", "--name", "c", "--network", "n",
        "--network-alias", "x", "--network-alias", "other", "--entrypoint", "/run-it",
        "--label", "mooring.tong.name=x", "--label", f"mooring.tong.config-hash={found}",
        "--label", "mooring.session=s1", "--label", "mooring.owner=o1",
        "-e", "A=1", "-e", "B=two words",
        "-v", "/here/p:/workspace", "-v", "data:/data:ro",
        "-v", "/var/run/docker.sock:/var/run/docker.sock", "-v", "/here/p:/src:ro",
        "--memory", "536870912", "--cpus", "1.5", "--pids-limit", "64", "--gpus", "device=0",
        "--user", "1000", "--read-only", "--cap-drop", "ALL", "--cap-add", "NET_ADMIN",
        "img:1", "-x", "serve", "--all",
    ]  # fmt: skip


def test_secrets_are_in_no_word_and_the_process_waits_for_them() -> None:
    argv = argv_of(GITHUB)
    assert argv[argv.index("--entrypoint") + 1] == "/bin/sh"
    assert argv[argv.index("--tmpfs") + 1] == TMPFS
    assert argv[-4:] == ["ghcr.io/acme/github-mcp:1.2", "-c", WRAPPER, "mooring"]
    assert [argv[i + 1] for i, word in enumerate(argv) if word == "-e"] == ["LOG=1"]
    assert not any("GITHUB_TOKEN" in word or "vault" in word for word in argv)


@pytest.mark.parametrize(
    ("more", "asked", "words"),
    [
        ("", "both", ()),
        ("command: [a, b]\n", "entrypoint", ("a", "b")),
        ("entrypoint: [e, f]\n", None, ("e", "f")),
        ("entrypoint: [e]\ncommand: [a]\n", None, ("e", "a")),
    ],
)
def test_what_runs_behind_the_wrapper(more: str, asked: str | None, words: tuple[str, ...]) -> None:
    inspect, following = process_words(make_tong(GITHUB + more))
    assert following == words
    if inspect is None:
        assert asked is None
        return
    shown = filled(inspect)
    assert shown[:4] == ["docker", "image", "inspect", "--format"]
    assert ".Config.Entrypoint" in shown[4]
    assert (".Config.Cmd" in shown[4]) == (asked == "both")


def test_without_secrets_nothing_follows() -> None:
    assert process_words(make_tong(DATABASE + "command: [a]\n")) == (None, ())


def test_a_shared_tong_bears_no_session_and_its_words_are_finished() -> None:
    argv = tong_run_argv(make_tong(CACHE), container=("c",), network=("n",))
    assert not any(isinstance(piece, Hole) for word in argv for piece in word)


def test_the_offered_volume_is_mounted_once() -> None:
    assert "wheels:/cache" in argv_of(CACHE)
    twice = argv_of(CACHE + 'mounts: ["volume:wheels:/cache"]\n')
    assert twice.count("-v") == 1


@pytest.mark.parametrize(
    ("gpus", "option"),
    [("all", "all"), (2, "2"), (("0",), "device=0"), (("0", "1"), '"device=0,1"')],
)
def test_gpus(gpus: str | int | tuple[str, ...], option: str) -> None:
    assert gpus_option(gpus) == option
