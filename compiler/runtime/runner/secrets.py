"""Secrets that candidates are given: taken from the daemon's environment, shown nowhere else."""

from __future__ import annotations

import ctypes
import dataclasses
import os

from .masks import mask
from .plan import Plan
from .system import WorldError


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
    """`text` without the secrets that stand in it whole."""
    return mask({name: plan.environment[name] for name in plan.secrets}, text)
