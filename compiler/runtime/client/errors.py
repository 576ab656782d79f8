"""What ends a command: a message, a hint and an exit code; never a traceback."""

from __future__ import annotations

from typing import Any

USAGE = 2
WORLD = 3
REFUSED = 4


class ClientError(Exception):
    """`code` is the exit code; `hint`, when there is one, says what to do next.

    `word` names the cause for programs. `document` is what a command asked for JSON prints in
    place of the error: a job that ended without a result, say.
    """

    def __init__(self, code: int, message: str, hint: str = "", word: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.word = word or {USAGE: "usage", REFUSED: "refused"}.get(code, "failed")
        self.document: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints: always one object."""
        if self.document is not None:
            return self.document
        error = {"code": self.word, "message": self.message}
        return {"error": {**error, "hint": self.hint} if self.hint else error}


class Stopped(KeyboardInterrupt):
    """A signal asked the command to end; `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
