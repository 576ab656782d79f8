"""Project -> instruction.md: what the optimiser is told."""

from __future__ import annotations

from typing import Any

from compiler import contracts
from compiler.ir.build import Access, ModeA, ModeB, RewardMode, Split, Task
from compiler.ir.project import Project
from compiler.targets.json_text import render_inline_json
from compiler.targets.render_template import render_extended, render_template

BUILT_IN = "harbor/instruction.md.j2"
_SHOWS = {
    Access.VIEWABLE: "the score, and of each sample its score, your agent's output and its error",
    Access.NON_VIEWABLE: "one number: the mean score, rounded",
}
_NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five"}


def render_instruction(project: Project) -> str:
    """Prose for the optimiser. Splits that it cannot evaluate are not named.

    Raises TemplateProblem when the user's own template cannot be filled.
    """
    values = instruction_values(project.build)
    if project.inputs.template is None:
        text = render_template(BUILT_IN, **values)
    else:
        text = render_extended(project.inputs.template, {"instruction.md": BUILT_IN}, values)
    return text.strip() + "\n"


def instruction_values(build: ModeA | ModeB) -> dict[str, Any]:
    """What the templates may name."""
    top_k = build.selection.rescore_top_k
    return {
        "name": build.name,
        "description": build.description,
        "repository": contracts.WORK_REPO,
        "results": contracts.WORK_RESULTS,
        "read_only": list(build.seed.read_only),
        "network": build.runner.network.value,
        "failure_value": f"{build.failure_value:g}",
        "agent_timeout": duration_in_words(build.limits.agent),
        "selection_split": build.selection.split,
        "splits": [_describe(build, split) for split in build.splits if split.evaluable],
        "top_k": _best(top_k),
        "top_k_verb": "is" if top_k == 1 else "are",
        "submit": build.selection.mode is RewardMode.SUBMIT,
        "baseline_floor": build.selection.baseline_floor,
        **(_values_a(build) if isinstance(build, ModeA) else _values_b(build)),
    }


def _values_a(build: ModeA) -> dict[str, Any]:
    return {
        "mode": "A",
        "command": render_inline_json(build.command),
        "setup": render_inline_json(build.setup) if build.setup else "",
        "fields": _enumerate([f"`{field}`" for field in build.input_fields]),
        "sample_timeout": f"{build.sample_seconds:g}",
    }


def _values_b(build: ModeB) -> dict[str, Any]:
    return {
        "mode": "B",
        "agent_class": build.harbor.agent_import_path,
        "attempts": build.harbor.n_attempts,
    }


def _best(count: int) -> str:
    if count == 1:
        return "The best of the commits that"
    return f"The {_NUMBERS.get(count, str(count))} best of the commits that"


def _describe(build: Task, split: Split) -> dict[str, str]:
    budget = next((b for b in build.budgets if b.split == split.name), None)
    parts = []
    if budget and budget.runs is not None:
        parts.append(_count(budget.runs, "evaluation"))
    if budget and budget.samples is not None:
        parts.append(_count(budget.samples, "sample"))
    total = " and ".join(parts) or "unlimited"
    if budget and budget.samples_per_run is not None:
        total += f", at most {_count(budget.samples_per_run, 'sample')} at a time"
    return {"name": split.name, "shows": _SHOWS[split.access], "budget": total}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _enumerate(words: list[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def duration_in_words(seconds: float) -> str:
    """Seconds as '2 hours', '90 seconds' or the like, exactly."""
    for unit, size in (("hour", 3600), ("minute", 60)):
        if seconds >= size and seconds % size == 0:
            return _count(int(seconds // size), unit)
    return f"{seconds:.15g} second{'' if seconds == 1 else 's'}"
