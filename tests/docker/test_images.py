"""The images build, and main holds the very commit that was the source."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import git_oddities
from tests.docker.compose import Project, running
from tests.docker.tasks import Build, Change, compile_task
from tests.docker.workshop import ask, commit, evaluate, in_repository
from tests.git_oddities import NON_UTF8_NAME, SUBDIRECTORY, make_odd_repository, run_git
from tests.independent_count import AGENT, DATA, count_mean

pytestmark = pytest.mark.docker

# Every file of a work tree: its name in hex -> kind, whether it is executable, digest of what it
# holds or points to.
LISTING = """\
import hashlib, json, os, sys
top, found = os.fsencode(sys.argv[1]), {}
for folder, folders, files in os.walk(top):
    folders[:] = [name for name in folders if name != b".git"]
    links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
    for name in files + links:
        path = os.path.join(folder, name)
        link = os.path.islink(path)
        data = os.readlink(path) if link else open(path, "rb").read()
        mode = "link" if link else "program" if os.stat(path).st_mode & 0o111 else "file"
        found[os.path.relpath(path, top).hex()] = [mode, hashlib.sha256(data).hexdigest()]
print(json.dumps(found))
"""
STATUS = ("status", "--porcelain", "-z", "--ignored")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """A repository that a build names, and what a normal clone of its tree looks like."""

    tree: str
    clone: Path

    @property
    def files(self) -> dict[str, list[str]]:
        argv = [sys.executable, "-I", "-", str(self.clone)]
        done = subprocess.run(argv, input=LISTING.encode(), capture_output=True, check=True)
        found: dict[str, list[str]] = json.loads(done.stdout)
        return found

    @property
    def status(self) -> set[bytes]:
        return set(run_git(self.clone, *STATUS).split(b"\0"))


def seed_of(repository: Path, subdirectory: str, clone: Path) -> Seed:
    """The tree of HEAD, or of a folder in it, and a clone in which it is the whole."""
    tree = run_git(repository, "rev-parse", f"HEAD:{subdirectory}").decode().strip()
    run_git(repository, "clone", "--quiet", "--no-checkout", str(repository), str(clone))
    for key, value in git_oddities.SETTINGS.items():
        run_git(clone, "config", key, value)
    whole = run_git(clone, "commit-tree", tree, "-m", "whole").decode().strip()
    run_git(clone, "checkout", "--quiet", "--force", whole)
    return Seed(tree=tree, clone=clone)


def odd_repository(subdirectory: str) -> Change:
    def change(source: Path, build: Build) -> None:
        shutil.rmtree(source / "agent")
        make_odd_repository(source / "agent")
        build["agent_repo"] = f"agent/{subdirectory}".rstrip("/")
        del build["agent_ref"]

    return change


@pytest.mark.parametrize("subdirectory", ["", SUBDIRECTORY], ids=["root", "folder"])
def test_main_holds_the_tree_of_the_source(
    subdirectory: str, docker_engine: str, run_prefix: str, tmp_path: Path
) -> None:
    task = compile_task(tmp_path, tmp_path / "task", odd_repository(subdirectory))
    seed = seed_of(tmp_path / "task-input" / "agent", subdirectory, tmp_path / "clone")
    plan = json.loads((task / "environment/main/plan.json").read_bytes())
    name = f"{run_prefix}-odd-{'folder' if subdirectory else 'root'}"
    # That it starts says that the evaluator, which verifies the commit, is healthy.
    with running(Project(name=name, task=task)) as project:
        head = in_repository(project, "git", "rev-parse", "HEAD", "HEAD^{tree}").split()
        assert head == [plan["baseline"]["commit"], seed.tree]
        assert ask(project, "GET", "/status").body["baseline"]["commit"] == head[0]
        found = project.python("main", LISTING, "/work/agent", user="agent")
        assert found == seed.files
        argv = ("git", *STATUS)
        status = project.run("main", *argv, user="agent", folder="/work/agent").stdout
        assert set(status.split(b"\0")) == seed.status
        in_repository(project, "git", "fsck", "--strict")
    kinds = {mode for mode, _ in found.values()}
    assert kinds == {"file", "program", "link"}
    assert subdirectory or NON_UTF8_NAME.hex() in found


def test_a_repository_of_sha256_objects_works_to_the_score(
    docker_engine: str, run_prefix: str, tmp_path: Path
) -> None:
    def change(source: Path, build: Build) -> None:
        agent = source / "agent"
        run_git(agent, "init", "--quiet", "--template=", "--object-format=sha256")
        run_git(agent, "add", "--all")
        run_git(agent, "commit", "--quiet", "--message=Seed")
        del build["agent_ref"]

    task = compile_task(tmp_path, tmp_path / "task", change)
    tree = run_git(tmp_path / "task-input/agent", "rev-parse", "HEAD:").decode().strip()
    with running(Project(name=f"{run_prefix}-sha256", task=task)) as project:
        assert in_repository(project, "git", "rev-parse", "HEAD:").strip() == tree
        assert len(commit(project, {}, "Change nothing")) == 64
        result = evaluate(project, "train")["result"]
    assert result["score"] == pytest.approx(float(count_mean(AGENT, DATA / "train.jsonl")))
