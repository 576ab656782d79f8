"""The question to the person at the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from .text import is_terminal

YES = frozenset({"y", "yes"})


def find_asker(*, allowed: bool) -> Callable[[Sequence[str]], bool] | None:
    """Who can be asked: nobody without a terminal at both ends, or where prompts are forbidden."""
    if not allowed or not is_terminal(sys.stdin) or not is_terminal(sys.stderr):
        return None
    return ask


def ask(lines: Sequence[str]) -> bool:
    """Shows the lines and waits; only a plain yes is one, and the end of input is a no."""
    for line in lines:
        print(line, file=sys.stderr)
    print("Start it, with all of this? [y/N] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        print(file=sys.stderr)
    return answer.strip().lower() in YES
