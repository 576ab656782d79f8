"""What ends a command: a message, a hint and an exit code; never a traceback."""

from __future__ import annotations

USAGE = 2
WORLD = 3
REFUSED = 4


class ClientError(Exception):
    """`code` is the exit code; `hint`, when there is one, says what to do next."""

    def __init__(self, code: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
