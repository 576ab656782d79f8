"""A tong as the arguments of `docker run`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from compiler import contracts
from compiler.ir.launch_plan import Hole, Word, Words, words
from compiler.ir.tong import (
    Bounds,
    Gpus,
    Lifecycle,
    Mount,
    SecretReference,
    SocketMount,
    Tong,
    VolumeMount,
)
from compiler.ir.tong_names import network_aliases
from compiler.passes.launch.definition import config_hash
from compiler.passes.launch.secret_channel import SHELL, TMPFS, inspect_argv, wrapped

_RUN: Final = ("docker", "run", "-d")


def tong_run_argv(
    tong: Tong, *, container: Word, network: Word, aliases: tuple[str, ...] | None = None
) -> Words:
    """The whole command; of a tong with secrets the words of its process follow it.

    ``aliases`` are those that the tong keeps in its set; None: all that it claims.
    """
    named = network_aliases(tong) if aliases is None else aliases
    return words(
        *_RUN,
        *("--name", container, "--network", network),
        *_repeated("--network-alias", named),
        *_entrypoint(tong),
        *_labels(tong),
        *(("--tmpfs", TMPFS) if tong.has_secrets else ()),
        *_repeated("-e", _plain_variables(tong)),
        *_volumes(tong),
        *_bounds(tong.resources),
        *_privileges(tong),
        tong.image,
        *_after_image(tong),
    )


def process_words(tong: Tong) -> tuple[Words | None, tuple[str, ...]]:
    """What runs behind the wrapper of a tong with secrets: how to ask the image, and what follows.

    An entrypoint that is written does away with the image's command, as Docker has it.
    """
    if not tong.has_secrets:
        return None, ()
    if tong.entrypoint is not None:
        return None, (*tong.entrypoint, *(tong.command or ()))
    return inspect_argv(tong.image, command=tong.command is None), tong.command or ()


def mounted_volumes(tong: Tong) -> tuple[Mount, ...]:
    """The mounts as written, and the volume that the interface offers if it is not among them."""
    interface = tong.interface
    if interface.volume is None or interface.mountpoint is None:
        return tong.mounts
    mounted = {(m.volume, m.target) for m in tong.mounts if isinstance(m, VolumeMount)}
    if (interface.volume, interface.mountpoint) in mounted:
        return tong.mounts
    offered = VolumeMount(volume=interface.volume, target=interface.mountpoint, read_only=False)
    return (*tong.mounts, offered)


def gpus_option(gpus: Gpus) -> str:
    """https://docs.docker.com/reference/cli/docker/container/run/#gpus"""
    if isinstance(gpus, tuple):
        ids = f"device={','.join(gpus)}"
        # The option is a line of CSV: a comma within a value asks for quotes.
        return f'"{ids}"' if len(gpus) > 1 else ids
    return str(gpus)


def _repeated(option: str, values: Iterator[str] | tuple[str, ...]) -> Iterator[str]:
    for value in values:
        yield option
        yield value


def _entrypoint(tong: Tong) -> tuple[str, ...]:
    if tong.has_secrets:
        return ("--entrypoint", SHELL)
    return ("--entrypoint", tong.entrypoint[0]) if tong.entrypoint else ()


def _after_image(tong: Tong) -> tuple[str, ...]:
    if tong.has_secrets:
        return wrapped()
    return (*(tong.entrypoint or ())[1:], *(tong.command or ()))


def _labels(tong: Tong) -> Iterator[str | Word]:
    yield from ("--label", f"{contracts.LABEL_TONG}={tong.name}")
    yield from ("--label", f"{contracts.LABEL_HASH}={config_hash(tong)}")
    if tong.lifecycle is Lifecycle.SESSION:
        yield from owned_labels()


def owned_labels() -> tuple[str | Word, ...]:
    """The options that say whose a container or network is."""
    return (
        *("--label", (f"{contracts.LABEL_SESSION}=", Hole.SESSION)),
        *("--label", (f"{contracts.LABEL_OWNER}=", Hole.OWNER)),
    )


def _plain_variables(tong: Tong) -> Iterator[str]:
    for name, value in sorted(tong.environment):
        if not any(isinstance(part, SecretReference) for part in value):
            yield f"{name}={''.join(part for part in value if isinstance(part, str))}"


def _volumes(tong: Tong) -> Iterator[str | Word]:
    for mount in mounted_volumes(tong):
        suffix = f":{mount.target}{':ro' if mount.read_only else ''}"
        yield "-v"
        if isinstance(mount, VolumeMount):
            yield f"{mount.volume}{suffix}"
        elif isinstance(mount, SocketMount):
            yield f"{contracts.DOCKER_SOCKET}{suffix}"
        else:
            yield (Hole.WORKSPACE, suffix)


def _bounds(bounds: Bounds) -> Iterator[str]:
    if bounds.memory is not None:
        yield from ("--memory", str(bounds.memory))
    if bounds.cpus is not None:
        yield from ("--cpus", f"{bounds.cpus:g}")
    if bounds.pids is not None:
        yield from ("--pids-limit", str(bounds.pids))
    if bounds.gpus is not None:
        yield from ("--gpus", gpus_option(bounds.gpus))


def _privileges(tong: Tong) -> Iterator[str]:
    if tong.user is not None:
        yield from ("--user", tong.user)
    if tong.read_only:
        yield "--read-only"
    yield from _repeated("--cap-drop", tong.cap_drop)
    yield from _repeated("--cap-add", tong.cap_add)
