"""Real trials of a task with a tong: its secret by way of a provider, and a start that fails."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.docker import engine
from tests.docker.tasks import Build, compile_task
from tests.harbor.trials import Harbor, make_variant

pytestmark = pytest.mark.harbor

VALUE = "it's $HOME and 'more\" of it"
SERVER = """\
import hashlib, http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        self.wfile.write(hashlib.sha256(os.environ["TOKEN"].encode()).hexdigest().encode())
http.server.HTTPServer(("", 8080), Handler).serve_forever()
"""
SOLVE = """
python3 -c 'import os, urllib.request as u
url = "http://" + os.environ["MOORING_TONG_HOT_HOST"] + ":" + os.environ["MOORING_TONG_HOT_PORT"]
print("told", u.urlopen(url, timeout=20).read().decode())'
env | sed 's/^/has /'
git commit --quiet --allow-empty --message "Change nothing"
mooring eval --split train >/dev/null
"""


def compile_with(folder: Path, **more: Any) -> Path:
    def change(source: Path, build: Build) -> None:
        build["tongs"] = [
            {
                "name": "hot",
                "lifecycle": "session",
                "image": engine.base_image(),
                "command": ["python3", "-c", SERVER],
                "interface": {"kind": "mcp", "port": 8080, "name": "hot"},
                **more,
            }
        ]

    return compile_task(folder.parent, folder, change)


def test_a_tong_beside_main_holds_its_secret_alone(
    harbor: Harbor, trial_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = compile_with(
        tmp_path / f"{trial_prefix}-tong", env={"TOKEN": "${secret:vault:deploy:key}"}
    )
    task = make_variant(base, f"{trial_prefix}-tongs", SOLVE)
    home = tmp_path / "home"
    (home / ".mooring").mkdir(parents=True)
    vault = [sys.executable, "-c", f"import sys; print({VALUE!r} + sys.argv[1])", "{ref}"]
    table = home / ".mooring/secret-providers.yaml"
    table.write_text(json.dumps({"vault": vault}), encoding="utf-8")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    run = harbor.run_script(task, "tongs", cwd=tmp_path)
    assert run.code == 0, run.output
    trial = harbor.trial("tongs")
    assert trial.exception is None
    assert trial.rewards is not None
    told = hashlib.sha256(f"{VALUE}deploy:key".encode()).hexdigest()
    lines = trial.agent_said.splitlines()
    assert f"told {told}" in lines
    assert "has MOORING_TONG_HOT_HOST=hot" in lines
    assert not [line for line in lines if "SECRET" in line or VALUE in line]
    for path in (harbor.jobs / "tongs").rglob("*"):
        assert not path.is_file() or VALUE.encode() not in path.read_bytes(), path


def test_a_tong_that_is_never_ready_fails_the_trial_with_its_name(
    harbor: Harbor, trial_prefix: str, tmp_path: Path
) -> None:
    task = compile_with(
        tmp_path / f"{trial_prefix}-deaf", command=["sleep", "600"], readiness={"timeout": 2}
    )
    run = harbor.run_script(task, "deaf", cwd=tmp_path)
    assert run.code == 3, run.output
    trial = harbor.trial("deaf")
    assert trial.rewards is None
    assert trial.exception == "RuntimeError"
    assert "tong-hot-ready" in trial.result["exception_info"]["exception_message"]
