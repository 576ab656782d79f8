"""Starting a program as its slot's user: the last lines before candidate code runs."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import resource
import signal
from dataclasses import dataclass

from .plan import Plan
from .processes import end_child, keep_status
from .slots import Slot

# The descriptor on which an agent's process speaks with the one that holds the session.
CHANNEL = 3
# What a shell answers for a program that is not there, or is not one.
NOT_FOUND, NOT_EXECUTABLE = 127, 126
# Failures to start that the command or the candidate's tree explains; others are the machinery's.
_EXPLAINED = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ENOEXEC, errno.EISDIR, errno.ELOOP}
    | {errno.E2BIG, errno.ENAMETOOLONG, errno.EINVAL, errno.ETXTBSY, errno.ELIBBAD}
    # An executable may ask for more memory than there is; nothing else here asks for much.
    | {errno.ENOMEM}
)
_PLACEHOLDER = re.compile(r"\{(input|output|workspace)\}")


class LaunchError(Exception):
    """The machinery could not start the program."""


@dataclass(frozen=True)
class Process:
    """A started program: the non-blocking read ends of its two streams."""

    pid: int
    stdout: int
    stderr: int


def fill_command(command: tuple[str, ...], slot: Slot, workspace: str) -> list[str]:
    """The argv of one run; what is put in is not looked at again."""
    places = {"input": slot.input, "output": slot.output, "workspace": workspace}
    return [_PLACEHOLDER.sub(lambda found: places[found[1]], word) for word in command]


def launch(
    plan: Plan, slot: Slot, command: tuple[str, ...], workspace: str, channel: int | None = None
) -> Process:
    """Starts the program; returns when it runs, or when it could not be started and ended so.

    `channel` is an open descriptor that it finds as `CHANNEL`.
    """
    argv = fill_command(command, slot, workspace)
    stdout, stdout_end = _stream(slot)
    stderr, stderr_end = _stream(slot)
    trouble, trouble_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _become_sample(plan, slot, workspace, (stdout_end, stderr_end), channel)
            _execute(argv, {**plan.environment, "HOME": slot.home, "TMPDIR": slot.home})
        except Exception as error:
            os.write(trouble_end, f"{error}".encode("utf-8", "replace"))
        finally:
            os._exit(NOT_EXECUTABLE)
    keep_status(pid)
    for end in (stdout_end, stderr_end, trouble_end):
        os.close(end)
    with os.fdopen(trouble, "rb") as reader:
        problem = reader.read(4096)
    process = Process(pid=pid, stdout=stdout, stderr=stderr)
    if problem:
        close_streams(process)
        end_child(pid)
        raise LaunchError(f"a program cannot be started: {problem.decode('utf-8', 'replace')}")
    return process


def close_streams(process: Process) -> None:
    """Forgets what the program may still write."""
    os.close(process.stdout)
    os.close(process.stderr)


def _stream(slot: Slot) -> tuple[int, int]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    # So that the program may open /dev/stdout and /dev/stderr.
    os.fchown(writer, slot.uid, slot.uid)
    return reader, writer


def _become_sample(
    plan: Plan, slot: Slot, workspace: str, streams: tuple[int, int], channel: int | None
) -> None:
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.setsid()
    os.umask(0o077)
    with open("/proc/self/oom_score_adj", "wb", buffering=0) as file:
        file.write(b"1000")
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, plan.limits.file_bytes)
    _limit(resource.RLIMIT_NPROC, plan.limits.processes)
    _limit(resource.RLIMIT_NOFILE, plan.limits.open_files)
    os.setgroups([])
    os.setresgid(slot.uid, slot.uid, slot.uid)
    os.setresuid(slot.uid, slot.uid, slot.uid)
    os.chdir(workspace)
    nothing = os.open("/dev/null", os.O_RDONLY)
    ends = (nothing, *streams) if channel is None else (nothing, *streams, channel)
    # Above those that the program finds, lest one overwrites the next.
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, len(ends)) for end in ends]
    for place, end in enumerate(high):
        os.dup2(end, place)


def _limit(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (bound, bound))


def _execute(argv: list[str], environment: dict[str, str]) -> None:
    try:
        os.execvpe(argv[0], argv, environment)
    except OSError as error:
        if error.errno not in _EXPLAINED:
            raise
        os.write(2, f"cannot run {argv[0]}: {error.strerror}\n".encode())
        missing = error.errno in (errno.ENOENT, errno.ENOTDIR)
        os._exit(NOT_FOUND if missing else NOT_EXECUTABLE)
