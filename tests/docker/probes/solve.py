"""A candidate that reports, as its answer, what it sees and can do in the runner.

    python3 solve.py INPUT OUTPUT

The sample's question names what to report. Beside it lie sight.py and targets.json: the needles,
in hex, and the addresses to try.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.docker.probes import sight
else:
    import sight  # in the candidate the two lie side by side

HERE = Path(__file__).resolve().parent
SLOTS = "/srv/mooring/slots"
# No user of the image has one as high; samples have.
FIRST_UID = 20000
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x20000, 0x10000000, 0x40000000
PTRACE_ATTACH = 16
TARGETS: dict[str, list[Any]] = json.loads((HERE / "targets.json").read_text(encoding="utf-8"))


def attempt(action: Callable[[], object]) -> str:
    """`done`, or the name of the error that stopped it."""
    try:
        action()
    except TimeoutError:
        return "timeout"
    except socket.gaierror:
        return "unknown name"
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "done"


def system_call(name: str, *arguments: int | bytes | None) -> None:
    """A call of the C library; raises what errno says."""
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)


def in_child(action: Callable[[], object]) -> str:
    """`attempt` in a process of its own, which may come to harm."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, attempt(action).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answers:
        answer = answers.read()
    os.waitpid(child, 0)
    return answer or "died"


def report_sight() -> object:
    seen = sight.look_around([bytes.fromhex(needle) for needle in TARGETS["needles"]])
    return {**seen, "tree": sorted(path.name for path in HERE.iterdir())}


def report_status() -> object:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    wanted = ("Uid", "Gid", "Groups", "NoNewPrivs", "Seccomp", "CapInh", "CapPrm", "CapEff")
    fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    return {
        "status": {name: fields[name].split() for name in (*wanted, "CapAmb")},
        "environment": dict(os.environ),
        "folder": str(Path.cwd()),
        "descriptors": [os.readlink(f"/proc/self/fd/{fd}") for fd in (0, 1, 2)],
        "open": len(os.listdir("/proc/self/fd")) - 1,
    }


def report_network() -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        sent = attempt(lambda: probe.sendto(b"?", ("1.1.1.1", 53)))
    return {
        "interfaces": [name for _, name in socket.if_nameindex()],
        "routes": Path("/proc/net/route").read_text(encoding="ascii").splitlines()[1:],
        "addresses": {f"{host}:{port}": reach(host, port) for host, port in TARGETS["addresses"]},
        "datagram": sent,
        "raw": attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)),
        "packets": attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)),
    }


def reach(host: str, port: int) -> str:
    return attempt(lambda: socket.create_connection((host, port), timeout=2).close())


def report_sockets() -> object:
    """The unix sockets of this network namespace, and what knocking at each gives."""
    lines = Path("/proc/net/unix").read_text(encoding="utf-8").splitlines()[1:]
    names = sorted({line.split()[7] for line in lines if len(line.split()) > 7})
    return {name: attempt(lambda name=name: knock(name)) for name in names}  # type: ignore[misc]


def knock(name: str) -> None:
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(2)
        caller.connect("\0" + name[1:] if name.startswith("@") else name)


def report_writable() -> object:
    """Where this user may write, by kind; below a writable folder nothing more is said."""
    found: dict[str, list[str]] = {"folder": [], "file": [], "device": [], "other": []}
    # A slot cannot be listed, so the parts of each are named.
    parts = [
        f"{SLOTS}/{slot}/{part}" for slot in os.listdir(SLOTS) for part in ("in", "out", "work")
    ]
    for path in (*sight.walk("/"), *filter(os.path.exists, parts)):
        kind = mode_of(path)
        above = os.path.dirname(path)
        if stat.S_ISLNK(kind) or above in found["folder"] or not os.access(path, os.W_OK):
            continue
        found[name_kind(kind)].append(path)
    return {**found, "proc": proc_writable()}


def mode_of(path: str) -> int:
    """0 for what is gone by now: the neighbours work, too."""
    try:
        return os.lstat(path).st_mode
    except OSError:
        return 0


def name_kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "folder"
    if stat.S_ISREG(mode):
        return "file"
    return "device" if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) else "other"


def proc_writable() -> list[str]:
    """The kernel's switches under /proc/sys and /sys that open for writing."""
    found: list[str] = []
    for top in ("/proc/sys", "/sys"):
        files = filter(os.path.isfile, sight.walk(top))
        found += [path for path in files if os.access(path, os.W_OK)]
    return found


