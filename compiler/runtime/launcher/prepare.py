"""All that can be known before anything is started: leave, images, providers, secrets."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from .approval import Approvals, Request, demand
from .decide import Action
from .engine import Engine
from .errors import LaunchError
from .plan import Names, Plan, Reference, Tong
from .providers import ProviderTable, resolve
from .start import fetch_image, find_action, process_argv


class Vault:
    """The secrets of a launch, each asked for once, in memory only and only until they are handed
    over."""

    def __init__(self, table: ProviderTable, seconds: float) -> None:
        self._table = table
        self._seconds = seconds
        self._known: dict[Reference, bytes] = {}
        # Providers may ask to be unlocked: one question at a time.
        self._one_at_a_time = threading.Lock()

    def check(self, tong: Tong) -> None:
        """Refused for a provider that nobody knows."""
        for secret in tong.secrets:
            for wanted in secret.references:
                self._table.argv_of(wanted.provider, wanted.reference)

    def values(self, tong: Tong) -> Mapping[str, bytes]:
        """The tong's variables that hold secrets."""
        with self._one_at_a_time:
            return {secret.variable: secret.fill(self._value) for secret in tong.secrets}

    def forget(self) -> None:
        """After the last delivery."""
        self._known.clear()

    def _value(self, wanted: Reference) -> bytes:
        if wanted not in self._known:
            self._known[wanted] = resolve(
                self._table, wanted.provider, wanted.reference, self._seconds
            )
        return self._known[wanted]


def prepare(
    engine: Engine,
    plan: Plan,
    names: Names,
    vault: Vault,
    approvals: Approvals,
    ask: Callable[[Sequence[str]], bool] | None,
) -> None:
    """Refused or LaunchError while nothing is started yet; images that are missing are fetched,
    those of a workspace's tongs only once these are allowed."""
    allowed = demand(
        [_request(engine, tong) for tong in plan.tongs if tong.untrusted], approvals, ask
    )
    new = [tong for tong in plan.tongs if find_action(engine, names, tong) is not Action.REUSE]
    for tong in new:
        vault.check(tong)
    for image in dict.fromkeys(tong.image for tong in new):
        fetch_image(engine, image)
    if plan.probe is not None:
        fetch_image(engine, plan.probe.image)
    for tong in new:
        process_argv(engine, names, tong)
    for request in allowed:
        _keep(engine, approvals, request)
    for tong in new:
        vault.values(tong)


def _request(engine: Engine, tong: Tong) -> Request:
    image = engine.image(tong.image)
    return Request(
        path=os.path.realpath(tong.source),
        name=tong.name,
        definition=tong.definition,
        image=tong.image,
        digest=None if image is None else image.digest,
    )


def _keep(engine: Engine, approvals: Approvals, request: Request) -> None:
    image = engine.image(request.image)
    if image is None:
        return
    if request.digest not in (None, image.digest):
        raise LaunchError(f"the image {request.image} changed while its tong was approved")
    approvals.add(replace(request, digest=image.digest))
