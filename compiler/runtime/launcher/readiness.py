"""Whether a tong can be used yet: pure judgement of what was seen of it."""

from __future__ import annotations

from dataclasses import dataclass

from .engine import Container
from .plan import Mode, Readiness


@dataclass(frozen=True)
class Seen:
    """What is known of a tong that is awaited. `seconds` since it was started; `reached`: its port
    answered; `checked`: its own command ended with 0; `can_knock` is False where no probe works
    and a container that runs has to do."""

    container: Container | None
    seconds: float
    reached: bool = False
    checked: bool = False
    can_knock: bool = True


@dataclass(frozen=True)
class Verdict:
    """Ready, or failed with a reason, or neither: then it is to be awaited longer."""

    ready: bool = False
    failure: str = ""


NO_HEALTHCHECK = "its readiness is its image's HEALTHCHECK, and the image has none"
WAIT = Verdict()
READY = Verdict(ready=True)


def judge(readiness: Readiness, seen: Seen) -> Verdict:
    """An end or a removal is final in every mode, and looked at first: a port may have answered
    just before."""
    container = seen.container
    if container is None:
        return Verdict(failure="its container was removed while it was awaited")
    if not container.is_running:
        return Verdict(failure=_ended(container))
    if readiness.mode is Mode.HEALTHCHECK and not readiness.check and container.health is None:
        return Verdict(failure=NO_HEALTHCHECK)
    if _is_ready(readiness, seen, container):
        return READY
    if seen.seconds > readiness.seconds:
        return Verdict(failure=f"not ready within {readiness.seconds:g} s ({_awaited(readiness)})")
    return WAIT


def _is_ready(readiness: Readiness, seen: Seen, container: Container) -> bool:
    if readiness.mode is Mode.TCP:
        return seen.reached or not seen.can_knock
    if readiness.mode is Mode.HEALTHCHECK:
        return seen.checked if readiness.check else container.health == "healthy"
    return True


def _ended(container: Container) -> str:
    if container.status == "exited":
        return f"it ended with code {container.exit_code} before it was ready"
    return f"it is {container.status}, not running"


def _awaited(readiness: Readiness) -> str:
    if readiness.mode is Mode.TCP:
        return f"nothing listens at {readiness.host}:{readiness.port}"
    return "its check does not succeed" if readiness.check else "its HEALTHCHECK is not healthy"
