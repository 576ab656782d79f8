from __future__ import annotations

import pytest

from compiler.passes.launch.definition import canonical_definition, config_hash
from tests.tongs import DATABASE, GITHUB, make_tong


@pytest.mark.parametrize(
    "same",
    [
        DATABASE + "description: Something else.\n",
        DATABASE + "readiness: {mode: tcp, timeout: 30s}\n",
        DATABASE + "readiness: {timeout: 0.5m}\n",
        DATABASE + "read_only: false\nmounts: []\n",
        "# A comment.\n" + "\n".join(reversed(DATABASE.splitlines())) + "\n",
    ],
)
def test_what_says_the_same_has_the_same_hash(same: str) -> None:
    assert config_hash(make_tong(same)) == config_hash(make_tong(DATABASE))


@pytest.mark.parametrize(
    "other",
    [
        DATABASE.replace("17", "18"),
        DATABASE.replace("session", "shared"),
        DATABASE.replace("throwaway", "other"),
        DATABASE + "user: '5'\n",
        DATABASE + "cap_add: [NET_RAW]\n",
        DATABASE + "command: []\n".replace("[]", "[x]"),
        DATABASE + "networks: [n]\n",
        DATABASE + "readiness: {timeout: 31}\n",
    ],
)
def test_what_asks_for_something_else_has_another(other: str) -> None:
    assert config_hash(make_tong(other)) != config_hash(make_tong(DATABASE))


def test_a_secret_is_its_reference() -> None:
    definition = canonical_definition(make_tong(GITHUB))
    assert definition["env"]["GITHUB_TOKEN"] == "${secret:vault:github:token}"


def test_mounts_are_shown_in_full() -> None:
    text = DATABASE + "mounts: [workspace, docker-socket:ro, 'volume:v:/v//w/.']\n"
    found = canonical_definition(make_tong(text))["mounts"]
    assert found == ["workspace:/workspace:rw", "docker-socket:ro", "volume:v:/v/w:rw"]
