"""LaunchPlan -> launch/plan.json, as plain data."""

from __future__ import annotations

from typing import Any

from compiler import contracts
from compiler.ir.launch_plan import (
    Hole,
    LaunchPlan,
    LaunchReadiness,
    LaunchSecret,
    LaunchTong,
    Probe,
    Word,
    Words,
)
from compiler.ir.tong import Layer, ReadinessMode


def lower_launch_plan(plan: LaunchPlan) -> dict[str, Any]:
    """What schemas/runtime/launch-plan.schema.json describes."""
    probe, anvil = plan.probe, plan.anvil
    return {
        "plan_version": contracts.PLAN_VERSION,
        "name": plan.name,
        "networks": [
            {"name": _word(n.name), "owned": n.owned, "existing": n.existing} for n in plan.networks
        ],
        "tongs": [_lower_tong(tong) for tong in plan.tongs],
        "probe": probe and _lower_probe(probe),
        "anvil": anvil and {"argv": _words(anvil.argv), "image": anvil.image},
        "files": [{"name": file.name, "content": file.content} for file in plan.files],
        "warnings": list(plan.warnings),
    }


def _word(word: Word) -> Any:
    """Plain text where it has no hole."""
    if not any(isinstance(piece, Hole) for piece in word):
        return "".join(word)
    return [{"hole": piece.value} if isinstance(piece, Hole) else piece for piece in word]


def _words(argv: Words) -> list[Any]:
    return [_word(word) for word in argv]


def _maybe(argv: Words | None) -> list[Any] | None:
    return None if argv is None else _words(argv)


def _lower_probe(probe: Probe) -> dict[str, Any]:
    return {
        "container": _word(probe.container),
        "network": _word(probe.network),
        "image": probe.image,
        "run": _words(probe.run),
    }


def _lower_tong(tong: LaunchTong) -> dict[str, Any]:
    return {
        "name": tong.name,
        "lifecycle": tong.lifecycle.value,
        "container": _word(tong.container),
        "image": tong.image,
        "config_hash": tong.config_hash,
        "run": _words(tong.run),
        "process": {"inspect": _maybe(tong.inspect), "words": list(tong.words)},
        "connect": [_words(argv) for argv in tong.connect],
        "join": _maybe(tong.join),
        "leave": _maybe(tong.leave),
        "depends_on": list(tong.depends_on),
        "readiness": _lower_readiness(tong.readiness),
        "secrets": [_lower_secret(secret) for secret in tong.secrets],
        "deliver": _maybe(tong.deliver),
        "told": _maybe(tong.told),
        "volumes": list(tong.volumes),
        "aliases": list(tong.aliases),
        "networks": list(tong.networks),
        "layer": tong.layer.value,
        "source": tong.source,
        "untrusted": tong.layer is Layer.WORKSPACE,
        "definition": tong.definition,
    }


def _lower_readiness(readiness: LaunchReadiness) -> dict[str, Any]:
    lowered: dict[str, Any] = {"mode": readiness.mode.value}
    if readiness.probe is None:
        return lowered
    lowered |= {"seconds": readiness.seconds, "probe": _words(readiness.probe)}
    if readiness.mode is ReadinessMode.TCP:
        return {**lowered, "host": readiness.host, "port": readiness.port}
    return {**lowered, "command": readiness.command and list(readiness.command)}


def _lower_secret(secret: LaunchSecret) -> dict[str, Any]:
    return {
        "variable": secret.variable,
        "parts": [
            {"text": part}
            if isinstance(part, str)
            else {
                "provider": part.provider,
                "reference": part.reference,
                "from": part.variable,
            }
            for part in secret.parts
        ],
    }
