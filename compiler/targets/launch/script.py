"""LaunchPlan -> launch/launch.sh."""

from __future__ import annotations

import math
from typing import Any, Final

from compiler.ir.launch_plan import (
    Held,
    Hole,
    LaunchPlan,
    LaunchSecret,
    LaunchTong,
    Word,
    Words,
)
from compiler.ir.tong import Lifecycle, ReadinessMode
from compiler.ir.variable_name import variable_name
from compiler.passes.launch.readiness import TRY_PORT
from compiler.passes.launch.secret_channel import (
    END_MARK,
    ENTRYPOINT,
    SEND,
    WHOLE_PROCESS,
    WRAPPER,
)
from compiler.targets.launch.shell_words import quote
from compiler.targets.render_template import render_template

_HOLES: Final = {
    Hole.SESSION: '"$session"',
    Hole.OWNER: '"$owner"',
    Hole.WORKSPACE: '"$workspace"',
    Hole.FILES: '"$here"',
}
# Long texts that stand in several words, under names of their own at the top of the script.
_TEXTS: Final = {
    TRY_PORT: "knock",
    WRAPPER: "wrapper",
    SEND: "send",
    ENTRYPOINT: "entrypoint",
    WHOLE_PROCESS: "whole_process",
}
_TERMINAL: Final = '${terminal:+"$terminal"}'
_HEAD: Final = 2  # `docker run`


def render_script(plan: LaunchPlan) -> str:
    """The script of a plan with an anvil."""
    assert plan.anvil is not None
    return render_template(
        "launch/launch.sh.j2",
        name=plan.name,
        secrets=[secret for tong in plan.tongs for secret in _declared(tong)],
        texts=[{"name": _TEXTS[text], "text": quote(text)} for text in _used_texts(plan)],
        networks=[
            {"name": _word(n.name), "owned": n.owned, "existing": n.existing} for n in plan.networks
        ],
        tongs=[_tong(plan, tong) for tong in plan.tongs],
        leaves=[_argv(tong.leave) for tong in plan.tongs if tong.leave is not None],
        probe=plan.probe
        and {
            "run": _argv(plan.probe.run),
            "container": _word(plan.probe.container),
            "image": plan.probe.image,
        },
        uses={
            "command": any(tong.readiness.command for tong in plan.tongs),
            "health": any(_asks_image(tong) for tong in plan.tongs),
        },
        anvil=_anvil(plan.anvil.argv),
        end_mark=END_MARK,
        warnings=[quote(f"warning: {warning}") for warning in plan.warnings],
    )


def _used_texts(plan: LaunchPlan) -> list[str]:
    argvs = [
        argv
        for tong in plan.tongs
        for argv in (tong.run, tong.inspect, tong.deliver, tong.readiness.probe)
        if argv is not None
    ]
    used = {word[0] for argv in argvs for word in argv if len(word) == 1}
    return [text for text in _TEXTS if text in used]


def _asks_image(tong: LaunchTong) -> bool:
    readiness = tong.readiness
    return readiness.mode is ReadinessMode.HEALTHCHECK and readiness.command is None


def _word(word: Word) -> str:
    if word == (Hole.TERMINAL,):
        return _TERMINAL
    if len(word) == 1 and word[0] in _TEXTS:
        return f'"${_TEXTS[word[0]]}"'
    texts = [_HOLES[piece] if isinstance(piece, Hole) else quote(piece) for piece in word]
    return "".join(texts)


def _argv(argv: Words) -> str:
    return " ".join(_word(word) for word in argv)


def _maybe(argv: Words | None) -> str:
    return "" if argv is None else _argv(argv)


def _anvil(argv: Words) -> str:
    """With the options that the script is called with."""
    return " ".join((_argv(argv[:_HEAD]), '"$@"', _argv(argv[_HEAD:])))


def _id(name: str) -> str:
    return variable_name(name).lower()


def _tong(plan: LaunchPlan, tong: LaunchTong) -> dict[str, Any]:
    return {
        "id": _id(tong.name),
        "name": tong.name,
        "shown": quote(tong.name),
        "shared": tong.lifecycle is Lifecycle.SHARED,
        "container": _word(tong.container),
        "as_defined": quote(f"true {tong.config_hash} {tong.name}"),
        "image": quote(tong.image),
        "run": _argv(tong.run),
        "inspect": _maybe(tong.inspect),
        "words": [quote(word) for word in tong.words],
        "connect": [_argv(argv) for argv in tong.connect],
        "join": _maybe(tong.join),
        "joined": _joined(plan, tong),
        "told": _maybe(tong.told),
        "deliver": _maybe(tong.deliver),
        "secrets": [
            {
                "variable": secret.variable,
                "value": _value(secret),
                "literal": "".join(part for part in secret.parts if isinstance(part, str)),
            }
            for secret in tong.secrets
        ],
        "mode": tong.readiness.mode.value,
        "command": bool(tong.readiness.command),
        "seconds": math.ceil(tong.readiness.seconds),
        "probe": _maybe(tong.readiness.probe),
        "needs": [_id(name) for name in tong.depends_on],
    }


def _joined(plan: LaunchPlan, tong: LaunchTong) -> str:
    """Asks whether a shared tong is on the anvil's network already; one of its own is new."""
    if tong.join is None or tong.leave is not None:
        return ""
    # The anvil's network is the last; the name is in quotes, as text of Go's template language.
    (name,) = plan.networks[-1].name
    asked = f'{{{{if index .NetworkSettings.Networks "{name}"}}}}yes{{{{end}}}}'
    return f"docker container inspect --format {quote(asked)} {_word(tong.container)}"


def _value(secret: LaunchSecret) -> str:
    return "".join(
        f'"${part.variable}"' if isinstance(part, Held) else quote(part) for part in secret.parts
    )


def _declared(tong: LaunchTong) -> list[dict[str, str]]:
    return [
        {
            "variable": part.variable,
            "purpose": f"{secret.variable} of the tong {tong.name}: "
            f"{part.provider}:{part.reference}",
        }
        for secret in tong.secrets
        for part in secret.parts
        if isinstance(part, Held)
    ]
