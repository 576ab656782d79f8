"""Typed fields of parsed JSON: exactly the expected keys, and complaints that name their place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

_T = TypeVar("_T")


class PlanError(ValueError):
    """The plan cannot be used; `place` is a path such as `plan.splits[2].access`."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f"{place}: {message}")
        self.place = place
        self.message = message


class Fields:
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

    def inner(self, key: str, keys: str) -> Fields:
        return Fields(self.raw(key), self.place(key), keys)

    def text(self, key: str, pattern: re.Pattern[str] | None = None) -> str:
        return text_of(self.raw(key), self.place(key), pattern)

    def text_or_none(self, key: str) -> str | None:
        return None if self.raw(key) is None else self.text(key)

    def path_or_none(self, key: str) -> Path | None:
        return None if self.raw(key) is None else self.path(key)

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

    def flag(self, key: str) -> bool:
        value = self.raw(key)
        if not isinstance(value, bool):
            raise PlanError(self.place(key), f"expected true or false, found {_kind(value)}")
        return value

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


def text_of(value: object, place: str, pattern: re.Pattern[str] | None = None) -> str:
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


def check_unique(values: Iterable[str], place: str, key: str | None) -> None:
    seen: set[str] = set()
    for i, value in enumerate(values):
        if value in seen:
            raise PlanError(
                f"{place}[{i}]" + (f".{key}" if key else ""), f"{value!r} is there twice"
            )
        seen.add(value)
