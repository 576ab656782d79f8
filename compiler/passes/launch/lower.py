"""Tongs and an anvil -> LaunchPlan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from compiler.ir.launch_plan import (
    Anvil,
    Held,
    Hole,
    LaunchNetwork,
    LaunchPlan,
    LaunchSecret,
    LaunchTong,
    Probe,
    Word,
    Words,
    words,
)
from compiler.ir.sidecars import Harness
from compiler.ir.tong import (
    Layer,
    Lifecycle,
    ReadinessMode,
    SecretReference,
    Tong,
    Value,
    VolumeMount,
)
from compiler.ir.tong_names import (
    SHARED_NETWORK,
    alias_collisions,
    network_aliases,
    secret_variable,
    session_container_name,
    shared_container_name,
)
from compiler.ir.tong_order import start_order
from compiler.passes.launch.definition import canonical_definition, config_hash
from compiler.passes.launch.docker_flags import split_run_argv
from compiler.passes.launch.inject import (
    Injection,
    anvil_variables,
    as_texts,
    inject_anvil_argv,
    mcp_servers,
    offered_volumes,
    plan_network,
)
from compiler.passes.launch.mcp import McpConfig, mcp_config
from compiler.passes.launch.readiness import lower_readiness, probe_container
from compiler.passes.launch.run_argv import (
    mounted_volumes,
    owned_labels,
    process_words,
    tong_run_argv,
)
from compiler.passes.launch.secret_channel import deliver_argv, told_argv

_PROBE: Word = (Hole.SESSION, "-probe")


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchSettings:
    """The anvil: its `docker run` command, its harness, the prefix of its variables, and the image
    from which ports are tried (None: that of the command)."""

    argv: Sequence[str | Word]
    harness: Harness | None
    prefix: str
    probe_image: str | None = None


def lower_launch(name: str, tongs: Iterable[Tong], settings: LaunchSettings) -> LaunchPlan:
    """The plan. Of tongs with an alias in common the first by name keeps it; a warning says so.

    Raises NetworkNotShared, UnknownOption and ValueError for a command that tongs cannot serve.
    """
    ordered = start_order(tongs)
    network = plan_network(settings.argv, ordered)
    image = settings.probe_image or _image_of(settings.argv)
    config = mcp_config(settings.harness, mcp_servers(ordered))
    injection = _injection(ordered, network, settings.prefix, config)
    kept = _kept_aliases(ordered)
    return LaunchPlan(
        name=name,
        networks=(*_shared_networks(ordered), *_joined_networks(ordered), network),
        tongs=tuple(_lower_tong(tong, network, kept[tong.name]) for tong in ordered),
        probe=_probe(ordered, image, network),
        anvil=Anvil(argv=inject_anvil_argv(settings.argv, injection), image=image),
        files=() if config.file is None else (config.file[0],),
        warnings=(*_warn_collisions(ordered), *_warn_network(ordered, network)),
    )


def _image_of(argv: Sequence[str | Word]) -> str | None:
    return next(iter(split_run_argv(as_texts(argv)).rest), None)


def _injection(
    tongs: tuple[Tong, ...], network: LaunchNetwork, prefix: str, config: McpConfig
) -> Injection:
    met = any(tong.interface.on_network for tong in tongs)
    variables = (*anvil_variables(tongs, prefix), *config.variables)
    # By the labels the anvil is found when its session is taken down.
    options: list[str | Word] = list(owned_labels()) if tongs else []
    for name, value in variables:
        options += ["-e", f"{name}={value}"]
    for volume in offered_volumes(tongs):
        options += ["-v", volume]
    if config.file is not None:
        file, place = config.file
        options += ["-v", (Hole.FILES, f"/{file.name}:{place}:ro")]
    return Injection(
        network=network.name if met else None, options=words(*options), harness=config.flags
    )


def _shared_networks(tongs: tuple[Tong, ...]) -> tuple[LaunchNetwork, ...]:
    shared = any(tong.lifecycle is Lifecycle.SHARED for tong in tongs)
    kept = LaunchNetwork(name=(SHARED_NETWORK,), owned=False, existing=False)
    return (kept,) if shared else ()


def _joined_networks(tongs: tuple[Tong, ...]) -> tuple[LaunchNetwork, ...]:
    names = dict.fromkeys(name for tong in tongs for name in tong.networks)
    return tuple(LaunchNetwork(name=(name,), owned=False, existing=True) for name in names)


def _probe(tongs: tuple[Tong, ...], image: str | None, network: LaunchNetwork) -> Probe | None:
    asked = any(tong.readiness.mode is ReadinessMode.TCP for tong in tongs)
    return probe_container(_PROBE, image, network.name) if asked and image else None


def container_name(tong: Tong) -> Word:
    """The name of a tong's container."""
    if tong.lifecycle is Lifecycle.SHARED:
        return (shared_container_name(tong.name),)
    return session_container_name(Hole.SESSION, tong.name)


