"""The Compose file: every string arrives, whichever YAML reads it."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.ir.task_plan import FromCaller
from compiler.passes.lower_task import lower_task
from compiler.targets.compose.lower import lower_compose
from compiler.targets.compose.model import ComposeValue, Joined
from compiler.targets.compose.render import render_compose, render_yaml
from tests.projects import project_of, write_project

VERSIONS = ("1.1", "1.2")


def load(text: str, version: str) -> Any:
    from ruamel.yaml import YAML

    yaml: Any = YAML(typ="safe", pure=True)
    yaml.version = version
    return yaml.load(io.StringIO(text))


def undone(value: Any) -> Any:
    """What Compose makes of a loaded value: `$$` is a dollar sign."""
    if isinstance(value, str):
        assert value.replace("$$", "").count("$") == 0
        return value.replace("$$", "$")
    if isinstance(value, list):
        return [undone(item) for item in value]
    if isinstance(value, dict):
        return {key: undone(item) for key, item in value.items()}
    return value


HARD = [
    "", " ", "a", "yes", "No", "ON", "off", "y", "N", "true", "False", "null", "Null", "~", "NaN",
    ".nan", ".inf", "-.INF", "1", "-1", "+1", "1.0", "1e3", ".5", "._", ".5_0", "..", ".", "/",
    "0x1F", "0o17", "017", "0b1", "1_000", "1:30", "12:30:45", "190:20:30.15", "2001-01-01", "a:",
    ":a", "a:b", "a: b", "a #b", "#a", "- a", "-", "? a", "?", "!a", "&a", "*a", "@a", "`a`",
    "%a", "|", ">", "'a'", '"a"', "{a}", "[a]", "{{ a }}", "a,b", "<<", "=", "---", "...", "a\nb",
    "\n", "a\r\nb", "a\tb", "\x00", "\x07", "\x7f", "\x85", "\xa0", "\u2028", "\u2029", "\ufeff",
    "\ufffe", "😀", "é", "\u202e", "$", "$$", "${A}", "${A:?b}", "$(id)", "`id`", "a$", "$A$$B",
    "\\", "\\n", "a\\", "x" * 10_000, "a b " * 100, " lead", "trail ", "trail\n", "\n\nlead",
    "a\n b\n  c", "=a", "a=b", "A=b=c", ",",
]  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("text", HARD, ids=[ascii(text)[:30] for text in HARD])
def test_hard_strings_arrive(text: str, version: str) -> None:
    model: dict[str, ComposeValue] = {"v": text, "l": [text], "m": {"k": {"k": text}}}
    assert undone(load(render_compose(model), version)) == model


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("text", [t for t in HARD if t], ids=[ascii(t)[:30] for t in HARD if t])
def test_hard_strings_arrive_as_keys(text: str, version: str) -> None:
    data = {text: {text: 1}}
    assert load(render_yaml(data), version) == data


STRINGS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        STRINGS,
        st.integers(),
        st.booleans(),
        st.none(),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    lambda below: st.one_of(
        st.lists(below, max_size=4), st.dictionaries(STRINGS, below, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=150)
@given(st.dictionaries(STRINGS, VALUES, max_size=4), st.sampled_from(VERSIONS))
def test_any_model_arrives(model: dict[str, Any], version: str) -> None:
    text = render_compose(model)
    assert text.isascii()
    assert undone(load(text, version)) == model


@settings(deadline=None, max_examples=300)
@given(VALUES, st.sampled_from(VERSIONS))
def test_any_data_arrives_as_what_it_is(data: Any, version: str) -> None:
    """By its text, too: an integer equals a float, and true equals 1."""
    loaded = load(render_yaml(data), version)
    assert loaded == data
    assert repr(loaded) == repr(data)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("value", [1e16, -1e16, 1e-7, 1.5e300, 5e-324, 0.0, -0.0, 0.1, 1e22])
def test_floats_arrive(value: float, version: str) -> None:
    for data in (value, [value], {"v": value}):
        assert repr(load(render_yaml(data), version)) == repr(data)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_not_written(value: float) -> None:
    with pytest.raises(TypeError):
        render_yaml({"v": [value]})


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("text", ["...", "---", "....", "...a", "---a", "--- a", "... a", "-", "."])
def test_no_text_ends_the_document(text: str, version: str) -> None:
    for data in (text, [text], {text: text}):
        assert load(render_yaml(data), version) == data


PIECES = st.lists(
    st.sampled_from(
        [".", "_", ":", "-", ",", "=", "/", "0", "1", "5", "e", "E", "n", "o", "y", "x"]
    ),
    max_size=6,
).map("".join)


@settings(deadline=None, max_examples=300)
@given(PIECES, st.sampled_from(VERSIONS))
def test_what_looks_like_a_number_arrives_as_text(text: str, version: str) -> None:
    assert load(render_yaml({"v": text, "l": [text]}), version) == {"v": text, "l": [text]}


def test_the_order_of_keys_is_kept() -> None:
    text = render_yaml({"b": 1, "a": {"d": 1, "c": 2}})
    assert text.index("b:") < text.index("a:") < text.index("d:") < text.index("c:")


def test_a_required_variable_is_the_only_interpolation() -> None:
    text = render_compose({"environment": {"KEY": FromCaller(name="KEY"), "OTHER": "${KEY}"}})
    loaded = load(text, "1.2")["environment"]
    assert loaded["KEY"] == "${KEY:?set KEY in the environment of harbor}"
    assert loaded["OTHER"] == "$${KEY}"


def test_a_required_variable_stands_within_literal_text() -> None:
    text = render_compose({"URL": Joined(("$x://u:", FromCaller(name="KEY"), "@h"))})
    assert load(text, "1.2")["URL"] == "$$x://u:${KEY:?set KEY in the environment of harbor}@h"


def test_shared_values_become_no_anchors() -> None:
    shared = ["a", "b"]
    text = render_yaml({"one": shared, "two": shared, "text": "x" * 50, "again": "x" * 50})
    assert "&" not in text
    assert "*" not in text
    assert load(text, "1.2")["two"] == shared


# The file of a task.


@pytest.fixture
def compose(tmp_path: Path) -> dict[str, Any]:
    changes = {"secrets": ["KEY"], "runner": {"network": "public"}, "max_concurrency": 2}
    plan = lower_task(project_of(write_project(tmp_path, changes)))
    loaded: dict[str, Any] = load(render_compose(lower_compose(plan)), "1.2")
    return loaded


def test_every_service_has_an_init_and_no_new_privileges(compose: dict[str, Any]) -> None:
    assert list(compose["services"]) == ["main", "eval-sidecar", "runner"]
    for service in compose["services"].values():
        assert service["init"] is True
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service
        assert "ports" not in service


def test_capabilities_are_dropped(compose: dict[str, Any]) -> None:
    evaluator, runner = compose["services"]["eval-sidecar"], compose["services"]["runner"]
    assert (evaluator["cap_drop"], evaluator.get("cap_add")) == (["ALL"], None)
    assert runner["cap_drop"] == ["ALL"]
    assert runner["cap_add"] == ["CHOWN", "KILL", "SETGID", "SETUID"]
    assert runner["read_only"] is True


def test_only_the_evaluator_is_given_secrets(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert services["eval-sidecar"]["environment"] == {
        "KEY": "${KEY:?set KEY in the environment of harbor}"
    }
    assert list(services["main"]["environment"]) == ["MOORING_EVAL_URL"]
    assert "environment" not in services["runner"]


def test_no_volume_but_the_named_ones(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for mount in service.get("volumes", []):
            assert mount["type"] == "volume"
            assert mount["source"] in compose["volumes"]


def test_a_runner_without_network_has_none(tmp_path: Path) -> None:
    plan = lower_task(project_of(write_project(tmp_path)))
    runner = load(render_compose(lower_compose(plan)), "1.2")["services"]["runner"]
    assert runner["network_mode"] == "none"
    assert "networks" not in runner


@pytest.mark.docker
def test_docker_reads_what_was_meant(tmp_path: Path) -> None:
    model: dict[str, ComposeValue] = {
        "services": {
            "main": {
                "image": "scratch",
                "init": True,
                "environment": {f"V{i}": text for i, text in enumerate(HARD) if "\0" not in text},
                "command": [text for text in HARD if "\0" not in text],
            }
        }
    }
    (tmp_path / "docker-compose.yaml").write_text(render_compose(model))
    done = subprocess.run(
        ["docker", "compose", "config", "--format", "json", "--no-normalize"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    # What `config` prints is a Compose file again: its dollar signs are doubled.
    read = undone(json.loads(done.stdout)["services"]["main"])
    assert read["command"] == [text for text in HARD if "\0" not in text]
    assert read["environment"] == {f"V{i}": text for i, text in enumerate(HARD) if "\0" not in text}


@pytest.mark.docker
def test_docker_accepts_the_file_of_a_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = lower_task(project_of(write_project(tmp_path, {"secrets": ["A_TEST_KEY_OF_MOORING"]})))
    (tmp_path / "docker-compose.yaml").write_text(render_compose(lower_compose(plan)))
    command = ["docker", "compose", "config", "--format", "json"]
    refused = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert refused.returncode != 0
    assert b"set A_TEST_KEY_OF_MOORING" in refused.stderr
    monkeypatch.setenv("A_TEST_KEY_OF_MOORING", "a $ecret")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    services = json.loads(done.stdout)["services"]
    assert services["eval-sidecar"]["environment"] == {"A_TEST_KEY_OF_MOORING": "a $$ecret"}
    assert services["eval-sidecar"]["networks"] == {"eval": None}
