"""Ways in which a command fails: each a class, with an exit code and a word for programs."""

from __future__ import annotations

from typing import Any

USAGE, WORLD = 2, 3


class CommandError(Exception):
    """`hint` says what to do."""

    kind = "failed"
    code = WORLD

    def __init__(self, message: str, hint: str = "", **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.facts = facts

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {"error": {"kind": self.kind, "message": self.message, **self.facts}}


class InvalidName(CommandError):
    """No profile may be called so."""

    kind = "invalid-name"
    code = USAGE


class UnknownProfile(CommandError):
    """There is none of that name."""

    kind = "unknown-profile"
    code = USAGE


class ProfileExists(CommandError):
    """There is one of that name already."""

    kind = "profile-exists"
    code = USAGE


class NotSupervisedHere(CommandError):
    """No tree of ours runs in this container, or it does not have the home."""

    kind = "not-supervised"


class GaveUp(CommandError):
    """The gateway ended, and will not be started again by itself."""

    kind = "gave-up"


class TookTooLong(CommandError):
    """It may still come true."""

    kind = "timeout"
