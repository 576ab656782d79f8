"""mooring tongs validate, list and with-secrets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Mooring
from tests.commands import call_mooring, exit_code, told
from tests.fixture_cases import ROOT
from tests.tongs import DATABASE, GITHUB


def write(folder: Path, **definitions: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in definitions.items():
        (folder / f"{name}.yaml").write_text(text, "utf-8")
    return folder


@pytest.fixture
def layers(tmp_path: Path) -> list[str]:
    """db and hub of the user; the organisation has a db of its own; the workspace disables hub."""
    user = write(tmp_path / "user", db=DATABASE, hub=GITHUB)
    org = write(tmp_path / "org", db=DATABASE.replace("17", "18"))
    workspace = write(tmp_path / "workspace", hub="disable: true\n", mine=DATABASE)
    options = [f"--user-dir={user}", f"--org-dir={org}", f"--repo-dir={tmp_path / 'nowhere'}"]
    return ["tongs", "list", *options, f"--workspace-dir={workspace}"]


def test_a_higher_layer_replaces_whole_and_disables(layers: list[str]) -> None:
    done = call_mooring([*layers, "--json"])
    assert exit_code(done) == 0
    found = json.loads(done.stdout)
    assert [(t["name"], t["layer"], t["image"]) for t in found["tongs"]] == [
        ("db", "org", "postgres:18"),
        ("mine", "workspace", "postgres:17"),
    ]
    assert [t["layer"] for t in found["tongs"][0]["hides"]] == ["user"]
    (disabled,) = found["disabled"]
    assert (disabled["name"], disabled["layer"]) == ("hub", "workspace")
    assert [t["image"] for t in disabled["hides"]] == ["ghcr.io/acme/github-mcp:1.2"]


def test_people_are_told_the_same(layers: list[str]) -> None:
    lines = call_mooring(layers).stdout.splitlines()
    assert lines[0] == "db: session, port, postgres:18"
    assert [line.partition(":")[0] for line in lines[1:3]] == [
        "  from the org layer",
        "  hides that of the user layer",
    ]
    assert "hub: disabled" in lines


def test_the_workspace_replaces_nothing(layers: list[str], tmp_path: Path) -> None:
    write(tmp_path / "workspace", db=DATABASE.replace("17", "19"))
    done = call_mooring([*layers, "--json"])
    assert exit_code(done) == 2
    assert told(done.stderr) == {"MOR518": "error"}
    assert json.loads(done.stdout)["tongs"][0]["image"] == "postgres:18"


def test_no_folder_at_all_is_no_tongs(tmp_path: Path) -> None:
    nowhere = [f"--user-dir={tmp_path / 'a'}", f"--workspace={tmp_path}"]
    done = call_mooring(["tongs", "list", *nowhere])
    assert (exit_code(done), done.stdout) == (0, "no tongs\n")


def test_validate_judges_each_file_and_all_of_them(tmp_path: Path) -> None:
    folder = write(tmp_path / "tongs", a=DATABASE + "usr: x\n", b="lifecycle: never\n", c=DATABASE)
    done = call_mooring(["tongs", "validate", str(folder)])
    assert exit_code(done) == 2
    assert told(done.stderr) == {"MOR502": "warning", "MOR111": "error", "MOR113": "error"}
    assert "did you mean `user`?" in done.stderr
    strict = call_mooring(["tongs", "validate", "--strict", str(folder / "a.yaml")])
    assert exit_code(strict) == 2
    assert told(strict.stderr) == {"MOR110": "error"}
    good = call_mooring(["tongs", "validate", str(folder / "c.yaml")])
    assert (exit_code(good), good.stderr) == (0, "1 definition, no errors\n")


def test_a_path_that_is_not_there_is_a_wrong_command_line(mooring: Mooring, tmp_path: Path) -> None:
    ended = mooring("tongs", "validate", tmp_path / "x.yaml")
    assert ended.code == 2
    assert "there is no" in ended.err


def with_secrets(home: Path, *argv: str, **variables: str) -> subprocess.CompletedProcess[str]:
    listed = [
        {"variable": f"MOORING_SECRET_{name}", "provider": "p", "reference": name.lower()}
        for name in ("A", "B")
    ]
    file = home / "secrets.json"
    file.write_text(json.dumps({"secrets": listed}), "utf-8")
    command = [sys.executable, "-m", "compiler", "tongs", "with-secrets", str(file), "--", *argv]
    environment = {**os.environ, "HOME": str(home), **variables}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_a_command_gets_what_is_missing_from_the_providers(tmp_path: Path) -> None:
    table = tmp_path / ".mooring" / "secret-providers.yaml"
    table.parent.mkdir()
    table.write_text("p: [printf, 'value of %s\\n\\n', '{ref}']\n")
    show = ("sh", "-c", 'printf "%s|%s" "$MOORING_SECRET_A" "$MOORING_SECRET_B"; exit 7')
    done = with_secrets(tmp_path, *show, MOORING_SECRET_B="given")
    assert (done.returncode, done.stdout, done.stderr) == (7, "value of a\n|given", "")


def test_a_secret_that_is_not_to_be_had_is_a_refusal(tmp_path: Path) -> None:
    done = with_secrets(tmp_path, "touch", str(tmp_path / "ran"))
    assert done.returncode == 4
    assert "no secret provider `p`" in done.stderr
    assert not (tmp_path / "ran").exists()
    given = {"MOORING_SECRET_A": "1", "MOORING_SECRET_B": "2"}
    assert with_secrets(tmp_path, "true", **given).returncode == 0
