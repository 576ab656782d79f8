"""The anvil's `docker run`, with what the tongs add to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from compiler import contracts
from compiler.ir.launch_plan import Hole, LaunchNetwork, Word, Words, words
from compiler.ir.tong import Kind, Tong
from compiler.ir.tong_names import canonical_alias, session_network_name
from compiler.ir.variable_name import variable_name
from compiler.passes.launch.docker_flags import split_run_argv

_NETWORK_OPTIONS: Final = ("--network", "--net")


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """What goes into a command: a network, options before the image, and words at its end."""

    network: Word | None = None
    options: Words = ()
    harness: tuple[str, ...] = ()


class NetworkNotShared(ValueError):
    """The anvil is on a network on which no tong can have a name."""


def plan_network(argv: Sequence[str | Word], tongs: Iterable[Tong]) -> LaunchNetwork:
    """The network on which anvil and tongs meet: the anvil's own where its command names one.

    Raises NetworkNotShared where that one can have no tongs on it, and one is reached by name.
    """
    chosen = split_run_argv(as_texts(argv)).last(*_NETWORK_OPTIONS)
    if chosen is None or not any(tong.interface.on_network for tong in tongs):
        return LaunchNetwork(name=session_network_name(Hole.SESSION), owned=True, existing=False)
    # `--network name=NET,alias=...` is the long form.
    parts = dict(part.partition("=")[::2] for part in chosen.split(",")) if "=" in chosen else {}
    name = parts.get("name", chosen)
    if name in contracts.NOT_JOINED or name.startswith("container:"):
        raise NetworkNotShared(name)
    return LaunchNetwork(name=(name,), owned=False, existing=True)


def anvil_variables(tongs: Iterable[Tong], prefix: str) -> tuple[tuple[str, str], ...]:
    """What the anvil is told of each tong: ``_HOST`` and ``_PORT``, or ``_PATH`` of a volume."""
    found = []
    for tong in tongs:
        stem, interface = f"{prefix}{variable_name(tong.name)}", tong.interface
        if interface.on_network:
            found.append((f"{stem}_HOST", canonical_alias(tong)))
            found.append((f"{stem}_PORT", str(interface.port)))
        elif interface.kind is Kind.VOLUME:
            found.append((f"{stem}_PATH", interface.mountpoint or ""))
    return tuple(found)


def offered_volumes(tongs: Iterable[Tong]) -> tuple[str, ...]:
    """The volumes that tongs offer, as values of ``-v``."""
    kinds = (tong.interface for tong in tongs if tong.interface.kind is Kind.VOLUME)
    return tuple(f"{interface.volume}:{interface.mountpoint}" for interface in kinds)


def mcp_servers(tongs: Iterable[Tong]) -> dict[str, str]:
    """Names and URLs of the MCP servers."""
    return {
        canonical_alias(tong): mcp_url(tong) for tong in tongs if tong.interface.kind is Kind.MCP
    }


def mcp_url(tong: Tong) -> str:
    """Where a tong's MCP server is on its network."""
    return f"http://{canonical_alias(tong)}:{tong.interface.port}{tong.interface.path}"


def inject_anvil_argv(argv: Sequence[str | Word], injection: Injection) -> Words:
    """The command with the network and the options before its image, the harness's words last.

    A network of the command's own is kept. Nothing after the image is read. Without anything to
    add it is the command as it was. Raises as split_run_argv does.
    """
    run = split_run_argv(as_texts(argv))
    own = run.last(*_NETWORK_OPTIONS) is not None
    network = () if own or injection.network is None else ("--network", injection.network)
    added = words(*network, *injection.options)
    end = run.options_end
    return (*words(*argv[:end]), *added, *words(*argv[end:]), *words(*injection.harness))


def as_texts(argv: Sequence[str | Word]) -> list[str]:
    """Words to tell options from values by; what a hole will hold is no matter."""
    return [_shape(word) for word in words(*argv)]


def _shape(word: Word) -> str:
    if word == (Hole.TERMINAL,):
        return "-t"
    return "".join("x" if isinstance(piece, Hole) else piece for piece in word)
