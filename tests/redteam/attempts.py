"""What an attempt is: something that is tried, what would be a gain, and how a gain is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """`held` says of a report whether nothing was gained; `gained` is a report of a gain, so that
    a check which would not notice one is found.
    """

    name: str
    tries: str
    gain: str
    held: Callable[[Any], bool]
    gained: object

    def __str__(self) -> str:
        return self.name

    def check(self, report: object) -> None:
        assert self.held(report), f"{self.tries}: {self.gain}\n{report!r:.4000}"


REFUSALS = frozenset({"EPERM", "EACCES", "EROFS"})


def all_refused(report: dict[str, str]) -> bool:
    """Each of several things was tried, and the kernel refused it for want of a right."""
    return bool(report) and set(report.values()) <= REFUSALS


def none_done(report: dict[str, str]) -> bool:
    """Each of several things was tried and did not come about, for whatever reason."""
    return bool(report) and "done" not in report.values()
