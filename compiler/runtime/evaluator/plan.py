"""The evaluator's plan: what the compiler decided, typed and complete.

`decode_plan` fails closed: an unknown key, a missing key, a wrong type or a reference to nothing is
a `PlanError` that names its place (`plan.splits[2].access`). Nothing in the plan has a default.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TypeVar

PLAN_VERSION = 1
_T = TypeVar("_T")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*\.jsonl")
_SHA_LENGTH = {"sha1": 40, "sha256": 64}


class PlanError(ValueError):
    """The plan cannot be used; `place` is a path such as `plan.splits[2].access`."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f"{place}: {message}")
        self.place = place
        self.message = message


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
    data: Path
    scorer: Path
    scorer_python: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    name: str
    access: Access
    file: str
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerEntry:
    module: str
    function: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Totals of one split over the whole session; `None` is unlimited."""

    split: str
    runs: int | None
    samples: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    split: str
    rescore_top_k: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    split: str
    reward_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    bundle_bytes: int
    tree_bytes: int
    output_bytes: int
    git_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Times are in seconds; `timeout` bounds one evaluation, `sample_timeout` one run of a
    candidate.
    """

    task: str
    baseline: Baseline
    listen: Listen
    paths: Paths
    input_fields: tuple[str, ...]
    splits: tuple[Split, ...]
    scorer: ScorerEntry
    budgets: tuple[Budget, ...]
    selection: Selection
    targets: tuple[Target, ...]
    failure_value: float
    timeout: float
    sample_timeout: float
    scorer_timeout: float
    max_concurrency: int
    limits: Limits
    secrets: tuple[str, ...]

    def split(self, name: str) -> Split | None:
        return next((split for split in self.splits if split.name == name), None)

    def budget(self, split: str) -> Budget | None:
        return next((budget for budget in self.budgets if budget.split == split), None)


class _Object:
    """A JSON object with exactly the expected keys, read one typed field at a time."""

    def __init__(self, value: object, place: str, keys: str) -> None:
        if not isinstance(value, dict):
            raise PlanError(place, f"expected an object, found {_kind(value)}")
        expected = set(keys.split())
        for key in value:
            if key not in expected:
                raise PlanError(f"{place}.{key}", "unknown key")
        for key in sorted(expected - set(value)):
            raise PlanError(f"{place}.{key}", "missing")
        self._value: dict[str, object] = value
        self._place = place

    def place(self, key: str) -> str:
        return f"{self._place}.{key}"

    def raw(self, key: str) -> object:
        return self._value[key]

    def inner(self, key: str, keys: str) -> _Object:
        return _Object(self.raw(key), self.place(key), keys)

    def text(self, key: str, pattern: re.Pattern[str] | None = None) -> str:
        return _text(self.raw(key), self.place(key), pattern)

    def path(self, key: str) -> Path:
        value = Path(self.text(key))
        if not value.is_absolute() or ".." in value.parts:
            raise PlanError(self.place(key), "expected an absolute path without '..'")
        return value

    def whole(self, key: str, low: int, high: int = 2**53) -> int:
        value = self.raw(key)
        if isinstance(value, bool) or not isinstance(value, int):
            raise PlanError(self.place(key), f"expected a whole number, found {_kind(value)}")
        if not low <= value <= high:
            raise PlanError(self.place(key), f"{value} is not in {low}..{high}")
        return value

    def whole_or_none(self, key: str) -> int | None:
        return None if self.raw(key) is None else self.whole(key, 0)

    def number(self, key: str) -> float:
        value = self.raw(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise PlanError(self.place(key), f"expected a number, found {_kind(value)}")
        if not abs(value) <= 1e15:  # neither is NaN
            raise PlanError(self.place(key), "the number is too large")
        return float(value)

    def seconds(self, key: str) -> float:
        value = self.number(key)
        if not value > 0:
            raise PlanError(self.place(key), "expected more than 0 seconds")
        return value

    def list(self, key: str, decode: Callable[[object, str], _T]) -> tuple[_T, ...]:
        value = self.raw(key)
        if not isinstance(value, list):
            raise PlanError(self.place(key), f"expected a list, found {_kind(value)}")
        return tuple(decode(item, f"{self.place(key)}[{i}]") for i, item in enumerate(value))


def read_plan(path: Path) -> Plan:
    """The plan in a file; whatever is wrong with the file or in it is a `PlanError`."""
    try:
        text = path.read_bytes().decode("utf-8")
        value: object = json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique)
    except (OSError, ValueError, RecursionError) as error:
        raise PlanError("plan", f"cannot be read from {path}: {error}") from error
    return decode_plan(value)


_PLAN_KEYS = (
    "plan_version service mode task baseline listen paths input_fields splits scorer"
    " budgets selection targets failure_value timeout sample_timeout scorer_timeout"
    " max_concurrency limits secrets"
)


