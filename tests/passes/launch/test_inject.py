from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.ir.launch_plan import Hole, Word, words
from compiler.ir.sidecars import Harness
from compiler.passes.launch.inject import (
    Injection,
    NetworkNotShared,
    anvil_variables,
    inject_anvil_argv,
    mcp_servers,
    offered_volumes,
    plan_network,
)
from compiler.passes.launch.mcp import mcp_config
from tests.tongs import CACHE, DATABASE, GITHUB, make_tong

ALL = Injection(network=("net",), options=words("-e", "A=1"), harness=("--flag", "v"))
SERVERS = {"github": "http://github:8080/mcp", "a.b": "http://a.b:1/x"}


def injected(line: str, injection: Injection = ALL) -> str:
    return " ".join("".join(word) for word in inject_anvil_argv(line.split(), injection))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("docker run img", "docker run --network net -e A=1 img --flag v"),
        ("docker run -it img sh -c x", "docker run -it --network net -e A=1 img sh -c x --flag v"),
        ("docker run --net own img", "docker run --net own -e A=1 img --flag v"),
        (
            "docker run img --network host -e X=1",
            "docker run --network net -e A=1 img --network host -e X=1 --flag v",
        ),
        ("docker run -- img", "docker run --network net -e A=1 -- img --flag v"),
    ],
)
def test_what_is_added_goes_before_the_image_and_to_the_end(line: str, expected: str) -> None:
    argv = line.split()
    assert injected(line) == expected
    assert argv == line.split()


@given(st.lists(st.text(min_size=1)))
def test_without_anything_to_add_it_is_as_it_was(rest: list[str]) -> None:
    argv = ["docker", "run", "--rm", "img", *rest]
    assert inject_anvil_argv(argv, Injection()) == words(*argv)


@given(st.lists(st.text(min_size=1)))
def test_what_follows_the_image_is_never_read(rest: list[str]) -> None:
    argv = ["docker", "run", "img", *rest]
    done = inject_anvil_argv(argv, ALL)
    assert done[:6] == words("docker", "run", "--network", ("net",), "-e", "A=1")
    assert done[6:] == words("img", *rest, "--flag", "v")


def test_words_with_holes_are_no_hindrance() -> None:
    argv: list[str | Word] = ["docker", "run", Hole.TERMINAL, "-v", (Hole.WORKSPACE, ":/w"), "img"]
    done = inject_anvil_argv(argv, Injection(options=words("-e", "A=1")))
    assert done == words(*argv[:-1], "-e", "A=1", "img")


def test_variables() -> None:
    tongs = [make_tong(GITHUB, "git-hub"), make_tong(DATABASE, "db"), make_tong(CACHE, "cache")]
    assert dict(anvil_variables(tongs, "P_")) == {
        "P_GIT_HUB_HOST": "github",
        "P_GIT_HUB_PORT": "8080",
        "P_DB_HOST": "db",
        "P_DB_PORT": "5432",
        "P_CACHE_PATH": "/cache",
    }
    assert offered_volumes(tongs) == ("wheels:/cache",)
    assert mcp_servers(tongs) == {"github": "http://github:8080/mcp"}


@pytest.mark.parametrize(
    ("option", "name", "owned"),
    [
        ("", (Hole.SESSION, "-tongs"), True),
        ("--network mine", ("mine",), False),
        ("--network name=mine,alias=x", ("mine",), False),
        ("--net=mine", ("mine",), False),
    ],
)
def test_the_network_where_they_meet(option: str, name: Word, owned: bool) -> None:
    network = plan_network(["docker", "run", *option.split(), "img"], [make_tong(DATABASE)])
    assert (network.name, network.owned, network.existing) == (name, owned, not owned)


@pytest.mark.parametrize("network", ["host", "none", "bridge", "container:x"])
def test_networks_on_which_no_tong_has_a_name(network: str) -> None:
    argv = ["docker", "run", "--network", network, "img"]
    with pytest.raises(NetworkNotShared):
        plan_network(argv, [make_tong(DATABASE)])
    assert plan_network(argv, [make_tong(CACHE)]).owned


def test_claude_gets_a_flag() -> None:
    flag, text = mcp_config(Harness.CLAUDE, SERVERS).flags
    assert flag == "--mcp-config"
    found = json.loads(text)["mcpServers"]
    assert found["github"] == {"type": "http", "url": "http://github:8080/mcp"}


def test_codex_gets_settings_in_toml() -> None:
    flags = mcp_config(Harness.CODEX, SERVERS).flags
    assert flags[::2] == ("-c", "-c")
    found = tomllib.loads("\n".join(flags[1::2]))["mcp_servers"]
    assert {name: server["url"] for name, server in found.items()} == SERVERS


def test_opencode_gets_a_variable() -> None:
    ((name, text),) = mcp_config(Harness.OPENCODE, SERVERS).variables
    assert name == "OPENCODE_CONFIG_CONTENT"
    assert json.loads(text)["mcp"]["a.b"] == {"type": "remote", "url": "http://a.b:1/x"}


def test_gemini_gets_a_file_of_settings() -> None:
    config = mcp_config(Harness.GEMINI, SERVERS)
    assert config.file is not None
    file, place = config.file
    assert place == "/etc/gemini-cli/settings.json"
    assert json.loads(file.content)["mcpServers"]["github"] == {"httpUrl": SERVERS["github"]}


def test_others_get_the_common_file_and_are_told_where() -> None:
    config = mcp_config(Harness.GENERIC, SERVERS)
    assert config.file is not None
    assert config.variables == (("MOORING_MCP_CONFIG", config.file[1]),)
    assert set(json.loads(config.file[0].content)["mcpServers"]) == set(SERVERS)


@pytest.mark.parametrize("harness", [None, *Harness])
def test_without_servers_nobody_is_told_anything(harness: Harness | None) -> None:
    assert mcp_config(harness, {}) == mcp_config(None, SERVERS)
