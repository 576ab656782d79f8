"""One Compose project made of an emitted task, as Harbor would make it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.docker import engine

BUILD_SECONDS = 600.0
ANSWER_SECONDS = 180.0
type Finished = subprocess.CompletedProcess[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A task's services under one name. `variables` is what the caller's environment adds."""

    name: str
    task: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def compose(self, *argv: str, seconds: float = ANSWER_SECONDS, check: bool = True) -> Finished:
        folder = self.task / "environment"
        files = ("-f", str(folder / "docker-compose.yaml"), "--project-directory", str(folder))
        return _run(
            ["docker", "compose", "-p", self.name, *files, *argv],
            seconds=seconds,
            check=check,
            variables=self.variables,
        )

    def build(self) -> None:
        self.compose("build", seconds=BUILD_SECONDS)

    def start(self, *services: str) -> None:
        """Until all are healthy or, without a health check, running."""
        self.compose("up", "--detach", "--wait", "--no-build", *services)

    def image(self, service: str) -> str:
        return f"{self.name}-{service}"

    def container(self, service: str) -> str:
        return f"{self.name}-{service}-1"

    def inspect(self, service: str) -> dict[str, Any]:
        return inspect("container", self.container(service))

    def address(self, service: str, network: str) -> str:
        networks = self.inspect(service)["NetworkSettings"]["Networks"]
        address: str = networks[f"{self.name}_{network}"]["IPAddress"]
        return address

    def run(
        self,
        service: str,
        *argv: str,
        user: str = "root",
        text: bytes = b"",
        folder: str = "/",
        check: bool = True,
    ) -> Finished:
        """What the command prints inside the service's container."""
        head = ["docker", "exec", "-i", "--user", user, "--workdir", folder]
        words = [*head, self.container(service), *argv]
        return _run(words, text=text, check=check)

    def python(self, service: str, script: str, *argv: str, user: str = "root") -> Any:
        """The JSON value that a script prints; the script itself is on no disk there."""
        text = script.encode()
        return json.loads(
            self.run(service, "python3", "-I", "-", *argv, user=user, text=text).stdout
        )


def inspect(kind: str, name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(
        _run(["docker", kind, "inspect", name], check=True).stdout
    )
    return found[0]


@contextmanager
def running(project: Project, *services: str) -> Iterator[Project]:
    """The project, built and healthy; afterwards nothing of it is left."""
    try:
        project.build()
        project.start(*services)
        yield project
    finally:
        remove(project)


def remove(project: Project) -> None:
    down = ("down", "--volumes", "--rmi", "local", "--remove-orphans", "--timeout", "1")
    project.compose(*down, check=False)
    # What a file that Compose refuses to read would leave.
    engine.remove_objects(prefix=f"{project.name}-")
    engine.remove_objects(prefix=f"{project.name}_")


def _run(
    argv: list[str],
    *,
    text: bytes = b"",
    seconds: float = ANSWER_SECONDS,
    check: bool,
    variables: Mapping[str, str] | None = None,
) -> Finished:
    environment = {**os.environ, **(variables or {})}
    done = subprocess.run(
        argv, input=text, capture_output=True, timeout=seconds, check=False, env=environment
    )
    if check and done.returncode != 0:
        end = (done.stdout[-3000:] + done.stderr[-3000:]).decode(errors="replace")
        raise AssertionError(f"{argv} ended with {done.returncode}:\n{end}")
    return done
