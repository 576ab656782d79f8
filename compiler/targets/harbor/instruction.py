"""Project -> instruction.md: what the optimiser is told."""

from __future__ import annotations

from typing import Any, Final

from compiler import contracts
from compiler.ir.build import (
    Access,
    Aggregate,
    ModeA,
    ModeB,
    Reach,
    Recipient,
    RewardMode,
    Selection,
    Split,
    Task,
)
from compiler.ir.project import Project
from compiler.targets.json_text import render_inline_json
from compiler.targets.render_template import render_extended, render_template

BUILT_IN: Final = "harbor/instruction.md.j2"
_SHOWS: Final = {
    Access.VIEWABLE: "the score, and of each {sample} its score{detail} and its error",
    Access.NON_VIEWABLE: "one number: the mean score, rounded",
}
_NUMBERS: Final = {2: "two", 3: "three", 4: "four", 5: "five"}


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
    evaluable = [split for split in build.splits if split.evaluable]
    return {
        "name": build.name,
        "description": build.description,
        "repository": contracts.WORK_REPO,
        "results": contracts.WORK_RESULTS,
        "read_only": list(build.seed.read_only),
        "online": build.workbench.network is Reach.PUBLIC,
        "network": build.runner.network.value,
        "secrets": _enumerate([f"`{s}`" for s in build.secrets_to(Recipient.CANDIDATE)]),
        "failure_value": f"{build.failure_value:g}",
        "agent_timeout": duration_in_words(build.limits.agent),
        "splits": [_describe(build, split) for split in evaluable],
        "samples": f"{_noun(build)}s",
        "choosable": any(split.access is Access.VIEWABLE for split in evaluable),
        "deterministic": build.deterministic,
        "measured": _measured(build),
        **_selection_values(build.selection),
        **(_values_a(build) if isinstance(build, ModeA) else _values_b(build)),
    }


def _selection_values(selection: Selection) -> dict[str, Any]:
    top_k = selection.rescore_top_k
    return {
        "selection_split": selection.split,
        "top_k": _best(top_k),
        "top_k_verb": "is" if top_k == 1 else "are",
        "submit": selection.mode is RewardMode.SUBMIT,
        "baseline_floor": selection.baseline_floor,
    }


def _values_a(build: ModeA) -> dict[str, Any]:
    return {
        "mode": "A",
        "command": render_inline_json(build.command),
        "setup": render_inline_json(build.setup) if build.setup else "",
        "fields": _enumerate([f"`{field}`" for field in build.input_fields]),
        "sample_timeout": duration_in_words(build.sample_seconds),
    }


def _values_b(build: ModeB) -> dict[str, Any]:
    return {
        "mode": "B",
        "agent_class": build.harbor.agent_import_path,
        "attempts": build.harbor.n_attempts,
        "best": build.harbor.aggregate is Aggregate.BEST,
        "model": build.harbor.model,
    }


def _noun(build: Task) -> str:
    """What a sample is called."""
    return "sample" if isinstance(build, ModeA) else "task"


def _measured(build: Task) -> str:
    """What the targets are, as far as the optimiser may know: hidden splits are not named."""
    viewable = {s.name for s in build.splits if s.access is Access.VIEWABLE}
    seen = [target.split in viewable for target in build.targets]
    if all(seen):
        return "Your result is then scored once more."
    partly = ", partly" if any(seen) else ""
    return f"Your result is then scored{partly} on {_noun(build)}s that you have not seen."


def _best(count: int) -> str:
    if count == 1:
        return "The best of the commits that"
    return f"The {_NUMBERS.get(count, str(count))} best of the commits that"


def _describe(build: Task, split: Split) -> dict[str, str]:
    noun = _noun(build)
    detail = ", your agent's output" if isinstance(build, ModeA) else ""
    shows = _SHOWS[split.access].format(sample=noun, detail=detail)
    return {"name": split.name, "shows": shows, "budget": _budget(build, split)}


def _budget(build: Task, split: Split) -> str:
    budget = next((b for b in build.budgets if b.split == split.name), None)
    noun = _noun(build)
    parts = []
    if budget and budget.runs is not None:
        parts.append(_count(budget.runs, "evaluation"))
    if budget and budget.samples is not None:
        parts.append(_count(budget.samples, noun))
    most = budget.samples_per_run if budget else None
    # Of a hidden split the whole is evaluated: there is nothing to choose.
    least = split.min_samples if split.access is Access.VIEWABLE else 1
    each = f"; {_range(least, most, noun)} at a time" if most or least > 1 else ""
    return (" and ".join(parts) or "unlimited") + each


def _range(least: int, most: int | None, noun: str) -> str:
    if most is None:
        return f"at least {_count(least, noun)}"
    return f"{least} to {_count(most, noun)}" if least > 1 else f"at most {_count(most, noun)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _enumerate(words: list[str]) -> str:
    *first, last = words or [""]
    return f"{', '.join(first)} and {last}" if first else last


def duration_in_words(seconds: float) -> str:
    """Seconds as '2 hours', '90 seconds' or the like, exactly."""
    for unit, size in (("hour", 3600), ("minute", 60)):
        if seconds >= size and seconds % size == 0:
            return _count(int(seconds // size), unit)
    return f"{seconds:.15g} second{'' if seconds == 1 else 's'}"
