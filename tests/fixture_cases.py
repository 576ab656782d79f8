"""Fixture cases: ok/<case>/{input,expected} and err/<case>/{input,diagnostics.txt}.

``expected/`` is written by the product's own ``compile`` and leaves out the copied runtime, which
is compared by itself: the comparison takes it, and its digest in the manifest, from the build
under test.

An err case is `mooring check input`, run beside ``input/``. A file ``command`` in the case has
other arguments, on one line. An executable ``prepare`` in it is run first, in ``input/``; it and
the command then work on a temporary copy of the case. It makes what git cannot hold: the states of
repositories, pipes, empty folders.

To write ``expected/`` and ``diagnostics.txt`` anew: ``python -m tests.fixture_cases [CASE...]``.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.commands import call_mooring, exit_code, run_script

ROOT = Path(__file__).resolve().parent.parent
OK = ROOT / "fixtures" / "ok"
ERR = ROOT / "fixtures" / "err"
MANIFEST = "mooring.manifest.json"
RUNTIME = Path("environment") / "runtime"
_FROM_BUILD = "taken from the build under test"


def list_cases(folder: Path) -> list[str]:
    """The names of the cases in ``folder``."""
    return sorted(case.name for case in folder.iterdir() if (case / "input").is_dir())


def mooring(*args: str | Path) -> subprocess.CompletedProcess[str]:
    """The command, as a user starts it, of this checkout."""
    argv = [sys.executable, "-m", "compiler", *map(str, args)]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)


def diagnose(case: Path) -> tuple[str, int]:
    """What the command of an err case says on standard error, and its exit code."""
    with ExitStack() as stack:
        folder = case
        if (case / "prepare").exists():
            folder = Path(stack.enter_context(TemporaryDirectory())) / case.name
            shutil.copytree(case, folder, symlinks=True)
            run_script([folder / "prepare"], folder / "input")
        stack.enter_context(contextlib.chdir(folder))
        done = call_mooring(_arguments(case))
        return done.stderr, exit_code(done)


def _arguments(case: Path) -> list[str]:
    written = case / "command"
    return shlex.split(written.read_text("utf-8")) if written.exists() else ["check", "input"]


def assemble(case: Path, built: Path, into: Path) -> None:
    """``expected/`` with the runtime, and its digest, of ``built``."""
    shutil.copytree(case / "expected", into, symlinks=True)
    if (built / RUNTIME).exists():
        shutil.copytree(built / RUNTIME, into / RUNTIME)
    manifest = _read_manifest(into)
    if "runtime" in manifest:
        manifest["runtime"] = _read_manifest(built)["runtime"]
    _write_manifest(into, manifest)


def strip(built: Path) -> None:
    """Make a build into an ``expected/``: without the runtime and its digest."""
    if (built / RUNTIME).exists():
        shutil.rmtree(built / RUNTIME)
    manifest = _read_manifest(built)
    if "runtime" in manifest:
        manifest["runtime"] = _FROM_BUILD
    _write_manifest(built, manifest)


def _read_manifest(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return manifest


def _write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    text = json.dumps(manifest, indent=2, ensure_ascii=True) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def _accept(case: Path) -> None:
    expected = case / "expected"
    done = mooring("compile", case / "input", "-o", expected, "--force")
    if done.returncode:
        raise SystemExit(done.stderr)
    strip(expected)
    print(expected.relative_to(ROOT))


def _accept_error(case: Path) -> None:
    (case / "diagnostics.txt").write_text(diagnose(case)[0], "utf-8")
    print((case / "diagnostics.txt").relative_to(ROOT))


if __name__ == "__main__":
    wanted = set(sys.argv[1:])
    for name in list_cases(OK):
        if not wanted or name in wanted:
            _accept(OK / name)
    for name in list_cases(ERR):
        if not wanted or name in wanted:
            _accept_error(ERR / name)
