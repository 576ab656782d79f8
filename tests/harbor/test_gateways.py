"""A real trial beside whose main gateways run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.docker.gateways import compile_gateways
from tests.harbor.trials import Harbor, make_variant

pytestmark = pytest.mark.harbor

SOLVE = """
python3 /solution/ask.py
git commit --quiet --allow-empty --message "Change nothing"
mooring eval --split train >/dev/null
"""
# Each gateway by the variables that main has of it; one that was not wanted does not answer.
ASK = """\
import json, os, urllib.error, urllib.request
for name in ("CODER", "WRITER", "NIGHT_SHIFT"):
    host, port = (os.environ[f"MOORING_GATEWAY_{name}_{what}"] for what in ("HOST", "PORT"))
    try:
        told = json.load(urllib.request.urlopen(f"http://{host}:{port}/", timeout=20))
    except urllib.error.URLError as error:
        told = type(error.reason).__name__
    print("told", json.dumps(told))
"""


def test_main_reaches_the_gateways_that_are_wanted(
    harbor: Harbor, trial_prefix: str, tmp_path: Path
) -> None:
    base = compile_gateways(tmp_path / f"{trial_prefix}-gw")
    task = make_variant(base, f"{trial_prefix}-gateways", SOLVE, ask=ASK)
    run = harbor.run_script(task, "gateways", cwd=tmp_path)
    assert run.code == 0, run.output
    trial = harbor.trial("gateways")
    assert trial.exception is None
    assert trial.rewards == {"reward": 1.0}
    lines = [line for line in trial.agent_said.splitlines() if line.startswith("told ")]
    coder, writer, night_shift = (json.loads(line.removeprefix("told ")) for line in lines)
    assert (coder["profile"], writer["profile"]) == ("coder", "writer")
    assert coder["home"] == coder["folder"] == "/opt/data/profiles/coder"
    assert coder["uid"] == 1001
    # Set for all, taken away for one; set for one; the image's own, taken away for all.
    assert coder["variables"] == {"LANGUAGE": "python"}
    assert writer["variables"] == {"GREETING": "hello"}
    assert night_shift == "ConnectionRefusedError"
