"""A declared secret: asked of the caller, given to the evaluator alone, written nowhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.docker.compose import Project
from tests.docker.workshop import SECRET, SECRET_NAME

pytestmark = pytest.mark.docker


@pytest.mark.parametrize("variables", [{}, {SECRET_NAME: ""}], ids=["unset", "empty"])
def test_compose_refuses_to_start_without_it(
    bench: Project, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SECRET_NAME, raising=False)
    project = replace(bench, name=f"{bench.name}-without", variables=variables)
    done = project.compose("up", "--detach", "--no-build", check=False)
    assert done.returncode != 0
    assert SECRET_NAME.encode() in done.stderr


def test_only_the_evaluator_has_it(bench: Project) -> None:
    given = {
        service: [word for word in bench.inspect(service)["Config"]["Env"] if SECRET_NAME in word]
        for service in ("main", "eval-sidecar", "runner")
    }
    value = f"{SECRET_NAME}={SECRET.decode()}"
    assert given == {"main": [], "eval-sidecar": [value], "runner": []}
    for service in ("main", "runner"):
        assert SECRET.decode() not in repr(bench.inspect(service))


def test_no_artifact_holds_it(bench: Project) -> None:
    texts = [path.read_bytes() for path in bench.task.rglob("*") if path.is_file()]
    assert not [text for text in texts if SECRET in text]
    # Its name has to be there, or nobody would ask for it.
    assert any(SECRET_NAME.encode() in text for text in texts)