def report_attempts() -> object:
    here = os.fsencode(os.environ["TMPDIR"])
    own = Path(os.environ["TMPDIR"], "own")
    own.write_bytes(Path("/bin/true").read_bytes())
    return {
        "setuid": in_child(lambda: os.setuid(0)),
        "setgid": in_child(lambda: os.setgid(0)),
        "next user": in_child(lambda: os.setuid(os.getuid() + 1)),
        "groups": in_child(lambda: os.setgroups([0])),
        "chown": attempt(lambda: os.chown(own, 0, 0)),
        "device": attempt(lambda: os.mknod(own.with_name("disk"), 0o600 | stat.S_IFBLK, 0x801)),
        "mount": in_child(lambda: system_call("mount", b"none", here, b"tmpfs", 0, None)),
        "chroot": in_child(lambda: os.chroot(here)),
        "user namespace": in_child(lambda: system_call("unshare", CLONE_NEWUSER)),
        "mount namespace": in_child(lambda: system_call("unshare", CLONE_NEWNS)),
        "network namespace": in_child(lambda: system_call("unshare", CLONE_NEWNET)),
        "trace init": in_child(lambda: system_call("ptrace", PTRACE_ATTACH, 1, None, None)),
        "kill init": attempt(lambda: os.kill(1, 0)),
        "kill daemon": sorted({attempt(lambda p=p: os.kill(p, 0)) for p in others()}),  # type: ignore[misc]
        "rewrite": attempt(lambda: open(__file__, "a").close()),
        "beside": attempt(lambda: HERE.with_name("other").mkdir()),
        "plan": attempt(lambda: open("/opt/mooring/plan.json", "a").close()),
        "score adjust": attempt(lambda: Path("/proc/self/oom_score_adj").write_text("-1")),
    }


def others() -> list[int]:
    """Processes of other users."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat(f"/proc/{name}").st_uid != os.getuid():
                found.append(int(name))
        except OSError:
            continue
    return found


def report_neighbours() -> object:
    """What is to be had of the samples that run at the same time; waits until there are some."""
    until = time.monotonic() + 10
    running: list[int] = []
    while not running and time.monotonic() < until:
        time.sleep(0.05)
        running = [p for p in others() if uid_of(p) >= FIRST_UID]
    mine = str(Path(os.environ["HOME"]).parent)
    slots = [f"{SLOTS}/{name}" for name in sorted(os.listdir(SLOTS))]
    report = {
        "running": len(running),
        "environ": sorted({attempt(lambda p=p: read(f"/proc/{p}/environ")) for p in running}),  # type: ignore[misc]
        "memory": sorted({attempt(lambda p=p: read(f"/proc/{p}/mem")) for p in running}),  # type: ignore[misc]
        "root": sorted({attempt(lambda p=p: os.listdir(f"/proc/{p}/root/")) for p in running}),  # type: ignore[misc]
        "kill": sorted({attempt(lambda p=p: os.kill(p, signal.SIGKILL)) for p in running}),  # type: ignore[misc]
        "others": sorted({touch(slot) for slot in slots if slot != mine}),
        "own": touch(mine),
    }
    # So that whoever starts last finds somebody as well.
    time.sleep(1)
    return report


def uid_of(process: int) -> int:
    try:
        return os.stat(f"/proc/{process}").st_uid
    except OSError:
        return -1


def read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read(1)


def touch(slot: str) -> str:
    """The outcomes of listing a slot, reading its input, and reading and writing its output."""
    actions: tuple[Callable[[], object], ...] = (
        lambda: os.listdir(slot),
        lambda: read(f"{slot}/in/input.json"),
        lambda: os.listdir(f"{slot}/out"),
        lambda: open(f"{slot}/out/output.json", "w").close(),
        lambda: os.listdir(f"{slot}/work"),
    )
    return " ".join(map(attempt, actions))


def report_litter() -> object:
    """Leaves a file everywhere, and a process that has cut every tie."""
    for folder in ("/tmp", "/dev/shm", "/var/tmp", os.environ["HOME"]):
        attempt(lambda folder=folder: Path(folder, "litter").write_bytes(b"left"))  # type: ignore[misc]
    script = "import time; time.sleep(3600)"
    subprocess.Popen([sys.executable, "-c", script], start_new_session=True, close_fds=True)
    return "left"


REPORTS: dict[str, Callable[[], object]] = {
    "sight": report_sight,
    "status": report_status,
    "network": report_network,
    "sockets": report_sockets,
    "writable": report_writable,
    "attempts": report_attempts,
    "neighbours": report_neighbours,
    "litter": report_litter,
}


def main(source: str, destination: str) -> None:
    question = json.loads(Path(source).read_text(encoding="utf-8"))["question"]
    answer = REPORTS[question.partition("-")[0]]()
    Path(destination).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
