"""The engine by way of the `docker` command on PATH: each call is one plain argv."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import IO, Any

from .engine import Container, Conversation, Image, NameTaken, Network, Process
from .errors import LaunchError

# Seconds for an answer of an engine that is busy with others; starting a container takes longest.
ANSWER = 60.0
START = 180.0
_ABSENT = ("no such ", " not found", "is not connected to", "is already in progress")


class Docker:
    """Calls are bounded in time and in sessions of their own: a terminal's Ctrl-C reaches the
    launcher, which undoes what it did, and not the half of a call."""

    def containers(self, names: Sequence[str]) -> Mapping[str, Container]:
        """Those of the names that exist."""
        found = self._inspect("container", names)
        return {container.name: container for container in map(_decode_container, found)}

    def labelled_containers(self, label: str) -> Sequence[Container]:
        """All with a label (`NAME` or `NAME=VALUE`), running or not, by name."""
        ids = self._list(["container", "ls", "--all"], label)
        found = map(_decode_container, self._inspect("container", ids))
        return sorted(found, key=lambda container: container.name)

    def labelled_networks(self, label: str) -> Sequence[Network]:
        """All networks with a label, by name."""
        found = self._inspect("network", self._list(["network", "ls"], label))
        networks = (Network(each["Name"], each.get("Labels") or {}) for each in found)
        return sorted(networks, key=lambda network: network.name)

    def has_network(self, name: str) -> bool:
        """Whether there is one of this very name."""
        return any(each["Name"] == name for each in self._inspect("network", [name]))

    def members(self, network: str) -> Sequence[str]:
        """Names of the running containers in a network; none for one that is not there."""
        found = self._inspect("network", [network])
        return sorted(
            member["Name"] for each in found for member in (each.get("Containers") or {}).values()
        )

    def image(self, reference: str) -> Image | None:
        """The local image, or None when it would have to be fetched."""
        found = self._inspect("image", [reference])
        if not found:
            return None
        return Image(found[0]["Id"])

    def pull(self, reference: str) -> None:
        """Its progress goes to standard error; it may take as long as it takes."""
        argv = ["docker", "pull", reference]
        try:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=2, check=False)
        except OSError as error:
            raise _cannot_run(error) from error
        if done.returncode != 0:
            raise LaunchError(f"cannot pull the image {reference}")

    def create_network(self, name: str, labels: Mapping[str, str]) -> None:
        """One without labels that exists meanwhile is as good: it is nobody's own."""
        flags = [word for key in sorted(labels) for word in ("--label", f"{key}={labels[key]}")]
        done = self._call(["network", "create", *flags, name])
        if done.returncode != 0 and (labels or b"already exists" not in done.stderr):
            raise _failed(["network", "create", name], done)

    def remove_network(self, name: str) -> None:
        self._change(["network", "rm", name])

    def run(self, argv: Sequence[str]) -> None:
        """A whole `docker run -d ...`; NameTaken when its name is."""
        done = self._call(argv[1:], seconds=START)
        if done.returncode == 0:
            return
        if b"is already in use by container" in done.stderr:
            raise NameTaken
        raise _failed(["run"], done)

    def remove(self, names: Sequence[str]) -> None:
        """By force, with the volumes that no name of a person's leads to."""
        if names:
            self._change(["rm", "--force", "--volumes", *names])

    def change(self, argv: Sequence[str]) -> None:
        """A call whose answer does not matter, such as `docker network connect`."""
        self.answer(argv)

    def disconnect(self, network: str, container: str) -> None:
        self._change(["network", "disconnect", "-f", network, container])

    def answer(self, argv: Sequence[str]) -> str:
        """What a call prints."""
        done = self._call(argv[1:])
        if done.returncode != 0:
            raise _failed(argv[1:], done)
        return done.stdout.decode("utf-8", "surrogateescape")

    def succeeds(self, argv: Sequence[str], *, seconds: float) -> bool:
        """Whether a call, such as a command in a container, ends with 0 in time."""
        try:
            return self._call(argv[1:], seconds=seconds).returncode == 0
        except LaunchError:
            return False

    def deliver(self, argv: Sequence[str], text: bytes) -> None:
        """Hand the text to a command in a container as its standard input."""
        done = self._call(argv[1:], text=text)
        if done.returncode != 0:
            raise _failed(argv[1:], done)

    def tail(self, container: str, lines: int) -> Sequence[str]:
        """The last lines of a container's log, both streams."""
        done = self._call(["logs", "--tail", str(lines), container], merged=True)
        return done.stdout.decode(errors="replace").splitlines()[-lines:]

    def converse(self, argv: Sequence[str]) -> Conversation:
        return _Talk(_popen(argv, stdin=-1, stdout=-1, stderr=-1, start_new_session=True))

    def attach(self, argv: Sequence[str]) -> Process:
        """The harness: it has the terminal, and stays in its group."""
        return _popen(argv)

    def _inspect(self, kind: str, names: Sequence[str]) -> list[dict[str, Any]]:
        if not names:
            return []
        argv = [kind, "inspect", *names]
        done = self._call(argv)
        if done.returncode != 0 and not _all_absent(done.stderr):
            raise _failed(argv[:2], done)
        try:
            found: list[dict[str, Any]] = json.loads(done.stdout or b"[]")
        except ValueError as error:
            raise LaunchError(f"docker {kind} inspect: the answer is no JSON") from error
        return found

    def _list(self, kind: Sequence[str], label: str) -> list[str]:
        argv = [*kind, "--quiet", "--no-trunc", "--filter", f"label={label}"]
        done = self._call(argv)
        if done.returncode != 0:
            raise _failed(kind, done)
        return done.stdout.decode().split()

    def _change(self, argv: Sequence[str]) -> None:
        done = self._call(argv)
        if done.returncode != 0 and not _all_absent(done.stderr):
            raise _failed(argv[:2], done)

    def _call(
        self,
        argv: Sequence[str],
        *,
        seconds: float = ANSWER,
        text: bytes | None = None,
        merged: bool = False,
    ) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                ["docker", *argv],
                input=text or b"",
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if merged else subprocess.PIPE,
                timeout=seconds,
                check=False,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            raise LaunchError(f"docker {argv[0]} did not answer within {seconds:g} s") from None
        except OSError as error:
            raise _cannot_run(error) from error


