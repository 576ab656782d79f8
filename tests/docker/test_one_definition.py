"""One definition on a real engine, by the script and by the live launcher (Compose: test_tongs)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.commands import call_mooring, exit_code
from tests.docker import engine
from tests.fixture_cases import ROOT

pytestmark = pytest.mark.docker
SECRET = 'it\'s\n$HOME "hot"'
SERVER = """\
import http.server as h, os
os.chdir("/workspace")
h.HTTPServer(("", 8080), h.SimpleHTTPRequestHandler).serve_forever()
"""
ASK = """\
import os, urllib.request
host, port = os.environ["MOORING_TONG_HOT_HOST"], os.environ["MOORING_TONG_HOT_PORT"]
print(urllib.request.urlopen(f"http://{host}:{port}/note", timeout=10).read().decode())
"""
# The secret is in the environment of the process, and in no setting of its container.
ENVIRON = "import json; print(json.dumps(open('/proc/1/environ').read().split(chr(0))))"


def desk(folder: Path, argv: list[str], **more: Any) -> Path:
    """A compiled launch of a server with a secret, and the harness `argv` beside it."""
    tong = {
        "name": "hot",
        "lifecycle": "session",
        "image": engine.base_image(),
        "command": ["python3", "-c", SERVER],
        "env": {"TOKEN": "<${secret:vault:token}>"},
        "interface": {"kind": "port", "port": 8080},
        "mounts": ["workspace:ro"],
        **more,
    }
    anvil = {"image": engine.base_image(), "argv": argv}
    source = folder / "input"
    source.mkdir()
    build = {"name": "acme/desk", "tongs": [tong], "anvil": anvil}
    (source / "build.yaml").write_text(json.dumps(build), "utf-8")
    (folder / "note").write_text("seen through the workspace", "utf-8")
    assert exit_code(call_mooring(["compile", str(source), "-o", str(folder / "out"), "-q"])) == 0
    (folder / "value").write_text(f"{SECRET}\n", "utf-8")
    table = {"vault": ["sh", "-c", f"cat {folder / 'value'}", "{ref}"]}
    (folder / "providers.yaml").write_text(json.dumps(table), "utf-8")
    return folder / "out" / "launch"


def begin(how: str, launch: Path, session: str) -> subprocess.Popen[str]:
    home = launch.parent.parent
    environment = {**os.environ, "HOME": str(home), "PYTHONPATH": str(ROOT)}
    if how == "script":
        argv = [str(launch / "launch.sh")]
        environment |= {"MOORING_SESSION": session, "MOORING_SECRET_HOT__TOKEN": SECRET}
    else:
        argv = [sys.executable, "-m", "compiler", "launch", "--plan", str(launch / "plan.json")]
        argv += ["--providers", str(home / "providers.yaml"), "--no-prompt"]
    return subprocess.Popen(
        argv,
        cwd=home,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def containers_of(text: str) -> list[str]:
    argv = ["docker", "ps", "--all", "--quiet", "--filter", f"label={text}"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("how", ["script", "live"])
def test_the_harness_reaches_the_tong_and_its_code_is_the_launch_s(
    how: str, tmp_path: Path, docker_engine: str, run_prefix: str
) -> None:
    launch = desk(tmp_path, ["sh", "-c", 'python3 -c "$0"; exit 7', ASK])
    session = f"{run_prefix}-{how}"
    process = begin(how, launch, session)
    out, said = process.communicate(timeout=180)
    assert (process.returncode, out.strip()) == (7, "seen through the workspace"), said
    assert SECRET not in said
    assert containers_of(f"mooring.session={session}") == []


def test_a_secret_is_in_the_process_and_a_signal_ends_the_session(
    tmp_path: Path, docker_engine: str, run_prefix: str
) -> None:
    launch = desk(tmp_path, ["sh", "-c", "echo up; exec sleep 600"])
    session = f"{run_prefix}-signal"
    process = begin("script", launch, session)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    name = f"{session}-tong-hot"
    shown = subprocess.run(
        ["docker", "exec", name, "python3", "-c", ENVIRON], capture_output=True, check=True
    ).stdout
    assert f"TOKEN=<{SECRET}>" in json.loads(shown)
    inspected = subprocess.run(
        ["docker", "inspect", name], capture_output=True, text=True, check=True
    ).stdout
    assert 'hot\\"' not in inspected and "$HOME" not in inspected
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == 143
    assert time.monotonic() - begun < 60
    assert containers_of(f"mooring.session={session}") == []


def test_a_tong_that_ends_ends_the_launch(
    tmp_path: Path, docker_engine: str, run_prefix: str
) -> None:
    launch = desk(tmp_path, ["true"], command=["sh", "-c", "echo broken on purpose; exit 9"])
    process = begin("script", launch, f"{run_prefix}-broken")
    _, said = process.communicate(timeout=180)
    assert process.returncode == 125
    assert "the tong hot ended with code 9; its last lines:\nbroken on purpose\n" in said
    assert containers_of(f"mooring.session={run_prefix}-broken") == []
