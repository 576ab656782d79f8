"""Document -> GatewaysEntry, once the schema has found its shape right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from compiler.source.document import Document
from compiler.surface.build_file import (
    CrashEntry,
    GatewaysEntry,
    OverlayEntry,
    ProfileEntry,
)
from compiler.surface.variables import decode_variables

DURATIONS: Final = (
    ("gateways", "stop_timeout"),
    ("gateways", "crash", "window"),
    ("gateways", "crash", "max_backoff"),
)


def decode_gateways(
    document: Document, seconds: Mapping[tuple[str, ...], float]
) -> GatewaysEntry | None:
    """The mapping ``gateways``; ``seconds`` has the durations at their paths."""
    data: dict[str, Any] | None = document.data.get("gateways")
    if data is None:
        return None
    return GatewaysEntry(
        home=data.get("home"),
        command=tuple(data["command"]),
        user=data.get("user"),
        profiles=tuple(
            ProfileEntry(
                name=entry["name"],
                start=entry.get("start", False),
                env=decode_variables(document, ("gateways", "profiles", i, "env")),
            )
            for i, entry in enumerate(data.get("profiles", ()))
        ),
        marker=data.get("marker"),
        env=decode_variables(document, ("gateways", "env")),
        port_range=data.get("port_range"),
        readiness=_decode_readiness(data.get("readiness")),
        crash=CrashEntry(
            deaths=data.get("crash", {}).get("deaths"),
            window=seconds.get(("gateways", "crash", "window")),
            max_backoff=seconds.get(("gateways", "crash", "max_backoff")),
        ),
        stop_timeout=seconds.get(("gateways", "stop_timeout")),
        packages=tuple(data.get("packages", ())),
        files=tuple(
            OverlayEntry(source=e["source"], dest=e["dest"]) for e in data.get("files", ())
        ),
        base_image=data.get("base_image"),
    )


def _decode_readiness(written: str | dict[str, int] | None) -> str | int | None:
    return written["notification_fd"] if isinstance(written, dict) else written
