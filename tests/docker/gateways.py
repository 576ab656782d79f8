"""Containers of gateways, each started in a way of its own, and what they are asked."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.commands import call_mooring
from tests.docker import engine
from tests.fixture_cases import OK

HOME = "/opt/data"
BOOT_LOG = f"{HOME}/logs/container-boot.log"
SECONDS = 60.0
Finished = subprocess.CompletedProcess[str]


def compile_gateways(output: Path, changes: Mapping[str, str] | None = None) -> Path:
    """The fixture, compiled into ``output``, with other text in places of its build file."""
    source = output.with_name(f"{output.name}-input")
    shutil.copytree(OK / "gateways" / "input", source)
    text = (source / "build.yaml").read_text("utf-8")
    for before, after in (changes or {}).items():
        assert before in text
        text = text.replace(before, after)
    (source / "build.yaml").write_text(text, "utf-8")
    param = f"BASE_IMAGE={engine.base_image()}"
    done = call_mooring(["compile", str(source), "-o", str(output), "--param", param])
    assert done.exit_code == 0, done.stderr
    return output


def build_image(task: Path, image: str) -> None:
    """The image of a compiled build's gateways."""
    folder = task / "environment"
    dockerfile = folder / "gateways" / "Dockerfile"
    argv = ("build", "--quiet", "--tag", image, "--file", str(dockerfile), str(folder))
    done = engine.run_docker(*argv, timeout=600)
    assert done.returncode == 0, done.stderr


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A container and the volume of its home; ``options`` are those of `docker run`."""

    name: str
    image: str
    options: tuple[str, ...] = ()
    volume: str = ""

    def run(self, *command: str) -> None:
        volume = self.volume or f"{self.name}-home"
        words = ("--name", self.name, "--volume", f"{volume}:{HOME}", *self.options)
        self._docker("run", "--detach", *words, self.image, *command)

    def _docker(self, *argv: str, check: bool = True) -> Finished:
        done = engine.run_docker(*argv)
        if check and done.returncode != 0:
            raise AssertionError(f"docker {argv}: {done.stdout}{done.stderr}")
        return done

    def docker(self, verb: str, *options: str) -> float:
        """`docker VERB` on the container; how long it took, in seconds."""
        started = time.monotonic()
        self._docker(verb, *options, self.name)
        return time.monotonic() - started

    def mooring(self, *argv: str, user: str = "", check: bool = True) -> Finished:
        """A command of the container, as whoever `docker exec` is without a user."""
        chosen = ("--user", user) if user else ()
        return self._docker("exec", *chosen, self.name, "mooring", *argv, check=check)

    def shell(self, script: str, user: str = "") -> str:
        chosen = ("--user", user) if user else ()
        return self._docker("exec", *chosen, self.name, "sh", "-euc", script).stdout

    def logs(self) -> str:
        done = self._docker("logs", self.name)
        return done.stdout + done.stderr

    def exit_code(self) -> int:
        words = ("inspect", "--format", "{{.State.ExitCode}}", self.name)
        return int(self._docker(*words).stdout)

    def gateways(self) -> dict[str, dict[str, Any]]:
        """What `gateway status` says of each profile."""
        told = json.loads(self.mooring("gateway", "status", "--all", "--json").stdout)
        return {view["profile"]: view for view in told["gateways"]}

    def states(self) -> dict[str, str]:
        return {name: view["state"] for name, view in self.gateways().items()}

    def wait_healthy(self, seconds: float = SECONDS) -> None:
        """Until the tree is up and every wanted gateway ready."""
        end = time.monotonic() + seconds
        while (done := self.mooring("health", check=False)).returncode != 0:
            if time.monotonic() > end:
                raise AssertionError(f"{done.stdout}{done.stderr}\n{self.logs()}")

    def wait_said(self, text: str, seconds: float = SECONDS) -> None:
        """Until the container's output has ``text``."""
        end = time.monotonic() + seconds
        while text not in self.logs():
            assert time.monotonic() < end, self.logs()
            time.sleep(0.1)

    def boots(self) -> list[dict[str, str]]:
        """The lines of the boot log, by their keys."""
        return [
            dict(word.split("=", 1) for word in line.split() if "=" in word)
            for line in self.shell(f"cat {BOOT_LOG}").splitlines()
        ]

    def last_boot(self) -> dict[str, dict[str, str]]:
        """What the last boot did with each profile."""
        return {line["profile"]: line for line in self.boots() if "profile" in line}

    def owners(self) -> set[str]:
        """The ids of the users of the container's processes."""
        return set(self.shell("stat -c %u /proc/[0-9]*", user="1001").split())


@contextmanager
def home(name: str, image: str, *options: str, command: tuple[str, ...] = ()) -> Iterator[Home]:
    """A running container, healthy; afterwards it is gone with its volume."""
    made = Home(name=name, image=image, options=options)
    try:
        made.run(*command)
        made.wait_healthy()
        yield made
    finally:
        engine.run_docker("rm", "--force", "--volumes", name)
        engine.run_docker("volume", "rm", "--force", f"{name}-home")
