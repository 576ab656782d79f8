"""Gateways as a shared tong: an anvil is launched beside them, twice."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.commands import call_mooring
from tests.docker import engine
from tests.docker.gateways import Home, build_image
from tests.fixture_cases import OK

pytestmark = pytest.mark.docker

CONTAINER = "mooring-tong-gateways"
ASK = """\
import os, socket
host, port = (os.environ[f"MOORING_GATEWAY_DEFAULT_{what}"] for what in ("HOST", "PORT"))
with socket.create_connection((host, int(port)), timeout=20) as connection:
    same = os.environ["MOORING_TONG_GATEWAYS_PORT"] == port
    print("told", connection.recv(100).decode().strip(), same)
"""


@pytest.fixture
def launched(tmp_path: Path, docker_engine: str) -> Iterator[Path]:
    """The compiled build, its image built under the name that its tong has."""
    output = tmp_path / "out"
    source = OK / "gateways-alone" / "input"
    param = f"BASE_IMAGE={engine.base_image()}"
    done = call_mooring(["compile", str(source), "-o", str(output), "--param", param])
    assert done.exit_code == 0, done.stderr
    tong = YAML(typ="safe").load(output / "tongs" / "gateways.yaml")
    volume = tong["mounts"][0].split(":")[1]
    try:
        build_image(output, tong["image"])
        yield output
    finally:
        engine.run_docker("rm", "--force", "--volumes", CONTAINER)
        engine.run_docker("volume", "rm", "--force", volume)
        engine.run_docker("image", "rm", "--force", tong["image"])


def launch(output: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    argv = [str(output / "launch" / "launch.sh")]
    return subprocess.run(
        argv, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip


def test_an_anvil_finds_the_gateways_and_they_outlive_it(launched: Path, tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "ask.py").write_text(ASK, "utf-8")
    first = launch(launched, workspace)
    assert (first.returncode, first.stdout) == (0, "told default True\n"), first.stderr
    at = Home(name=CONTAINER, image="")
    at.mooring("-p", "spare", "gateway", "start")
    process = at.gateways()["default"]["pid"]
    assert launch(launched, workspace).stdout == "told default True\n"
    assert at.gateways()["default"]["pid"] == process
    # As the launcher starts it: few capabilities, and no memory file system at /run.
    at.docker("restart")
    at.wait_healthy()
    assert at.states() == {"default": "running", "spare": "running"}
