"""A repository whose tree holds what git and file systems disagree about.

    python3 tests/git_oddities.py FOLDER

It is made by real git with pinned identity, dates and configuration, so that its commit has the
same sha everywhere. It cannot be kept as files: our own repository would change them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

NFC_NAME = "caf\u00e9.txt".encode()
NFD_NAME = "cafe\u0301.txt".encode()
NON_UTF8_NAME = b"latin1-\xe9\xff.txt"
LONG_PATH = b"/".join([b"long", b"a" * 100, b"b" * 100, b"c" * 89 + b".txt"])
SUBDIRECTORY = "sub/project"


@dataclass(frozen=True, slots=True, kw_only=True)
class OddFile:
    """One entry: what git stores for it, and what lies in the work tree where that differs."""

    stored: bytes
    mode: str = "100644"
    on_disk: bytes | None = None


def odd_link(target: bytes) -> OddFile:
    return OddFile(stored=target, mode="120000")


def odd_program(text: bytes) -> OddFile:
    return OddFile(stored=text, mode="100755")


ATTRIBUTES = b"""\
crlf/*.txt text eol=crlf
crlf/raw.txt -text
export/hidden.txt export-ignore
export/hidden-folder export-ignore
export/version.txt export-subst
export/ident.txt ident
"""

FILES: dict[bytes, OddFile] = {
    b".gitattributes": OddFile(stored=ATTRIBUTES),
    b".gitignore": OddFile(stored=b"*.log\n/build/\n__pycache__/\n"),
    b"README.md": OddFile(stored=b"# Odd files\n"),
    # Modes and links.
    b"bin/run": odd_program(b"#!/bin/sh\nexec true\n"),
    b"bin/not-executable.sh": OddFile(stored=b"#!/bin/sh\nexec false\n"),
    b"links/relative": odd_link(b"../README.md"),
    b"links/folder": odd_link(b"../bin"),
    b"links/dangling": odd_link(b"no/such/file"),
    # Line ends: converted by the attributes, exempt from them, and stored in spite of them.
    b"crlf/converted.txt": OddFile(stored=b"one\ntwo\n", on_disk=b"one\r\ntwo\r\n"),
    b"crlf/raw.txt": OddFile(stored=b"one\r\ntwo\r\n"),
    b"crlf/stored.txt": OddFile(stored=b"one\r\ntwo\r\n"),
    # What `git archive` leaves out or rewrites, and what a checkout expands.
    b"export/hidden.txt": OddFile(stored=b"in the tree, not in an archive\n"),
    b"export/hidden-folder/file.txt": OddFile(stored=b"neither is this\n"),
    b"export/version.txt": OddFile(stored=b"commit $Format:%H$\n"),
    b"export/ident.txt": OddFile(stored=b"blob $Id$\n"),
    # Tracked although ignored, here and by a nested file.
    b"trace.log": OddFile(stored=b"tracked, though *.log is ignored\n"),
    b"build/kept.txt": OddFile(stored=b"tracked, though build/ is ignored\n"),
    b"nested/.gitignore": OddFile(stored=b"*\n"),
    b"nested/deep/kept.txt": OddFile(stored=b"tracked, though everything is ignored\n"),
    # Names.
    NON_UTF8_NAME: OddFile(stored=b"no UTF-8\n"),
    b"names/two words.txt": OddFile(stored=b"space\n"),
    b"names/ leading and trailing ": OddFile(stored=b"spaces\n"),
    b'names/it\'s "quoted".txt': OddFile(stored=b"quotes\n"),
    b"names/back\\slash.txt": OddFile(stored=b"backslash\n"),
    b"names/tab\there.txt": OddFile(stored=b"tab\n"),
    b"names/line\nbreak.txt": OddFile(stored=b"newline\n"),
    b"names/-rf": OddFile(stored=b"like an option\n"),
    b"names/$HOME ${PATH} `id`; #": OddFile(stored=b"like a command\n"),
    b"names/*?[a].txt": OddFile(stored=b"like a pattern\n"),
    b"names/:(glob)magic": OddFile(stored=b"like a pathspec\n"),
    b"names/" + NFC_NAME: OddFile(stored=b"composed\n"),
    b"names/" + NFD_NAME: OddFile(stored=b"decomposed\n"),
    LONG_PATH: OddFile(stored=b"300 bytes of path\n"),
    # The order of a tree object: a folder sorts as if its name ended in a slash.
    b"order.txt": OddFile(stored=b"after order-, before order/\n"),
    b"order/file": OddFile(stored=b"last\n"),
    b"order-first": OddFile(stored=b"first\n"),
    # Contents.
    b"data/empty": OddFile(stored=b""),
    b"data/nul.bin": OddFile(stored=b"\0one\0two\r\n\0\xff\xfe"),
    b"data/no-last-newline": OddFile(stored=b"no newline"),
    # A project that is one folder of a greater repository.
    b"sub/project/.gitattributes": OddFile(stored=b"*.bat text eol=crlf\n"),
    b"sub/project/.gitignore": OddFile(stored=b"*.tmp\n"),
    b"sub/project/README.md": OddFile(stored=b"# A project in a monorepo\n"),
    b"sub/project/build.bat": OddFile(stored=b"echo hi\n", on_disk=b"echo hi\r\n"),
    b"sub/project/kept.tmp": OddFile(stored=b"tracked, though ignored\n"),
    b"sub/project/src/main.py": odd_program(b"print('hi')\n"),
    b"sub/project/main": odd_link(b"src/main.py"),
    b"sub/project/trace.log": OddFile(stored=b"ignored by the repository's root\n"),
    b"sub/sibling/other.txt": OddFile(stored=b"not part of the project\n"),
}

NEUTRAL = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "HOME": os.devnull,
    "LC_ALL": "C",
    "TZ": "UTC",
    "GIT_AUTHOR_NAME": "Fixture",
    "GIT_AUTHOR_EMAIL": "fixture@localhost",
    "GIT_AUTHOR_DATE": "946684800 +0000",
    "GIT_COMMITTER_NAME": "Fixture",
    "GIT_COMMITTER_EMAIL": "fixture@localhost",
    "GIT_COMMITTER_DATE": "946684800 +0000",
}
SETTINGS = {
    "core.fileMode": "true",
    "core.symlinks": "true",
    "core.ignoreCase": "false",
    "core.precomposeUnicode": "false",
    "core.autocrlf": "false",
    "core.hooksPath": os.devnull,
    "core.attributesFile": os.devnull,
    "core.excludesFile": os.devnull,
    "commit.gpgSign": "false",
    "gc.auto": "0",
}


def run_git(folder: Path, *words: str, text: bytes = b"") -> bytes:
    """What git prints, run in the folder with no configuration but the repository's own."""
    argv = ["git", *words]
    environment = {**NEUTRAL, "PATH": os.environ["PATH"]}
    return subprocess.run(
        argv, cwd=folder, env=environment, input=text, stdout=subprocess.PIPE, check=True
    ).stdout


def write_odd_files(folder: Path) -> None:
    """The work tree, with modes that do not depend on the umask."""
    for name, file in FILES.items():
        path = os.path.join(os.fsencode(folder), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if file.mode == "120000":
            os.symlink(file.stored, path)
            continue
        with open(path, "wb") as stream:
            stream.write(file.stored if file.on_disk is None else file.on_disk)
        os.chmod(path, 0o755 if file.mode == "100755" else 0o644)


def index_odd_files(folder: Path) -> None:
    """Store each blob as it is, past every attribute and ignore rule, and index it."""
    lines = []
    for name, file in FILES.items():
        words = ("hash-object", "-w", "--no-filters", "--stdin")
        blob = run_git(folder, *words, text=file.stored).strip()
        lines.append(file.mode.encode() + b" " + blob + b"\t" + name + b"\0")
    run_git(folder, "update-index", "-z", "--index-info", text=b"".join(lines))


def make_odd_repository(folder: Path) -> str:
    """Make the repository in a folder that is missing or empty; the sha of its only commit.

    Its branch is `main`. `git status` calls crlf/stored.txt changed, for its attribute wants the
    blob otherwise than it is: a tool that adds the files anew gets another tree.
    """
    folder.mkdir(parents=True, exist_ok=True)
    init = ("init", "--quiet", "--template=", "--object-format=sha1", "--initial-branch=main")
    run_git(folder, *init)
    for key, value in SETTINGS.items():
        run_git(folder, "config", key, value)
    write_odd_files(folder)
    index_odd_files(folder)
    run_git(folder, "commit", "--quiet", "--no-verify", "--message=Odd files")
    return run_git(folder, "rev-parse", "HEAD").decode().strip()


if __name__ == "__main__":
    print(make_odd_repository(Path(sys.argv[1])))
