"""The evaluator's plan: what the compiler decided, typed and complete.

`decode_plan` fails closed: an unknown key, a missing key, a wrong type or a reference to nothing is
a `PlanError` that names its place (`plan.splits[2].access`). Nothing in the plan has a default.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from ..nested.settings import Settings
from .fields import Fields, PlanError, check_unique, text_of
from .nested_plan import decode_settings

PLAN_VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Samples of mode A a line, names of tasks of mode B in a list.
_FILES = {
    "A": re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*\.jsonl"),
    "B": re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*\.json"),
}
_SHA_LENGTH = {"sha1": 40, "sha256": 64}


class Access(Enum):
    """What the optimiser learns of an evaluation on a split."""

    VIEWABLE = "viewable"
    NON_VIEWABLE = "non_viewable"
    NO_ACCESS = "no_access"


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    commit: str
    tree: str
    object_format: str
    archive: Path
    author: str
    email: str
    time: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    admin: Path
    results: Path
    runner_socket: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class PathsA(Paths):
    data: Path
    scorer: Path
    scorer_python: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class PathsB(Paths):
    """`inner_tasks` is `None` where the tasks come from a registry, `environments` where Harbor
    knows the environment itself.
    """

    cases: Path
    inner_tasks: Path | None
    environments: Path | None
    harbor: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    name: str
    access: Access
    file: str
    samples: int
    min_samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerEntry:
    module: str
    function: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Totals of a split over the whole session, and the most samples of a run; `None`: no limit."""

    split: str
    runs: int | None
    samples: int | None
    samples_per_run: int | None


class Mode(Enum):
    """How the candidate that is scored on the targets is found."""

    AUTO_BEST = "auto_best"
    SUBMIT = "submit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """With `baseline_floor` the baseline stands unless what was found is better on `split`."""

    split: str
    mode: Mode
    rescore_top_k: int
    baseline_floor: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`sample_ids` are those that count; `None` is the whole split."""

    split: str
    reward_key: str
    sample_ids: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    bundle_bytes: int
    tree_bytes: int
    output_bytes: int
    git_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Times are in seconds; `timeout` bounds one evaluation. `deterministic`: the same tree answers
    the same samples alike, always.
    """

    task: str
    baseline: Baseline
    listen: Listen
    paths: Paths
    splits: tuple[Split, ...]
    budgets: tuple[Budget, ...]
    deterministic: bool
    selection: Selection
    submit_enabled: bool
    score_baseline: bool
    targets: tuple[Target, ...]
    failure_value: float
    timeout: float
    max_concurrency: int
    read_only_paths: tuple[str, ...]
    limits: Limits
    secrets: tuple[str, ...]

    def split(self, name: str) -> Split | None:
        return next((split for split in self.splits if split.name == name), None)

    def budget(self, split: str) -> Budget | None:
        return next((budget for budget in self.budgets if budget.split == split), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanA(Plan):
    """`sample_timeout` bounds one run of a candidate's command, `scorer_timeout` one scoring."""

    paths: PathsA
    input_fields: tuple[str, ...]
    scorer: ScorerEntry
    sample_timeout: float
    scorer_timeout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanB(Plan):
    """A candidate is an agent that a nested Harbor runs; a sample is one of its tasks."""

    paths: PathsB
    nested: Settings


def read_plan(path: Path) -> PlanA | PlanB:
    """The plan in a file; whatever is wrong with the file or in it is a `PlanError`."""
    try:
        text = path.read_bytes().decode("utf-8")
        value: object = json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique)
    except (OSError, ValueError, RecursionError) as error:
        raise PlanError("plan", f"cannot be read from {path}: {error}") from error
    return decode_plan(value)


_PLAN_KEYS = (
    "plan_version service mode task baseline listen paths splits"
    " budgets deterministic selection submit_enabled score_baseline targets failure_value"
    " timeout max_concurrency read_only_paths limits secrets"
)
_MODE_KEYS = {"A": "input_fields scorer sample_timeout scorer_timeout", "B": "harbor"}


