"""The Docker engine that tests use: whether it will do, and removing what a test left on it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

DEFAULT_BASE_IMAGE = "mooring-test-base:trixie"
ANSWER_TIMEOUT = 60.0


def run_docker(*argv: str, timeout: float = ANSWER_TIMEOUT) -> subprocess.CompletedProcess[str]:
    """Runs `docker ARGV` without standard input; the exit status is the caller's to judge."""
    return subprocess.run(
        ["docker", *argv],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def is_required() -> bool:
    """In CI a test that is skipped has failed."""
    return os.environ.get("MOORING_REQUIRE_DOCKER") == "1"


def base_image() -> str:
    """The image from which tests build; the fixtures' BASE_IMAGE parameter."""
    return os.environ.get("MOORING_BASE_IMAGE") or DEFAULT_BASE_IMAGE


def find_obstacle() -> str | None:
    """Why tests cannot use Docker here, or None when they can."""
    questions = (
        (("info",), "no Docker engine answers"),
        (("compose", "version"), "the docker client has no compose plugin"),
        (("buildx", "version"), "the docker client has no buildx plugin"),
        (
            ("image", "inspect", base_image()),
            f"the image {base_image()} is missing (tests/docker/base-image makes it)",
        ),
    )
    for argv, obstacle in questions:
        try:
            answer = run_docker(*argv)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"docker {argv[0]}: {error}"
        if answer.returncode != 0:
            return f"{obstacle}: {answer.stderr.strip()}"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectKind:
    """How one kind of Docker object is listed by name or label, and removed by force."""

    listing: tuple[str, ...]
    name_format: str
    removal: tuple[str, ...]


# In the order of removal: each kind may be in use by those before it.
OBJECT_KINDS = (
    ObjectKind(
        listing=("container", "ls", "--all"),
        name_format="{{.Names}}",
        removal=("container", "rm", "--force", "--volumes"),
    ),
    ObjectKind(
        listing=("network", "ls"),
        name_format="{{.Name}}",
        removal=("network", "rm"),
    ),
    ObjectKind(
        listing=("volume", "ls"),
        name_format="{{.Name}}",
        removal=("volume", "rm", "--force"),
    ),
    ObjectKind(
        listing=("image", "ls"),
        name_format="{{.Repository}}:{{.Tag}}",
        removal=("image", "rm", "--force"),
    ),
)


def list_objects(kind: ObjectKind, *, prefix: str = "", label: str = "") -> tuple[str, ...]:
    """Names of the objects whose name starts with `prefix` and that bear `label`, sorted."""
    if not prefix and not label:
        raise ValueError("a prefix or a label is needed: all objects are never meant")
    filters = ("--filter", f"label={label}") if label else ()
    answer = run_docker(*kind.listing, "--format", kind.name_format, *filters)
    return tuple(sorted(n for n in set(answer.stdout.split()) if n.startswith(prefix)))


def remove_objects(*, prefix: str = "", label: str = "") -> None:
    """Removes containers, networks, volumes and images by the start of their name or by label."""
    for kind in OBJECT_KINDS:
        names = list_objects(kind, prefix=prefix, label=label)
        if names:
            run_docker(*kind.removal, *names)


@dataclass(slots=True, kw_only=True)
class Scrap:
    """What a test will leave behind: name it before making it."""

    prefix: str
    labels: list[str] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)

    def expect_label(self, label: str) -> None:
        self.labels.append(label)

    def expect_prefix(self, prefix: str) -> None:
        self.prefixes.append(prefix)

    def remove(self) -> None:
        for label in self.labels:
            remove_objects(label=label)
        for prefix in (self.prefix, *self.prefixes):
            remove_objects(prefix=prefix)


def scrap_for(names: Sequence[str]) -> Generator[Scrap]:
    """Yields a Scrap whose prefix is made of `names`, and removes everything under it after."""
    scrap = Scrap(prefix="-".join(("mooring-test", *names)))
    try:
        yield scrap
    finally:
        scrap.remove()
