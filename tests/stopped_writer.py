"""Writes an output again and again, and stops itself at each of its steps in turn.

    python -m tests.stopped_writer SIGNAL exchange|renames FOLDER

Below FOLDER each run has a folder of its own, named by its number: ``out`` in it was OLD before.
The n-th run sends itself the signal at its n-th call that touches the disk. Prints a line of JSON
a run: how it ended (a signal's number below zero). The last one is the run that nothing stopped.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, Final

from compiler.cli.main import _end_on_signal
from compiler.edge import swap
from compiler.edge.write_tree import write_tree
from compiler.output.file_set import File, FileSet, Linked, make_file, make_program

OLD: Final[FileSet] = {"a.txt": make_file("old\n"), "b/gone": make_file("gone\n")}
NEW: Final[FileSet] = {
    "a.txt": make_file("new\n"),
    "b/c/run": make_program("#!/bin/sh\n"),
    "b/link": File(content=Linked("c/run"), mode=0o777),
}
_TOUCHING: Final = ("open", "os.", "shutil.", "fcntl.", "tempfile.", "ctypes.call_function")
_MOST_STEPS: Final = 500


def main(number: signal.Signals, how: str, folder: Path) -> None:
    for step in range(_MOST_STEPS):
        place = folder / str(step) / "out"
        write_tree("org/name", OLD, place)
        child = os.fork()
        if child == 0:
            _write_and_stop(number, how, step, place)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(json.dumps(ended), flush=True)
        if ended == 0:
            return


def _write_and_stop(number: signal.Signals, how: str, step: int, place: Path) -> None:
    signal.signal(signal.SIGTERM, _end_on_signal)
    if how == "renames":
        swap._exchange = lambda a, b: False
    try:
        _stop_at(number, step)
        write_tree("org/name", NEW, place)
    except KeyboardInterrupt:
        os._exit(130)
    except SystemExit as ended:
        os._exit(int(ended.code or 0))
    os._exit(0)


def _stop_at(number: signal.Signals, step: int) -> None:
    left = step

    def hook(event: str, _: tuple[Any, ...]) -> None:
        nonlocal left
        if not event.startswith(_TOUCHING) or event == "os.putenv":
            return
        left -= 1
        if left == -1:
            os.kill(os.getpid(), number)

    sys.addaudithook(hook)


if __name__ == "__main__":
    main(signal.Signals[sys.argv[1]], sys.argv[2], Path(sys.argv[3]))