def decode_plan(value: object) -> PlanA | PlanB:
    """Typed plan of parsed JSON, with every reference between its parts checked."""
    mode = value.get("mode") if isinstance(value, dict) else None
    # Of a plan without a mode, or with another, whatever is said is said of mode A.
    top = Fields(value, "plan", f"{_PLAN_KEYS} {_MODE_KEYS['B' if mode == 'B' else 'A']}")
    for key, constant in (("plan_version", PLAN_VERSION), ("service", "eval-sidecar")):
        if top.raw(key) != constant or isinstance(top.raw(key), bool):
            raise PlanError(top.place(key), f"expected {constant!r}, found {top.raw(key)!r:.60}")
    if mode not in _MODE_KEYS:
        raise PlanError(top.place("mode"), f"expected 'A' or 'B', found {mode!r:.60}")
    plan = _plan_a(top) if mode == "A" else _plan_b(top)
    _check_references(plan)
    return plan


def _plan_a(top: Fields) -> PlanA:
    return PlanA(
        **_common(top, "A"),
        paths=_paths_a(top),
        input_fields=top.list("input_fields", text_of),
        scorer=_scorer(top),
        sample_timeout=top.seconds("sample_timeout"),
        scorer_timeout=top.seconds("scorer_timeout"),
    )


def _plan_b(top: Fields) -> PlanB:
    plan = PlanB(**_common(top, "B"), paths=_paths_b(top), nested=decode_settings(top))
    if (plan.nested.task_source is None) == (plan.paths.inner_tasks is None):
        raise PlanError("plan.paths.inner_tasks", "expected either it or harbor.task_source")
    return plan


def _common(top: Fields, mode: str) -> dict[str, Any]:
    return {
        "task": top.text("task"),
        "baseline": _baseline(top),
        "listen": _listen(top),
        "splits": top.list("splits", lambda item, place: _split(item, place, _FILES[mode])),
        "budgets": top.list("budgets", _budget),
        "deterministic": top.flag("deterministic"),
        "selection": _selection(top),
        "submit_enabled": top.flag("submit_enabled"),
        "score_baseline": top.flag("score_baseline"),
        "targets": top.list("targets", _target),
        "failure_value": top.number("failure_value"),
        "timeout": top.seconds("timeout"),
        "max_concurrency": top.whole("max_concurrency", 1, 1024),
        "read_only_paths": top.list("read_only_paths", text_of),
        "limits": _limits(top),
        "secrets": top.list("secrets", lambda item, place: text_of(item, place, _VARIABLE)),
    }


def _check_references(plan: Plan) -> None:
    check_unique((split.name for split in plan.splits), "plan.splits", "name")
    check_unique((split.file for split in plan.splits), "plan.splits", "file")
    check_unique((budget.split for budget in plan.budgets), "plan.budgets", "split")
    check_unique((target.reward_key for target in plan.targets), "plan.targets", "reward_key")
    if isinstance(plan, PlanA):
        check_unique(plan.input_fields, "plan.input_fields", None)
        if not plan.input_fields:
            raise PlanError("plan.input_fields", "expected at least one")
    if not plan.targets:
        raise PlanError("plan.targets", "expected at least one")
    references = [(f"plan.budgets[{i}].split", b.split) for i, b in enumerate(plan.budgets)]
    references += [("plan.selection.split", plan.selection.split)]
    references += [(f"plan.targets[{i}].split", t.split) for i, t in enumerate(plan.targets)]
    for place, name in references:
        if plan.split(name) is None:
            raise PlanError(place, f"there is no split {name!r}")


def _baseline(top: Fields) -> Baseline:
    item = top.inner("baseline", "commit tree object_format archive author email time message")
    object_format = item.text("object_format")
    if object_format not in _SHA_LENGTH:
        raise PlanError(
            item.place("object_format"), f"expected sha1 or sha256, found {object_format!r}"
        )
    sha = re.compile(rf"[0-9a-f]{{{_SHA_LENGTH[object_format]}}}")
    return Baseline(
        commit=item.text("commit", sha),
        tree=item.text("tree", sha),
        object_format=object_format,
        archive=item.path("archive"),
        author=item.text("author"),
        email=item.text("email"),
        time=item.whole("time", 0),
        message=item.text("message"),
    )