def decode_plan(value: object) -> Plan:
    """Typed plan of parsed JSON, with every reference between its parts checked."""
    top = _Object(value, "plan", _PLAN_KEYS)
    for key, constant in (
        ("plan_version", PLAN_VERSION),
        ("service", "eval-sidecar"),
        ("mode", "A"),
    ):
        if top.raw(key) != constant or isinstance(top.raw(key), bool):
            raise PlanError(top.place(key), f"expected {constant!r}, found {top.raw(key)!r:.60}")
    plan = Plan(
        task=top.text("task"),
        baseline=_baseline(top),
        listen=_listen(top),
        paths=_paths(top),
        input_fields=top.list("input_fields", _text),
        splits=top.list("splits", _split),
        scorer=_scorer(top),
        budgets=top.list("budgets", _budget),
        selection=_selection(top),
        targets=top.list("targets", _target),
        failure_value=top.number("failure_value"),
        timeout=top.seconds("timeout"),
        sample_timeout=top.seconds("sample_timeout"),
        scorer_timeout=top.seconds("scorer_timeout"),
        max_concurrency=top.whole("max_concurrency", 1, 1024),
        limits=_limits(top),
        secrets=top.list("secrets", lambda item, place: _text(item, place, _VARIABLE)),
    )
    _check_references(plan)
    return plan


def _check_references(plan: Plan) -> None:
    _check_unique((split.name for split in plan.splits), "plan.splits", "name")
    _check_unique((split.file for split in plan.splits), "plan.splits", "file")
    _check_unique((budget.split for budget in plan.budgets), "plan.budgets", "split")
    _check_unique((target.reward_key for target in plan.targets), "plan.targets", "reward_key")
    _check_unique(plan.input_fields, "plan.input_fields", None)
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


def _check_unique(values: Iterable[str], place: str, key: str | None) -> None:
    seen: set[str] = set()
    for i, value in enumerate(values):
        if value in seen:
            raise PlanError(
                f"{place}[{i}]" + (f".{key}" if key else ""), f"{value!r} is there twice"
            )
        seen.add(value)


def _baseline(top: _Object) -> Baseline:
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


def _listen(top: _Object) -> Listen:
    item = top.inner("listen", "host port")
    return Listen(host=item.text("host"), port=item.whole("port", 1, 65535))


def _paths(top: _Object) -> Paths:
    item = top.inner("paths", "admin results runner_socket data scorer scorer_python")
    return Paths(
        admin=item.path("admin"),
        results=item.path("results"),
        runner_socket=item.path("runner_socket"),
        data=item.path("data"),
        scorer=item.path("scorer"),
        scorer_python=item.path("scorer_python"),
    )


def _split(value: object, place: str) -> Split:
    item = _Object(value, place, "name access file samples")
    access = item.text("access")
    if access not in {tier.value for tier in Access}:
        raise PlanError(item.place("access"), f"{access!r} is not a tier")
    return Split(
        name=item.text("name", _NAME),
        access=Access(access),
        file=item.text("file", _FILE),
        samples=item.whole("samples", 1, 10_000_000),
    )


def _scorer(top: _Object) -> ScorerEntry:
    item = top.inner("scorer", "module function")
    return ScorerEntry(
        module=item.text("module", _MODULE), function=item.text("function", _IDENTIFIER)
    )


def _budget(value: object, place: str) -> Budget:
    item = _Object(value, place, "split total_run_budget total_sample_budget")
    runs = item.whole_or_none("total_run_budget")
    return Budget(
        split=item.text("split"), runs=runs, samples=item.whole_or_none("total_sample_budget")
    )


def _selection(top: _Object) -> Selection:
    item = top.inner("selection", "split rescore_top_k")
    return Selection(split=item.text("split"), rescore_top_k=item.whole("rescore_top_k", 1, 100))


def _target(value: object, place: str) -> Target:
    item = _Object(value, place, "split reward_key")
    return Target(split=item.text("split"), reward_key=item.text("reward_key", _KEY))


def _limits(top: _Object) -> Limits:
    item = top.inner("limits", "bundle_bytes tree_bytes output_bytes git_seconds")
    return Limits(
        bundle_bytes=item.whole("bundle_bytes", 1),
        tree_bytes=item.whole("tree_bytes", 1),
        output_bytes=item.whole("output_bytes", 1, 64 * 1024 * 1024),
        git_seconds=item.whole("git_seconds", 1, 86400),
    )


def _text(value: object, place: str, pattern: re.Pattern[str] | None = None) -> str:
    if not isinstance(value, str) or not value:
        raise PlanError(place, f"expected text, found {_kind(value) if value != '' else 'none'}")
    if "\0" in value or (pattern is not None and pattern.fullmatch(value) is None):
        raise PlanError(place, f"{value!r:.80} is not in the form it has to have")
    return value


def _kind(value: object) -> str:
    names = {
        dict: "an object",
        list: "a list",
        str: "text",
        bool: "true or false",
        type(None): "null",
    }
    return names.get(type(value), "a number")


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has a key twice")
    return found
