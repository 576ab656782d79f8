"""The plan: what is refused, by the decoder and by the schema alike."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from compiler.runtime.supervisor.plan import PlanError, decode_plan, read_plan
from tests.runtime.supervisor.plans import ROOT, declare, make_plan, plan_data

SCHEMA = json.loads(
    (ROOT / "schemas/runtime/supervisor-plan.schema.json").read_text(encoding="utf-8")
)
MISSING: Any = object()
CRASH = {"deaths": 5, "window": 60, "max_backoff": 30}
# Where, what instead, what the message says.
WRONG: list[tuple[str, Any, str]] = [
    ("plan_version", 2, "plan_version"),
    ("plan_version", True, "plan_version"),
    ("service", "runner", "service"),
    ("extra", 1, "unknown extra"),
    ("home", MISSING, "missing home"),
    ("home", "data", "absolute"),
    ("home", "/opt/../data", "shortest"),
    ("home", "/", "root"),
    ("scandir", "/run/service/", "shortest"),
    ("user", "root", "never run as root"),
    ("user", "", "user"),
    ("user", "a b", "user"),
    ("user", 1001, "user"),
    ("marker", "", "marker"),
    ("marker", "..", "marker"),
    ("marker", "a/b", "marker"),
    ("marker", ".mooring", "marker"),
    ("command", [], "words"),
    ("command", ["", "x"], "words"),
    ("command", "gateway", "list"),
    ("command", ["a\0b"], "NUL"),
    ("env", {"A-B": "1"}, "A-B"),
    ("env", {"A": 1}, r"env\.A"),
    ("env", [], "object"),
    ("profiles", [declare("Coder", 9200)], r"profiles\[0\]\.name"),
    ("profiles", [declare("a" * 201, 9200)], r"profiles\[0\]\.name"),
    ("profiles", [declare("-a", 9200)], r"profiles\[0\]\.name"),
    ("profiles", [{**declare("a", 1), "start": "yes"}], "start"),
    ("profiles", [{**declare("a", 1), "port": 0}], "port"),
    ("profiles", [{**declare("a", 1), "extra": 0}], "unknown extra"),
    ("ports", {"first": 0, "last": 10}, "ports.first"),
    ("ports", {"first": 9200}, "missing last"),
    ("readiness", {"kind": "http"}, "readiness.kind"),
    ("readiness", {"kind": "notify"}, "missing fd"),
    ("readiness", {"kind": "notify", "fd": 9}, "readiness.fd"),
    ("readiness", {"kind": "tcp", "fd": 3}, "unknown fd"),
    ("readiness", "tcp", "readiness.kind"),
    ("crash", {**CRASH, "deaths": 0}, "crash.deaths"),
    ("crash", {**CRASH, "deaths": 33}, "crash.deaths"),
    ("crash", {**CRASH, "window": 0}, "crash.window"),
    ("crash", {**CRASH, "max_backoff": -1}, "crash.max_backoff"),
    ("stop_timeout", 0, "stop_timeout"),
    ("stop_timeout", True, "stop_timeout"),
]
# What a schema cannot say.
BEYOND_SCHEMA: list[tuple[str, Any, str]] = [
    ("ports", {"first": 9200, "last": 9199}, "ports"),
    ("ports", {"first": 9200, "last": 11200}, "ports"),
    ("profiles", [declare("a", 9200), declare("a", 9201)], "name stands twice"),
    ("profiles", [declare("a", 9200), declare("b", 9200)], "port stands twice"),
]
RIGHT: list[dict[str, Any]] = [
    {},
    {"profiles": [declare("coder", 9300, start=True, A=None, B=""), declare("default", 9301)]},
    {"readiness": {"kind": "notify", "fd": 8}},
    {"readiness": {"kind": "none"}, "crash": {**CRASH, "max_backoff": 0}},
    {"ports": {"first": 1, "last": 2000}},
    {"profiles": [declare("a" * 200, 9200)]},
]


def changed(key: str, value: Any) -> dict[str, Any]:
    data = plan_data()
    if value is MISSING:
        del data[key]
    else:
        data[key] = value
    return data


@pytest.mark.parametrize(("key", "value", "says"), WRONG)
def test_the_decoder_and_the_schema_refuse(key: str, value: Any, says: str) -> None:
    data = changed(key, value)
    with pytest.raises(PlanError, match=says):
        decode_plan(data)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, SCHEMA)


@pytest.mark.parametrize(("key", "value", "says"), BEYOND_SCHEMA)
def test_the_decoder_refuses_what_the_schema_cannot(key: str, value: Any, says: str) -> None:
    data = changed(key, value)
    jsonschema.validate(data, SCHEMA)
    with pytest.raises(PlanError, match=says):
        decode_plan(data)


@pytest.mark.parametrize("changes", RIGHT)
def test_both_take_what_is_right(changes: dict[str, Any]) -> None:
    jsonschema.validate(plan_data(**changes), SCHEMA)
    make_plan(**changes)


def test_a_file_that_is_no_plan_is_refused(tmp_path: Any) -> None:
    file = tmp_path / "plan.json"
    for content in (b"{", b"\xff", b"[" * 100000, b'{"home": 1, "home": 2}'):
        file.write_bytes(content)
        with pytest.raises(PlanError):
            read_plan(str(file))
    with pytest.raises(PlanError, match="No such file"):
        read_plan(str(tmp_path / "none"))
