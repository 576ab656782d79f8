"""Candidates: agents as people write them for Harbor, and as they should not."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

HEAD = '''
import asyncio, json, os, signal, socket, subprocess, sys, threading, time
from pathlib import Path
from harbor.agents.base import BaseAgent

class Base(BaseAgent):
    @staticmethod
    def name(): return "solver"
    def version(self): return "1"
    async def setup(self, environment): pass

async def answer(environment):
    """Solves a task of the yard."""
    done = await environment.exec("cat name.txt")
    word = done.stdout.strip().upper()
    await environment.exec(f"printf %s {word} >/app/answer.txt")
'''
# The word of the instruction that names the task chooses what the agent does.
BY_TASK = """
class Agent(Base):
    async def run(self, instruction, environment, context):
        await BEHAVIOURS[instruction.split()[1]](self, environment, context)
"""


def agent(run: str, more: str = "") -> dict[str, str]:
    """A candidate whose `run` has this body; `more` are further lines of its class."""
    return {
        "solver.py": f"{HEAD}\nclass Agent(Base):\n{_indent(more, 1)}"
        f"    async def run(self, instruction, environment, context):\n{_indent(run, 2)}"
    }


def agent_by_task(behaviours: Mapping[str, str]) -> dict[str, str]:
    """A candidate that does something else in each task: bodies of functions by tasks' names."""
    functions = "".join(
        f"async def behave_{i}(self, environment, context):\n{_indent(body, 1)}\n"
        for i, body in enumerate(behaviours.values())
    )
    table = ", ".join(f'"{name}": behave_{i}' for i, name in enumerate(behaviours))
    return {"solver.py": f"{HEAD}\n{functions}\nBEHAVIOURS = {{{table}}}\n{BY_TASK}"}


def _indent(body: str, levels: int) -> str:
    return textwrap.indent(textwrap.dedent(body).strip("\n") + "\n", "    " * levels)


RIGHT = agent("await answer(environment)")
WRONG = agent('await environment.exec("printf %s no >/app/answer.txt")')