def _kept_aliases(tongs: tuple[Tong, ...]) -> dict[str, tuple[str, ...]]:
    lost = {(other.name, alias) for alias, _, other in alias_collisions(tongs)}
    return {
        tong.name: tuple(a for a in network_aliases(tong) if (tong.name, a) not in lost)
        for tong in tongs
    }


def _lower_tong(tong: Tong, network: LaunchNetwork, aliases: tuple[str, ...]) -> LaunchTong:
    container = container_name(tong)
    shared = tong.lifecycle is Lifecycle.SHARED
    home: Word = (SHARED_NETWORK,) if shared else network.name
    inspect, following = process_words(tong)
    return LaunchTong(
        name=tong.name,
        lifecycle=tong.lifecycle,
        container=container,
        image=tong.image,
        config_hash=config_hash(tong),
        run=tong_run_argv(tong, container=container, network=home, aliases=aliases),
        inspect=inspect,
        words=following,
        connect=tuple(_connect(aliases, (name,), container) for name in tong.networks),
        join=_connect(aliases, network.name, container) if shared else None,
        leave=_leave(network, container) if shared and network.owned else None,
        depends_on=tong.depends_on,
        readiness=lower_readiness(tong, container, _PROBE),
        secrets=tuple(lower_secrets(tong)),
        deliver=deliver_argv(container) if tong.has_secrets else None,
        told=told_argv(container) if tong.has_secrets else None,
        volumes=tuple(m.volume for m in mounted_volumes(tong) if isinstance(m, VolumeMount)),
        aliases=aliases,
        networks=tong.networks,
        layer=tong.layer,
        source=_source(tong),
        definition=canonical_definition(tong),
    )


def _source(tong: Tong) -> str:
    """Where a definition of this machine lies. A build's plan is committed: it names the file, and
    no folder of whoever compiled it."""
    file = tong.places.file
    return file.rpartition("/")[2] if tong.layer is Layer.BUILD else file


def _connect(aliases: tuple[str, ...], network: Word, container: Word) -> Words:
    called = (word for alias in aliases for word in ("--alias", alias))
    return words("docker", "network", "connect", *called, network, container)


def _leave(network: LaunchNetwork, container: Word) -> Words:
    return words("docker", "network", "disconnect", "--force", network.name, container)


def lower_secrets(tong: Tong) -> list[LaunchSecret]:
    """The variables of a tong whose values have secrets in them, by name."""
    return [
        LaunchSecret(variable=name, parts=_lower_value(tong.name, name, value))
        for name, value in sorted(tong.environment)
        if any(isinstance(part, SecretReference) for part in value)
    ]


def held_secrets(tongs: Iterable[Tong]) -> tuple[Held, ...]:
    """Every secret of the tongs, in their order."""
    secrets = (secret for tong in tongs for secret in lower_secrets(tong))
    return tuple(part for secret in secrets for part in secret.parts if isinstance(part, Held))


def _lower_value(tong: str, variable: str, value: Value) -> tuple[str | Held, ...]:
    parts: list[str | Held] = []
    count = 0
    for part in value:
        if isinstance(part, SecretReference):
            taken = secret_variable(tong, variable, count)
            parts.append(Held(provider=part.provider, reference=part.reference, variable=taken))
            count += 1
        else:
            parts.append(part)
    return tuple(parts)


def _warn_collisions(tongs: tuple[Tong, ...]) -> tuple[str, ...]:
    return tuple(
        f"the tongs {keeper.name} and {other.name} both claim the alias {alias}: "
        f"{keeper.name} keeps it"
        for alias, keeper, other in alias_collisions(tongs)
    )


def _warn_network(tongs: tuple[Tong, ...], network: LaunchNetwork) -> tuple[str, ...]:
    if not network.existing:
        return ()
    (name,) = network.name
    return (f"all that is on the network {name} reaches the tongs of this session",)
