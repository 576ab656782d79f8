"""The pages of `mooring explain`: their form, and how their examples are run.

A page is Markdown: a title ``# MORnnn: <what>``, prose, then ``## Wrong`` and ``## Mended``. Each
of the two is an example: a fresh copy of the base project below, changed by the fenced blocks of
the section. A block's info string says what it is:

- ``yaml build.yaml``: top-level keys that replace those of the base project's build file, or are
  added at its end; a line ``# without: KEY`` removes a key. With ``mode: B`` the base is that of
  mode B.
- ``yaml build.yaml whole``: the whole build file.
- ``LANGUAGE PATH``: another file, whole.
- ``sh``: commands run in the project's folder after the files are written.
- ``console``: one line ``$ mooring ...``, the command that is run instead of `mooring check`.

Wrong gives exactly the page's code, beside those in a line ``Also reported: MORnnn, MORnnn.``;
Mended gives no error, and not the code.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from tests.commands import run_script

ROOT: Final = Path(__file__).resolve().parent.parent
PAGES: Final = ROOT / "compiler" / "diagnostics" / "pages"
BUILD: Final = "build.yaml"
CHECK: Final[tuple[str, ...]] = ("check", BUILD)

_FENCE: Final = re.compile(r"^```(\S+)(?: (\S+))?( whole)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ALSO: Final = re.compile(r"^Also reported: (.+)\.$", re.MULTILINE)
_KEY: Final = re.compile(r"^([a-z_]+):", re.MULTILINE)
_WITHOUT: Final = re.compile(r"^# without: (\w+)\n", re.MULTILINE)

_SPLITS: Final = """\
splits:
  - {split: train, access: viewable}
  - {split: validation, access: non_viewable}
  - {split: test, access: no_access}
"""
_BUILD_A: Final = f"""\
name: acme/sums
description: Add two numbers.
mode: A
agent_repo: agent
dataset: data
input_fields: [question]
command: [python3, "{{workspace}}/solve.py", "{{input}}", "{{output}}"]
task_project: scorer
task_module: scorer
{_SPLITS}budgets:
  - {{split: validation, total_run_budget: 10}}
selection_split: validation
targets:
  - {{split: test}}
"""
_BUILD_B: Final = """\
name: acme/coder
description: Write programs.
mode: B
agent_repo: agent
harbor:
  agent_import_path: coder.agent:Agent
inner_task: tasks
partition:
  train: [parse-dates, sort-words]
  test: [count-lines, find-cycles]
splits:
  - {split: train, access: viewable}
  - {split: test, access: no_access}
selection_split: train
targets:
  - {split: test}
secrets: [MODAL_TOKEN_ID, MODAL_TOKEN_SECRET]
"""
_SOLVE: Final = 'import json\nimport sys\n\njson.dump(0, open(sys.argv[2], "w"))\n'
_SCORER: Final = 'def score(sample, output):\n    return float(output == sample["answer"])\n'
_TASKS: Final = ("parse-dates", "sort-words", "count-lines", "find-cycles")


def _rows(first: int) -> str:
    return "".join(
        f'{{"question": "{i} + {i + 1}", "answer": {i + i + 1}}}\n' for i in range(first, first + 6)
    )


BASE_A: Final = {
    BUILD: _BUILD_A,
    "agent/solve.py": _SOLVE,
    "data/train.jsonl": _rows(1),
    "data/validation.jsonl": _rows(11),
    "data/test.jsonl": _rows(21),
    "scorer/scorer.py": _SCORER,
}
BASE_B: Final = {
    BUILD: _BUILD_B,
    "agent/coder/agent.py": "class Agent:\n    pass\n",
    **{f"tasks/{name}/task.toml": 'version = "1.0"\n' for name in _TASKS},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A project as files, the commands that prepare it, and what mooring is called with."""

    files: dict[str, str]
    script: str
    arguments: tuple[str, ...]
    also: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page: the code that it is of, its title and prose, and its examples by section."""

    code: str
    title: str
    prose: str
    examples: dict[str, Example]


def read_page(code: str) -> Page:
    """The page of a code."""
    text = (PAGES / f"{code}.md").read_text("utf-8")
    head, *sections = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    title, _, prose = head.partition("\n")
    named = dict(zip(sections[::2], sections[1::2], strict=True))
    examples = {name: _read_example(section) for name, section in named.items()}
    return Page(code=code, title=title, prose=prose.strip(), examples=examples)


def _read_example(section: str) -> Example:
    blocks = list(_FENCE.finditer(section))
    mode_b = any(b[2] == BUILD and not b[3] and "mode: B\n" in b[4] for b in blocks)
    files = dict(BASE_B if mode_b else BASE_A)
    script, arguments = "", CHECK
    for language, path, whole, text in (block.groups() for block in blocks):
        if language == "sh":
            script += text
        elif language == "console":
            arguments = tuple(shlex.split(text.removeprefix("$ mooring ")))
        elif path == BUILD and not whole:
            files[path] = _replace_keys(files[path], text)
        else:
            files[path] = text
    also = _ALSO.search(section)
    return Example(
        files=files,
        script=script,
        arguments=arguments,
        also=frozenset(also[1].split(", ")) if also else frozenset(),
    )


def _replace_keys(base: str, changes: str) -> str:
    removed = set(_WITHOUT.findall(changes))
    theirs = dict(_keys(base))
    assert removed <= set(theirs), f"the base project has no {removed}"
    ours: dict[str, str] = {}
    for key, text in _keys(_WITHOUT.sub("", changes)):
        ours[key] = ours.get(key, "") + text
    kept = {key: text for key, text in theirs.items() if key not in removed}
    return "".join({**kept, **ours}.values())


def _keys(text: str) -> Iterator[tuple[str, str]]:
    """The top-level keys in order, each with its lines."""
    starts = [*(match.start() for match in _KEY.finditer(text)), len(text)]
    for start, end in pairwise(starts):
        yield text[start:].partition(":")[0], text[start:end]


def write_example(example: Example, folder: Path) -> None:
    """The example's project, ready to be checked."""
    for path, text in example.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    if example.script:
        run_script(["bash", "-eu", "-c", example.script], folder)