class _Talk:
    """The conversation with one foreground container; its end is asked for by closing its input."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._input: IO[bytes] = process.stdin  # type: ignore[assignment]
        self._output: IO[bytes] = process.stdout  # type: ignore[assignment]

    def tell(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._input.write(line.encode() + b"\n")
            self._input.flush()

    def hear(self) -> str:
        """The next line, or the empty string when there will be none."""
        return self._output.readline().decode(errors="replace").strip()

    def hang_up(self) -> None:
        """Closes its input."""
        with contextlib.suppress(BrokenPipeError):
            self._input.close()

    def end(self) -> str:
        """What it complained about, once it is gone."""
        self.hang_up()
        try:
            self._process.wait(ANSWER)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stderr is not None
        with self._output, self._process.stderr as errors:
            return errors.read().decode(errors="replace").strip()


def _popen(argv: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(argv, **options)
    except OSError as error:
        raise _cannot_run(error) from error


def _decode_container(found: dict[str, Any]) -> Container:
    state = found["State"]
    networks = found["NetworkSettings"].get("Networks") or {}
    return Container(
        name=found["Name"].lstrip("/"),
        status=state["Status"],
        exit_code=state.get("ExitCode", 0),
        health=(state.get("Health") or {}).get("Status"),
        labels=found["Config"].get("Labels") or {},
        networks={name: tuple(each.get("Aliases") or ()) for name, each in networks.items()},
        started=state.get("StartedAt", ""),
    )


def _all_absent(complaint: bytes) -> bool:
    lines = complaint.decode(errors="replace").lower().splitlines()
    return bool(lines) and all(any(word in line for word in _ABSENT) for line in lines if line)


def _failed(argv: Sequence[str], done: subprocess.CompletedProcess[bytes]) -> LaunchError:
    lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
    what = " ".join(argv[:2])
    return LaunchError(f"docker {what} ended with code {done.returncode}", lines=lines[-20:])


def _cannot_run(error: OSError) -> LaunchError:
    return LaunchError(f"cannot run docker: {error.strerror}", "is the docker command on PATH?")
