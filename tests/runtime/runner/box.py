"""A real daemon with the rights that its container gives it, and a client that speaks its wire."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compiler.runtime.runner import frames
from compiler.runtime.runner.users import choose_base

RUNNER = Path(frames.__file__).parent
# As the container: these four capabilities and no way to others.
CONFINED = (
    "setpriv",
    "--bounding-set=-all,+chown,+kill,+setuid,+setgid",
    "--inh-caps=-all",
    "--no-new-privs",
)
# What the daemon finds in its environment, whether or not its plan asks for it.
SECRETS = {"BOX_TOKEN": "token-5d0c7a19e2", "BOX_OTHER": "other-f3a86b41d7"}
# Where a candidate's code writes and the runner must clean, beside the machine's own places.
SCRATCH = ["/tmp", "/dev/shm", "/var/tmp"]


def free_uid_base() -> int:
    """A range of user ids of this process's own: tests run side by side."""
    return 21000 + os.getpid() % 2000 * 20


def make_tar(files: dict[str, bytes | str], mode: int = 0o755) -> bytes:
    """A tar of regular files, all executable unless `mode` says otherwise."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), mode
            tar.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def tree_id(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


class Client:
    """One connection."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(60)
        self.socket.connect(path)

    def send(self, header: dict[str, Any]) -> None:
        self.socket.sendall(frames.encode_frame(header))

    def receive(self) -> tuple[dict[str, Any], bytes]:
        return frames.read_frame(self.socket.recv, frames.MAX_BODY)

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        self.send({"op": op, **fields})
        return self.receive()[0]

    def put(self, tar: bytes, tree: str | None = None) -> dict[str, Any]:
        self.send({"op": "put", "tree": tree_id(tar) if tree is None else tree})
        for start in range(0, len(tar), 65536):
            self.socket.sendall(frames.encode_chunk(tar[start : start + 65536]))
        self.socket.sendall(frames.END_OF_CHUNKS)
        return self.receive()[0]

    def sample(self, tree: str, **fields: Any) -> tuple[dict[str, Any], bytes]:
        self.send({"op": "sample", "tree": tree, "input": fields})
        return self.receive()

    def close(self) -> None:
        self.socket.close()


@dataclass
class Box:
    """A running daemon, and the folder that stands for its container's writable places."""

    root: Path
    plan: dict[str, Any]
    process: subprocess.Popen[bytes]
    clients: list[Client] = field(default_factory=list)

    @property
    def log(self) -> str:
        return (self.root / "log").read_text()

    def connect(self) -> Client:
        client = Client(self.plan["socket"])
        self.clients.append(client)
        return client

    def disconnect(self) -> None:
        while self.clients:
            self.clients.pop().close()

    def put(self, files: dict[str, bytes | str]) -> str:
        tar = make_tar(files)
        answer = self.connect().put(tar)
        assert answer == {"ok": True}, answer
        return tree_id(tar)

    def run(self, script: str, **fields: Any) -> tuple[dict[str, Any], bytes]:
        """One sample of a candidate that is this Python script."""
        return self.connect().sample(self.put({"solve.py": script}), **fields)

    @property
    def first_uid(self) -> int:
        """Of the block that a daemon in this process namespace takes."""
        return choose_base(int(self.plan["uid_base"]))

    def uids(self) -> range:
        return range(self.first_uid, self.first_uid + 2 * len(self.plan["slots"]) + 2)

    def handlers(self) -> list[int]:
        return children(self.process.pid)


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def processes_of(uids: range) -> list[str]:
    """Command lines of live processes whose effective user is in the range."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            status = (folder / "status").read_text()
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        fields = dict(row.split(":\t", 1) for row in status.splitlines() if ":\t" in row)
        if int(fields["Uid"].split()[1]) in uids and not fields["State"].startswith("Z"):
            found.append(f"{folder.name} {line}")
    return found


def wait_until(condition: Any, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)


def make_plan(root: Path, slots: int = 2, **changes: Any) -> dict[str, Any]:
    plan: dict[str, Any] = {
        "plan_version": 1,
        "service": "runner",
        "socket": str(root / "run/runner.sock"),
        "candidates": str(root / "candidates"),
        "slots": [str(root / f"slots/{index}") for index in range(slots)],
        "uid_base": free_uid_base(),
        "command": ["/usr/bin/python3", "-I", "-S", "{workspace}/solve.py", "{input}", "{output}"],
        "sample_timeout": 60,
        "setup": None,
        "setup_timeout": 60,
        "scratch": SCRATCH,
        "environment": {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"},
        "secrets": [],
        "limits": {
            "output_bytes": 65536,
            "stderr_bytes": 4096,
            "file_bytes": 268435456,
            "processes": 64,
            "open_files": 256,
            "tree_bytes": 67108864,
        },
    }
    limits = changes.pop("limits", {})
    return {**plan, **changes, "limits": {**plan["limits"], **limits}}


def make_places(plan: dict[str, Any]) -> None:
    for folder in (Path(plan["socket"]).parent, plan["candidates"], *plan["slots"]):
        os.makedirs(folder, mode=0o755, exist_ok=True)


def start_daemon(
    root: Path, plan: dict[str, Any], runner: Path = RUNNER
) -> subprocess.Popen[bytes]:
    (root / "plan.json").write_text(json.dumps(plan))
    python = os.environ.get("MOORING_RUNNER_PYTHON", sys.executable)
    command = [*CONFINED, python, "-I", "-S", str(runner), "serve", "--plan", f"{root}/plan.json"]
    with (root / "log").open("ab") as log:
        process = subprocess.Popen(command, stderr=log, env={**os.environ, **SECRETS})
    wait_until(lambda: process.poll() is not None or "ready" in (root / "log").read_text())
    assert process.poll() is None, (root / "log").read_text()
    return process


@contextmanager
def open_box(slots: int = 2, **changes: Any) -> Iterator[Box]:
    """A daemon that lives as long as the context; afterwards nothing of it may be left.

    `tmpfs` and `candidates_tmpfs` are options of a file system in memory for all of the box, as a
    container has it, and for the candidates' folder alone.
    """
    root = Path(tempfile.mkdtemp(prefix="mooring-runner-", dir="/srv"))
    whole, part = changes.pop("tmpfs", None), changes.pop("candidates_tmpfs", None)
    plan = make_plan(root, slots, **changes)
    with ExitStack() as ends:
        ends.callback(shutil.rmtree, root)
        mount_tmpfs(whole, root, ends)
        root.chmod(0o755)
        make_places(plan)
        mount_tmpfs(part, Path(plan["candidates"]), ends)
        box = Box(root, plan, start_daemon(root, plan))
        try:
            yield box
        finally:
            box.disconnect()
            box.process.send_signal(signal.SIGTERM)
            code = box.process.wait(timeout=20)
            left = processes_of(box.uids())
    assert code == 0
    assert not left


def mount_tmpfs(options: str | None, path: Path, ends: ExitStack) -> None:
    """Mounts one until the stack is closed; nothing without options."""
    if options is not None:
        mount = ["mount", "-t", "tmpfs", "-o", f"{options},mode=0755", "tmpfs", str(path)]
        subprocess.run(mount, check=True)
        ends.callback(subprocess.run, ["umount", "-l", str(path)], check=True)
