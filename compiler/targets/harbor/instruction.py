"""Project -> instruction.md: what the optimiser is told."""

from __future__ import annotations

from compiler import contracts
from compiler.ir.build import Access, Build, Split
from compiler.ir.project import Project
from compiler.passes.derive_timeouts import RESCORE_TOP_K
from compiler.targets.json_text import render_inline_json
from compiler.targets.render_template import render_template

_SHOWS = {
    Access.VIEWABLE: "the score, and of each sample its score, your agent's output and its error",
    Access.NON_VIEWABLE: "one number: the mean score, rounded",
}


def render_instruction(project: Project) -> str:
    """Prose for the optimiser. Splits that it cannot evaluate are not named."""
    build = project.build
    return render_template(
        "harbor/instruction.md.j2",
        description=build.description,
        repository=contracts.WORK_REPO,
        results=contracts.WORK_RESULTS,
        command=render_inline_json(build.command),
        fields=_enumerate([f"`{field}`" for field in build.input_fields]),
        network=build.runner.network.value,
        sample_timeout=f"{build.limits.sample:g}",
        agent_timeout=duration_in_words(build.limits.agent),
        selection_split=build.selection_split,
        splits=[_describe(build, split) for split in build.splits if split.evaluable],
        top_k={1: "one", 2: "two", 3: "three"}.get(RESCORE_TOP_K, str(RESCORE_TOP_K)),
    )


def _describe(build: Build, split: Split) -> dict[str, str]:
    budget = next((b for b in build.budgets if b.split == split.name), None)
    parts = []
    if budget and budget.runs is not None:
        parts.append(_count(budget.runs, "evaluation"))
    if budget and budget.samples is not None:
        parts.append(_count(budget.samples, "sample"))
    return {
        "name": split.name,
        "shows": _SHOWS[split.access],
        "budget": " and ".join(parts) or "unlimited",
    }


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
