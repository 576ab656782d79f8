"""Secrets that candidates are given: taken from the daemon's environment, shown nowhere else."""

from __future__ import annotations

import ctypes
import dataclasses
import os

from .plan import Plan
from .system import WorldError

# Shorter ones are words that a program says anyway.
SHORTEST_HIDDEN = 8


def take_secrets(plan: Plan) -> Plan:
    """The plan with the secrets' values in its environment, gone from this process's own.

    WorldError names those that are missing or empty.
    """
    values = {name: os.environ.get(name, "") for name in plan.secrets}
    missing = [name for name, value in values.items() if not value]
    if missing:
        raise WorldError(f"the environment lacks the secrets {', '.join(missing)}")
    _forget(plan.secrets)
    return dataclasses.replace(plan, environment={**plan.environment, **values})


def _forget(names: tuple[str, ...]) -> None:
    """Overwrites the values where /proc/<pid>/environ shows them, of this process and its forks."""
    block = ctypes.POINTER(ctypes.c_void_p).in_dll(ctypes.CDLL(None), "environ")
    index = 0
    while address := block[index]:
        variable, _, value = ctypes.string_at(address).partition(b"=")
        if os.fsdecode(variable) in names:
            ctypes.memset(address + len(variable) + 1, ord("x"), len(value))
        index += 1
    for name in names:
        os.environ.pop(name)


def hide_secrets(plan: Plan, text: str) -> str:
    """`text` with each secret that stands in it whole replaced by its name.

    This keeps accidents out of results and logs; code that wants to show a secret still can.
    """
    values = sorted(((plan.environment[name], name) for name in plan.secrets), key=_length)
    for value, name in reversed(values):
        if len(value) >= SHORTEST_HIDDEN:
            text = text.replace(value, f"[{name}]")
    return text


def _length(pair: tuple[str, str]) -> int:
    return len(pair[0])
