"""`mooring launch -- docker run ...` from definitions in layers, on a real engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docker import engine
from tests.docker.launches import ASKER, SERVE, Launcher, inspect, launcher, sessions

pytestmark = pytest.mark.docker
SECRET = b"\x1b[2J it's two\nlines \xc3\xa9"


@pytest.fixture
def user(tmp_path: Path, docker_engine: str, docker_scrap: engine.Scrap) -> Iterator[Launcher]:
    with launcher(tmp_path / "home", docker_scrap, docker_engine) as each:
        yield each


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    (folder / ".mooring/tongs").mkdir(parents=True)
    (folder / "file").write_text("of the workspace")
    return folder


def define(folder: Path, name: str, **definition: Any) -> None:
    """JSON is YAML."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(json.dumps(definition))


def server(user: Launcher, **more: Any) -> dict[str, Any]:
    base = {"lifecycle": "session", "image": user.image, "command": list(SERVE)}
    return {**base, "interface": {"kind": "port", "port": 8080}, **more}


def test_layers_secrets_and_volumes(user: Launcher, workspace: Path) -> None:
    """A user's tong is hidden by the repository's; one hands over a volume; one has a secret."""
    (user.home / "s").write_bytes(SECRET)
    mine, repository = user.home / ".mooring/tongs", user.home / "repository"
    secret = {"TOKEN": f"Bearer ${{secret:test:{user.home}/s}}"}
    define(mine, "hot", **server(user, env=secret, aliases=["other"]))
    define(mine, "web", **server(user, command=["false"]))
    define(repository, "web", **server(user, depends_on=["hot"]))
    volume = {"kind": "volume", "volume": f"{user.prefix}-v", "mountpoint": "/data"}
    fill = "cat /workspace/file >/data/file; exec sleep 600"
    define(
        repository, "disk", lifecycle="session", image=user.image, interface=volume,
        command=["sh", "-c", fill], mounts=["workspace:ro"],
        readiness={"mode": "healthcheck", "command": ["test", "-s", "/data/file"]},
    )  # fmt: skip
    script = f"{ASKER}import os; print(open(os.environ['DISK_PATH'] + '/file').read())"
    argv = ["docker", "run", "--rm", user.image, "python3", "-c", script]
    layers = ["--repo-dir", str(repository), "--workspace", str(workspace)]
    places = ["hot:8080/TOKEN", "other:8080", "web:8080"]
    ended = user.call("launch", *layers, "--env-prefix", "", "--", *argv, *places)
    assert ended.code == 0, ended.err
    assert ended.out == (
        f"{places[0]} Bearer {SECRET.decode()}\n{places[1]} here\n{places[2]} here\n"
        "of the workspace\n"
    )
    order = [line.split()[2] for line in ended.err.splitlines() if "ready after" in line]
    assert order.index("hot:") < order.index("web:")
    assert SECRET.decode() not in ended.err


def test_a_workspace_is_not_trusted(user: Launcher, workspace: Path) -> None:
    """Refused without a yes; kept for this definition; asked anew when it changes."""
    tongs = workspace / ".mooring/tongs"
    define(tongs, "web", **server(user, env={"A": "a\u001b[2K\u202e"}))
    words = ["--workspace", str(workspace), "--", "docker", "run", "--rm", user.image, "true"]
    refused = user.call("launch", *words)
    assert refused.code == 125
    assert "needs approval" in refused.err
    for answer in (b"n\n", b"\x04"):
        denied = user.ask(answer, *words)
        assert denied.code == 125
        assert "was not approved" in denied.err
    assert f'  image: "{user.image}"' in denied.err
    assert "\x1b" not in denied.err
    assert "\u202e" not in denied.err
    allowed = user.ask(b"y\n", *words)
    assert allowed.code == 0, allowed.err
    assert user.call("launch", "--no-prompt", *words).code == 0
    define(tongs, "web", **server(user, env={"A": "other"}))
    assert user.call("launch", *words).code == 125


def test_without_tongs_the_command_is_run_as_it_is(user: Launcher, workspace: Path) -> None:
    words = ["docker", "run", "--rm", user.image, "python3", "-c", "print(7); raise SystemExit(9)"]
    ended = user.call("launch", "--workspace", str(workspace), "--", *words)
    assert (ended.code, ended.out, ended.err) == (9, "7\n", "")


def test_a_mistake_in_any_layer_ends_it_before_docker(user: Launcher, workspace: Path) -> None:
    define(user.home / ".mooring/tongs", "web", **server(user))
    define(user.home / "repository", "web", **server(user, lifecycle="forever"))
    (user.home / "repository/bad.yaml").write_text("a: [")
    before = sessions()
    layers = ["--repo-dir", str(user.home / "repository"), "--workspace", str(workspace)]
    ended = user.call("launch", *layers, "--", "docker", "run", user.image)
    assert ended.code == 125
    assert "bad.yaml:1:" in ended.err
    assert "web.yaml:1:" in ended.err
    assert sessions() <= before


def test_a_harness_on_a_network_of_its_own_reuses_a_shared_tong(
    user: Launcher, workspace: Path, docker_scrap: engine.Scrap
) -> None:
    network = f"{user.prefix}-own"
    engine.run_docker("network", "create", network)
    name = f"kept-{user.prefix}"
    docker_scrap.expect_prefix(f"mooring-tong-{name}")
    define(user.home / ".mooring/tongs", name, **server(user, lifecycle="shared"))
    argv = ["docker", "run", "--rm", "--network", network, user.image, "python3", "-c", ASKER]
    words = ["launch", "--workspace", str(workspace), "--", *argv, f"{name}:8080"]
    first, second = user.call(*words), user.call(*words)
    listed = json.loads(user.call("tongs", "ps", "--json").out)
    [row] = [each for each in listed if each["tong"] == name]
    assert user.call("tongs", "down", name).code == 0
    assert [first.code, second.code] == [0, 0], (first.err, second.err)
    assert second.out == f"{name}:8080 here\n"
    assert ("(started)" in first.err, "(reused)" in second.err) == (True, True)
    assert (row["session"], row["status"], row["orphaned"]) == (None, "running", False)
    assert inspect(row["container"]) is None
