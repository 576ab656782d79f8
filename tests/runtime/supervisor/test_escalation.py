"""What the service's user, or a gateway as it, tries in order to become root: in vain."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from compiler.runtime.supervisor.ownership import Owner, mend_tree
from tests.runtime.supervisor.tree import Tree, user_argv

NOBODY = Owner(65534, 65534)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="there is nothing to win without root")


def as_user(script: str, folder: Path) -> None:
    done = subprocess.run(
        [*user_argv(False), "sh", "-c", script], cwd=folder, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_slot_of_ones_own_runs_as_oneself(root_tree: Tree) -> None:
    tree = root_tree
    tree.boot()
    script = """
        mkdir .evil && printf '#!/bin/sh\\nid -u >"$0.uid"\\nexec sleep 100\\n' >.evil/run
        chmod 755 .evil/run && mv .evil evil && s6-svscanctl -a .
    """
    as_user(script, tree.scandir)
    told = tree.scandir / "evil" / "run.uid"
    tree.wait_for(lambda: told.exists() and told.read_text())
    assert told.read_text() == f"{NOBODY.uid}\n"
    # The signal scripts and the end of the tree are the user's as well.
    evil = "#!/bin/sh\\nid -u >/%s\\n"
    for name in ("finish", "SIGTERM", "crash"):
        line = f"rm -f {name}; printf '{evil % (tree.home / name)}' >{name}; chmod 755 {name}"
        as_user(line, tree.scandir / ".s6-svscan")
    as_user("s6-svscanctl -t .", tree.scandir)
    tree.processes[-1].wait(20)
    assert (tree.home / "finish").read_text() == f"{NOBODY.uid}\n"


def test_what_stands_in_the_scandir_is_not_run_by_the_next_boot(root_tree: Tree) -> None:
    tree = root_tree
    tree.boot()
    script = """
        mkdir evil && printf '#!/bin/sh\\ntouch %s/ran\\nexec sleep 100\\n' >evil/run
        chmod 755 evil/run; ln -s /etc/passwd link; mkfifo fifo
    """
    as_user(script % tree.home, tree.scandir)
    # A root shell's leftover, which the user cannot remove.
    (tree.scandir / "roots").mkdir()
    (tree.scandir / "roots" / "run").write_text(f"#!/bin/sh\ntouch {tree.home}/ran\n")
    (tree.scandir / "roots" / "run").chmod(0o755)
    tree.restart()
    tree.ok("gateway", "start")
    assert not (tree.home / "ran").exists()
    visible = [p.name for p in tree.scandir.iterdir() if not p.name.startswith(".")]
    assert visible == ["gateway-default"]


def test_roots_leftovers_are_mended_and_links_are_not_followed(root_tree: Tree) -> None:
    tree = root_tree
    outside = tree.folder / "outside"
    outside.mkdir()
    (outside / "secret").write_text("x")
    folder = tree.make_profile("coder")
    (folder / "link").symlink_to(outside / "secret")
    (folder / "linked").symlink_to(outside)
    (folder / "left").mkdir(mode=0o700)
    (folder / "left" / "file").write_text("x")
    tree.boot()
    assert {(outside / "secret").stat().st_uid, outside.stat().st_uid} == {0}
    assert {os.lstat(p).st_uid for p in folder.rglob("*")} == {NOBODY.uid}
    # Whoever runs a command as root mends what the command is about.
    (folder / "again").write_text("x")
    tree.ok("gateway", "start", "-p", "coder")
    assert (folder / "again").stat().st_uid == NOBODY.uid
    assert (outside / "secret").stat().st_uid == 0


@pytest.mark.parametrize("name", ["../../outside", "coder/../../../outside", "/etc", "."])
def test_a_command_as_root_mends_profiles_alone(root_tree: Tree, name: str) -> None:
    tree = root_tree
    tree.make_profile("coder")
    (tree.folder / "outside").mkdir()
    tree.boot()
    done = tree.run("gateway", "start", "-p", name)
    assert done.returncode == 2
    assert "is no name of a profile" in done.stderr
    assert (tree.folder / "outside").stat().st_uid == 0


def test_a_link_in_the_place_of_a_folder_leads_root_nowhere(root_tree: Tree) -> None:
    tree = root_tree
    tree.boot()
    (tree.folder / "outside" / "coder").mkdir(parents=True)
    as_user(f"mv profiles away; ln -s {tree.folder}/outside profiles", tree.home)
    as_user(f"rm -rf logs; ln -s {tree.folder}/outside logs", tree.home)
    tree.run("gateway", "start", "-p", "coder")
    tree.run("profile", "create", "coder")
    assert {p.stat().st_uid for p in (tree.folder / "outside").rglob("*")} == {0}
    assert (tree.folder / "outside").stat().st_uid == 0


@needs_root
def test_a_second_name_of_a_file_outside_is_left_alone(tmp_path: Path) -> None:
    """Where the home is a folder of the image's own file system, a hard link may lead out of it."""
    if os.lstat("/").st_dev != tmp_path.stat().st_dev:
        pytest.skip("the temporary folder is a file system of its own")
    secret, home = tmp_path / "secret", tmp_path / "home"
    secret.write_text("x")
    home.mkdir()
    os.link(secret, home / "innocent")
    mended = mend_tree(str(home), NOBODY)
    assert secret.stat().st_uid == 0
    assert (mended.count, mended.failed) == (1, 1)


@needs_root
def test_mending_loses_every_race(tmp_path: Path) -> None:
    """While root mends, the user swaps a folder for a link to one of root's, again and again."""
    secret, home = tmp_path / "secret", tmp_path / "home"
    for folder in (secret, home / "a"):
        folder.mkdir(parents=True)
        for index in range(30):
            (folder / str(index)).touch()
    tmp_path.chmod(0o755)
    os.chown(home, NOBODY.uid, NOBODY.gid)
    for parent in list(tmp_path.parents)[:3]:
        if parent.stat().st_uid == 0 and "pytest" in parent.name:
            parent.chmod(0o755)
    swap = f"while :; do mv a c; ln -s {secret} a; rm a; mv c a; done"
    racer = subprocess.Popen([*user_argv(False), "sh", "-c", swap], cwd=home)
    try:
        end = time.monotonic() + 2
        while time.monotonic() < end:
            mend_tree(str(home), NOBODY)
    finally:
        racer.kill()
        racer.wait()
    assert {p.stat().st_uid for p in secret.iterdir()} == {0}
