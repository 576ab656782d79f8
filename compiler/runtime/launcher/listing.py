"""The tongs that are there now, whoever launched them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .decide import NAME_LABEL, OWNER_LABEL, SESSION_LABEL
from .engine import Container, Engine
from .errors import Unknown
from .owner import Place, is_dead

SHARED = ""


@dataclass(frozen=True)
class Row:
    """A tong's container. `session` is empty for a shared one; `orphaned` when its launcher is
    certainly gone."""

    tong: str
    container: str
    session: str
    status: str
    orphaned: bool

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "tong": self.tong,
            "container": self.container,
            "session": self.session or None,
            "status": self.status,
            "orphaned": self.orphaned,
        }

    def as_cells(self) -> tuple[str, ...]:
        """For people, under HEADING."""
        state = f"{self.status}, its launcher is gone" if self.orphaned else self.status
        return self.tong, self.session or "(shared)", state, self.container


HEADING = ("TONG", "SESSION", "STATE", "CONTAINER")


def list_tongs(engine: Engine, here: Place) -> list[Row]:
    """By tong, shared ones first."""
    rows = [_row(container, here) for container in engine.labelled_containers(NAME_LABEL)]
    return sorted(rows, key=lambda row: (row.tong, row.session, row.container))


def _row(container: Container, here: Place) -> Row:
    labels = container.labels
    return Row(
        tong=labels[NAME_LABEL],
        container=container.name,
        session=labels.get(SESSION_LABEL, SHARED),
        status=container.status,
        orphaned=is_dead(labels.get(OWNER_LABEL, ""), here),
    )


def find_one(rows: Sequence[Row], name: str, session: str | None) -> Row:
    """The tong of that name, or the container; Unknown for none or several."""
    found = [row for row in rows if name in (row.tong, row.container)]
    if session is not None:
        found = [row for row in found if row.session == session]
    if not found:
        where = f" in session {session}" if session else ""
        raise Unknown(f"there is no tong {name}{where}", "`mooring tongs ps` lists them")
    if len(found) > 1:
        containers = ", ".join(row.container for row in found)
        raise Unknown(f"there are several tongs {name}", f"name one of: {containers}")
    return found[0]


def choose_down(rows: Iterable[Row], names: Sequence[str]) -> list[str]:
    """Containers of shared tongs: all, or those named. A session's go with their session."""
    shared = [row for row in rows if row.session == SHARED]
    unknown = [n for n in names if not any(n in (row.tong, row.container) for row in shared)]
    if unknown:
        raise Unknown(
            f"there is no shared tong {', '.join(unknown)}", "`mooring tongs ps` lists them"
        )
    return [row.container for row in shared if not names or {row.tong, row.container} & set(names)]
