"""Candidates: agents as people write them for Harbor, and as they should not."""

from __future__ import annotations

HEAD = '''
import asyncio, os, signal, sys, time
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


def agent(run: str, more: str = "") -> dict[str, str]:
    """A candidate whose `run` has this body; `more` are further lines of its class."""
    body = "".join(f"        {line}\n" for line in run.strip("\n").splitlines())
    extra = "".join(f"    {line}\n" for line in more.strip("\n").splitlines())
    return {
        "solver.py": f"{HEAD}\nclass Agent(Base):\n{extra}"
        f"    async def run(self, instruction, environment, context):\n{body}"
    }


RIGHT = agent("await answer(environment)")
WRONG = agent('await environment.exec("printf %s no >/app/answer.txt")')