def _listen(top: Fields) -> Listen:
    item = top.inner("listen", "host port")
    return Listen(host=item.text("host"), port=item.whole("port", 1, 65535))


_COMMON_PATHS = "admin results runner_socket"


def _paths_a(top: Fields) -> PathsA:
    item = top.inner("paths", f"{_COMMON_PATHS} data scorer scorer_python")
    return PathsA(
        **_common_paths(item),
        data=item.path("data"),
        scorer=item.path("scorer"),
        scorer_python=item.path("scorer_python"),
    )


def _paths_b(top: Fields) -> PathsB:
    item = top.inner("paths", f"{_COMMON_PATHS} cases inner_tasks environments harbor")
    return PathsB(
        **_common_paths(item),
        cases=item.path("cases"),
        inner_tasks=item.path_or_none("inner_tasks"),
        environments=item.path_or_none("environments"),
        harbor=item.path("harbor"),
    )


def _common_paths(item: Fields) -> dict[str, Path]:
    return {key: item.path(key) for key in _COMMON_PATHS.split()}


def _split(value: object, place: str, file: re.Pattern[str]) -> Split:
    item = Fields(value, place, "name access file samples min_samples")
    access = item.text("access")
    if access not in {tier.value for tier in Access}:
        raise PlanError(item.place("access"), f"{access!r} is not a tier")
    return Split(
        name=item.text("name", _NAME),
        access=Access(access),
        file=item.text("file", file),
        samples=item.whole("samples", 1, 10_000_000),
        min_samples=item.whole("min_samples", 1, 10_000_000),
    )


def _scorer(top: Fields) -> ScorerEntry:
    item = top.inner("scorer", "module function")
    return ScorerEntry(
        module=item.text("module", _MODULE), function=item.text("function", _IDENTIFIER)
    )


def _budget(value: object, place: str) -> Budget:
    item = Fields(value, place, "split total_run_budget total_sample_budget max_samples_per_run")
    return Budget(
        split=item.text("split"),
        runs=item.whole_or_none("total_run_budget"),
        samples=item.whole_or_none("total_sample_budget"),
        samples_per_run=item.whole_or_none("max_samples_per_run"),
    )


def _selection(top: Fields) -> Selection:
    item = top.inner("selection", "split mode rescore_top_k baseline_floor")
    mode = item.text("mode")
    if mode not in {known.value for known in Mode}:
        raise PlanError(item.place("mode"), f"{mode!r} is not a way to select")
    return Selection(
        split=item.text("split"),
        mode=Mode(mode),
        rescore_top_k=item.whole("rescore_top_k", 1, 100),
        baseline_floor=item.flag("baseline_floor"),
    )


def _target(value: object, place: str) -> Target:
    item = Fields(value, place, "split reward_key sample_ids")
    return Target(
        split=item.text("split"),
        reward_key=item.text("reward_key", _KEY),
        sample_ids=None if item.raw("sample_ids") is None else _sample_ids(item),
    )


def _sample_ids(item: Fields) -> tuple[str, ...]:
    ids = item.list("sample_ids", text_of)
    if not ids:
        raise PlanError(item.place("sample_ids"), "expected at least one, or null")
    check_unique(ids, item.place("sample_ids"), None)
    return ids


def _limits(top: Fields) -> Limits:
    item = top.inner("limits", "bundle_bytes tree_bytes output_bytes git_seconds")
    return Limits(
        bundle_bytes=item.whole("bundle_bytes", 1),
        tree_bytes=item.whole("tree_bytes", 1),
        output_bytes=item.whole("output_bytes", 1, 64 * 1024 * 1024),
        git_seconds=item.whole("git_seconds", 1, 86400),
    )


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has a key twice")
    return found
