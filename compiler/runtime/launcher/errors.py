"""What ends a launch: a message, a hint, the last lines of a log; or a signal."""

from __future__ import annotations

from collections.abc import Sequence

# What `docker run` itself answers when it, and not the container, fails.
OWN_FAILURE = 125


class LaunchError(Exception):
    """The launch cannot go on; `hint` says what to do, `lines` are a container's last ones."""

    def __init__(self, message: str, hint: str = "", lines: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.lines = tuple(lines)


class Refused(LaunchError):
    """It could go on, but nobody allowed it."""


class Unknown(LaunchError):
    """Somebody named what is not there, or what is there more than once."""


class TableProblem(LaunchError):
    """The table of providers is not as agreed; `path` leads to the place from its top."""

    def __init__(self, path: tuple[str, ...], problem: str) -> None:
        super().__init__(": ".join(["the table of secret providers", *path, problem]))
        self.path = path
        self.problem = problem


class Stopped(Exception):
    """A signal asked the launch to end; `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
