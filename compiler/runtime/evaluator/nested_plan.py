"""The part of the evaluator's plan that mode B alone has."""

from __future__ import annotations

import re

from ..nested.settings import Aggregate, Fault, Retry, Settings
from .fields import Fields, PlanError, text_of

_KEYS = (
    "task_source environment model n_attempts max_retries retry reward_key aggregate_attempts"
    " exceptions extra_args"
)
_TYPE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def decode_settings(top: Fields) -> Settings:
    """The plan's `harbor`."""
    item = top.inner("harbor", _KEYS)
    aggregate = item.text("aggregate_attempts")
    if aggregate not in {known.value for known in Aggregate}:
        raise PlanError(item.place("aggregate_attempts"), f"{aggregate!r} is not a way to count")
    return Settings(
        task_source=item.text_or_none("task_source"),
        environment=item.text("environment"),
        model=item.text_or_none("model"),
        n_attempts=item.whole("n_attempts", 1, 100),
        max_retries=item.whole("max_retries", 0, 100),
        retry=_retry(item),
        reward_key=item.text_or_none("reward_key"),
        aggregate=Aggregate(aggregate),
        exceptions=_exceptions(item),
        extra_args=item.list("extra_args", text_of),
    )


def _retry(top: Fields) -> Retry:
    item = top.inner("retry", "include exclude wait_multiplier min_wait max_wait")
    return Retry(
        include=_words(item, "include"),
        exclude=_words(item, "exclude"),
        wait_multiplier=item.seconds("wait_multiplier"),
        min_wait=item.seconds("min_wait"),
        max_wait=item.seconds("max_wait"),
    )


def _words(item: Fields, key: str) -> tuple[str, ...] | None:
    return None if item.raw(key) is None else item.list(key, text_of)


def _exceptions(top: Fields) -> dict[str, Fault]:
    value, place = top.raw("exceptions"), top.place("exceptions")
    if not isinstance(value, dict):
        raise PlanError(place, "expected an object")
    known = {fault.value for fault in Fault}
    for name, fault in value.items():
        text_of(name, f"{place}.{name}", _TYPE)
        if fault not in known:
            raise PlanError(f"{place}.{name}", "expected candidate or machinery")
    return {name: Fault(fault) for name, fault in value.items()}
