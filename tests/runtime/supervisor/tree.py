"""A real s6 tree on this machine, started as a container starts it: by `mooring-boot`.

The runtime is copied to where every user may read it, as in an image.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.runtime.supervisor.plans import SUPERVISOR, plan_data

GATEWAY = Path(__file__).with_name("gateway.py")
# Debian's: it is what images have, and what a copied runtime may count on.
PYTHON = "/usr/bin/python3"
USER = "nobody"
# Ports of this process's own: tests run side by side.
PORTS = 20000 + os.getpid() % 400 * 100
SECONDS = 20.0


def user_argv(as_root: bool) -> list[str]:
    """What makes a process that of the unprivileged user."""
    if as_root or os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={USER}", "--regid=nogroup", "--clear-groups"]


@dataclass
class Tree:
    """One container's worth of processes and folders, which outlive a restart."""

    folder: Path
    run_folder: Path
    as_root: bool
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    output: list[Path] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def scandir(self) -> Path:
        return self.run_folder / "service"

    @property
    def plan_file(self) -> Path:
        return self.folder / "plan.json"

    @property
    def scripts(self) -> Path:
        return self.folder / "runtime" / "supervisor" / "scripts"

    def write_plan(self, **changes: Any) -> None:
        plan = plan_data(
            user=USER,
            home=str(self.home),
            scandir=str(self.scandir),
            command=[
                PYTHON,
                "-I",
                "-S",
                str(self.folder / "gateway.py"),
                "{profile}",
                "{port}",
                "{home}",
            ],
            ports={"first": PORTS, "last": PORTS + 99},
            crash={"deaths": 3, "window": 60, "max_backoff": 0.3},
            stop_timeout=2,
        )
        self.plan_file.write_text(json.dumps({**plan, **changes}), encoding="utf-8")

    def environment(self) -> dict[str, str]:
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "MOORING_GATEWAYS_PLAN": str(self.plan_file),
            "TOKEN": "of-the-container",
        }

    def boot(self, *argv: str, wait: bool = True) -> subprocess.Popen[bytes]:
        """Starts the tree; the process becomes s6-svscan."""
        log = self.folder / f"boot-{len(self.output)}.out"
        self.output.append(log)
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*user_argv(self.as_root), str(self.scripts / "mooring-boot"), *argv],
                cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self.processes.append(process)
        if wait:
            self.wait_for(lambda: self.is_up() or process.poll() is not None)
        return process

    def is_up(self) -> bool:
        try:
            file = os.open(self.scandir / ".s6-svscan" / "control", os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return False
        os.close(file)
        return True

    def shut_down(self, seconds: float = SECONDS) -> int:
        """As the engine does: SIGTERM to the first process; answers its exit code."""
        self.processes[-1].send_signal(signal.SIGTERM)
        return self.processes[-1].wait(seconds)

    def restart(self, *argv: str) -> None:
        self.shut_down()
        self.boot(*argv)

    def said(self) -> str:
        return self.output[-1].read_text("utf-8", "replace")

    def run(
        self, *words: str, as_root: bool | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """A command of an operator's."""
        root = self.as_root if as_root is None else as_root
        return subprocess.run(
            [*user_argv(root), str(self.scripts / "mooring"), *words],
            cwd="/", env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=timeout, check=False,
        )  # fmt: skip

    def ok(self, *words: str, **options: Any) -> str:
        done = self.run(*words, **options)
        assert done.returncode == 0, (words, done.stdout, done.stderr, self.said())
        return done.stdout

    def status(self, profile: str) -> dict[str, Any]:
        found = json.loads(self.ok("gateway", "status", "-p", profile, "--json"))
        gateway: dict[str, Any] = found["gateways"][0]
        return gateway

    def states(self) -> dict[str, str]:
        found = json.loads(self.ok("gateway", "status", "--json"))
        return {each["profile"]: each["state"] for each in found["gateways"]}

    def wait_for(self, condition: Callable[[], object], seconds: float = SECONDS) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, self.said()
            time.sleep(0.02)

    def wait_state(self, profile: str, state: str) -> None:
        self.wait_for(lambda: self.states().get(profile) == state)

    def profile(self, name: str) -> Path:
        return self.home if name == "default" else self.home / "profiles" / name

    def conduct(self, name: str, **conduct: Any) -> None:
        """How the profile's gateway behaves from its next start on."""
        self.write(self.profile(name) / "conduct.json", json.dumps(conduct))

    def write(self, path: Path, content: str) -> None:
        path.write_text(content, encoding="utf-8")
        self.give(path)

    def make_profile(self, name: str, **conduct: Any) -> Path:
        """As somebody does outside: a folder and a marker."""
        folder = self.profile(name)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "SOUL.md").touch()
        self.conduct(name, **conduct)
        for path in (self.home / "profiles", folder, folder / "SOUL.md"):
            self.give(path)
        return folder

    def give(self, path: Path) -> None:
        if os.geteuid() == 0:
            shutil.chown(path, USER, "nogroup")

    def starts(self, name: str) -> int:
        file = self.profile(name) / "starts"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def boot_lines(self, profile: str) -> list[dict[str, str]]:
        """What the log of boots says of a profile, oldest first."""
        lines = (self.home / "logs" / "container-boot.log").read_text("utf-8").splitlines()
        rows = [dict(w.partition("=")[::2] for w in line.split()[1:]) for line in lines]
        return [row for row in rows if row.get("profile") == profile]

    def members(self) -> list[int]:
        """Processes of this tree, by the variable that all of them inherit."""
        mark = f"MOORING_GATEWAYS_PLAN={self.plan_file}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
        return found

    def pids_named(self, name: str) -> list[int]:
        found = []
        for pid in self.members():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/comm").read_text().strip() == name:
                    found.append(pid)
        return found

    def end(self) -> None:
        """Whatever is left, by its id."""
        for _ in range(100):
            members = self.members()
            if not members:
                break
            for pid in members:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        for process in self.processes:
            process.wait(SECONDS)


@contextlib.contextmanager
def open_tree(*, as_root: bool, **changes: Any) -> Iterator[Tree]:
    """Folders and a plan, not booted yet."""
    folder = Path(tempfile.mkdtemp(prefix="mooring-tree-", dir="/var/tmp"))
    folder.chmod(0o755)
    # As in a container: a file system in memory, from which nothing may be executed.
    run_folder = Path(tempfile.mkdtemp(prefix="mooring-tree-", dir="/dev/shm"))
    run_folder.chmod(0o755)
    tree = Tree(folder=folder, run_folder=run_folder, as_root=as_root)
    runtime = folder / "runtime"
    shutil.copytree(SUPERVISOR, runtime / "supervisor", ignore=shutil.ignore_patterns("*.pyc"))
    (runtime / "__init__.py").touch()
    for path in runtime.rglob("*"):
        path.chmod(0o755 if path.is_dir() or not path.suffix else 0o644)
    shutil.copy(GATEWAY, folder / "gateway.py")
    subprocess.run([PYTHON, "-m", "compileall", "-q", str(runtime)], check=True)
    tree.home.mkdir()
    tree.scandir.mkdir()
    if not as_root:
        tree.give(tree.home)
        tree.give(tree.scandir)
    tree.write_plan(**changes)
    try:
        yield tree
    finally:
        tree.end()
        shutil.rmtree(run_folder)
        shutil.rmtree(folder)
