"""The plan's JSON: what is refused, by the decoder and by the schema alike."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from compiler.runtime.launcher.errors import LaunchError
from compiler.runtime.launcher.plan import Hole, Mode, Names, Reference, Word
from compiler.runtime.launcher.read_plan import decode_plan, read_plan
from tests.runtime.launcher.plans import (
    SESSION,
    Json,
    harness,
    healthcheck,
    make_plan,
    make_tong,
    secret,
    tcp,
)

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "schemas/runtime/launch-plan.schema.json").read_text("utf-8"))
MISSING: Any = object()


def plan() -> Json:
    hot = make_tong(
        "hot", "i", ["serve"], secrets={"A": [{"text": "x"}, secret("op", "a:b")]}, shared="s",
        shared_network="n", readiness=healthcheck("s", ["true"]),
    )  # fmt: skip
    web = make_tong("web", "i", [], readiness=tcp("web", 80), depends_on=["hot"])
    files = [{"name": "mcp.json", "content": "{}"}]
    return make_plan([hot, web], harness("i", "run"), "i", files=files)


WRONG: list[tuple[tuple[str | int, ...], Any, str, bool]] = [
    # Where, what instead, what the message says, and whether the schema can tell as well.
    (("plan_version",), 2, "plan_version is 2", True),
    (("plan_version",), MISSING, "plan_version is None", True),
    (("plan_version",), True, "plan_version is True", True),
    (("extra",), 1, "unknown extra", True),
    (("tongs",), {}, "tongs: expected a list", True),
    (("tongs", 0, "lifecycle"), "forever", "lifecycle", True),
    (("tongs", 0, "extra"), 1, "tongs[0]: unknown extra", True),
    (("tongs", 0, "told"), MISSING, "tongs[0]: missing told", True),
    (("tongs", 0, "run"), [], "starts with docker", True),
    (("tongs", 0, "run"), ["sh", "-c", "x"], "starts with docker", False),
    (("tongs", 0, "run"), [{"hole": "session"}], "run[0]: expected a list", True),
    (("tongs", 0, "run", 3), [{"hole": "home"}], "'home' is none of session", True),
    (("tongs", 0, "run", 3), "a\0b", "NUL", False),
    (("tongs", 0, "container"), 1, "container", True),
    (("tongs", 0, "name"), "web", "web stands twice", False),
    (("tongs", 0, "depends_on"), ["web"], "hot stands before web", False),
    (("tongs", 1, "depends_on"), ["gone"], "web stands before gone", False),
    (("tongs", 0, "untrusted"), 1, "untrusted: expected true or false", True),
    (("tongs", 0, "definition"), [], "definition: expected an object", True),
    (("tongs", 0, "secrets", 0, "variable"), "A=$(x)", "not a name of a variable", True),
    (("tongs", 0, "secrets", 0, "parts", 0), {"text": 1}, "parts[0]", True),
    (("tongs", 0, "secrets", 0, "parts", 1), {"provider": "x"}, "missing from, reference", True),
    (("tongs", 0, "readiness", "mode"), "udp", "mode", True),
    (("tongs", 0, "readiness", "seconds"), 0, "more than 0", True),
    (("tongs", 0, "readiness", "seconds"), True, "expected seconds", True),
    (("tongs", 1, "readiness", "port"), 0, "port", True),
    (("tongs", 1, "readiness", "port"), True, "port", True),
    (("probe", "network"), MISSING, "missing network", True),
    (("anvil", "argv"), ["rm", "-rf"], "starts with docker", False),
    (("files", 0, "name"), "../x", "not the name of a file", True),
    (("networks", 0, "owned"), "yes", "owned", True),
]


def changed(where: tuple[str | int, ...], value: Any) -> Json:
    whole = copy.deepcopy(plan())
    node: Any = whole
    for step in where[:-1]:
        node = node[step]
    if value is MISSING:
        del node[where[-1]]
    else:
        node[where[-1]] = value
    return whole


@pytest.mark.parametrize(("where", "value", "problem", "schema_too"), WRONG)
def test_refused(where: tuple[str | int, ...], value: Any, problem: str, schema_too: bool) -> None:
    whole = changed(where, value)
    with pytest.raises(LaunchError) as caught:
        decode_plan(whole)
    assert problem in caught.value.message
    assert jsonschema.Draft202012Validator(SCHEMA).is_valid(whole) is not schema_too


@pytest.mark.parametrize("value", [None, [], "x", 1, {}])
def test_no_plan_at_all(value: Any) -> None:
    with pytest.raises(LaunchError):
        decode_plan(value)


def test_read() -> None:
    whole = plan()
    jsonschema.Draft202012Validator(SCHEMA).validate(whole)
    hot, web = decode_plan(whole).tongs
    assert (hot.shared, web.shared) == (True, False)
    assert hot.secrets[0].references == (Reference("op", "a:b"),)
    assert hot.secrets[0].fill(lambda wanted: wanted.reference.encode()) == b"xa:b"
    assert (hot.readiness.mode, web.readiness.mode) == (Mode.HEALTHCHECK, Mode.TCP)
    assert web.container == (Hole.SESSION, "-tong-web")


def test_schema_names_every_key() -> None:
    """A key that one side reads and the other does not know would be accepted and ignored."""
    from compiler.runtime.launcher import read_plan as module

    assert set(SCHEMA["properties"]) == set(module._PLAN)
    assert set(SCHEMA["$defs"]["tong"]["properties"]) == set(module._TONG)
    readiness = set().union(*module._READINESS.values())
    assert set(SCHEMA["$defs"]["readiness"]["properties"]) == readiness


def test_holes_are_filled_and_text_is_not_searched() -> None:
    names = Names("s", "o", "/w", "/f", "-t")
    assert names.fill((Hole.SESSION, "-{session}")) == "s-{session}"
    argv: list[Word] = [("docker",), (Hole.TERMINAL,), (Hole.WORKSPACE, ":/x"), ("",)]
    assert names.fill_all(argv) == ("docker", "-t", "/w:/x", "")
    assert Names("s", "o", "/w", "/f", "").fill_all(argv) == ("docker", "/w:/x", "")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"plan_version": 1, "plan_version": 1}'])
def test_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.json"
    with pytest.raises(LaunchError, match=r"plan\.json"):
        read_plan(str(path))
    path.write_text(text)
    with pytest.raises(LaunchError, match="the plan"):
        read_plan(str(path))
    path.write_text(json.dumps(plan()))
    assert read_plan(str(path)).name == "demo"
    assert SESSION == {"hole": "session"}
