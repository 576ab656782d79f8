"""A `docker` that has no engine: it remembers what it was told, and answers as one would.

It is run as a program. The folder in FAKE_DOCKER holds `state.json` (containers by name, networks,
and fates: which containers cannot be run, end at once, are deaf to what is delivered, were never
told, are late: not listed before a network is asked for, or unseen: not shown before a run), the
`log` of all calls, a JSON list a line, and what was delivered to containers.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

ANVIL_CODE = 5
ENTRYPOINT, COMMAND = ["/entry point", "it's"], ["$default", ""]


@contextmanager
def opened(folder: Path) -> Iterator[dict[str, Any]]:
    """The state, for one call at a time."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        state = json.loads((folder / "state.json").read_text("utf-8"))
        yield state
        (folder / "state.json").write_text(json.dumps(state), "utf-8")


def main(argv: list[str]) -> int:
    folder = Path(os.environ["FAKE_DOCKER"])
    with opened(folder) as state:
        with (folder / "log").open("a", encoding="utf-8") as log:
            log.write(json.dumps(argv) + "\n")
        code = answer(argv, state)
    if code is not None:
        return code
    # Calls that last.
    if argv[:3] == ["run", "-i", "--rm"] and any(word.endswith("-probe") for word in argv):
        print("using python3", flush=True)
        for line in sys.stdin:
            print(line, end="", flush=True)
        return 0
    name = next(word for word in argv[2:] if not word.startswith("-"))
    (folder / f"delivered-{name}").write_bytes(sys.stdin.buffer.read())
    return 0


def answer(argv: list[str], state: dict[str, Any]) -> int | None:
    """What ends at once; None for what does not."""
    kind, words = argv[0], argv[1:]
    if kind == "run":
        return run(words, state)
    if kind == "exec":
        return execute(words, state)
    if kind == "rm":
        for name in (word for word in words if not word.startswith("-")):
            state["containers"].pop(name, None)
        return 0
    if kind == "network":
        return network(words, state)
    if kind == "container" and words[0] == "ls":
        label = words[-1].removeprefix("label=")
        containers = state["containers"].items()
        found = (
            name
            for name, container in containers
            if bears(container["labels"], label) and not awaits(state, "late", name)
        )
        print("\n".join(found))
        return 0
    if kind == "container" and words[0] == "inspect":
        if awaits(state, "unseen", words[-1]):
            return 1
        return inspect_containers(words[1:], state)
    if kind == "image":
        return image(words[1:])
    return 0 if kind in ("logs", "pull", "inspect") else 64


def awaits(state: dict[str, Any], fate: str, name: str) -> bool:
    """Whether that is the container's lot; fates name the ends of names, which sessions begin."""
    return name.endswith(tuple(state["fates"].get(fate, ())))


def execute(words: list[str], state: dict[str, Any]) -> int | None:
    """A delivery lasts; a check ends at once."""
    name = next(word for word in words if not word.startswith("-"))
    if words[0] == "-i":
        return 1 if awaits(state, "deaf", name) else None
    return int(awaits(state, "untold", name) and any("delivered" in word for word in words))


def bears(labels: dict[str, str], wanted: str) -> bool:
    name, equals, value = wanted.partition("=")
    return name in labels and (not equals or labels[name] == value)


def run(words: list[str], state: dict[str, Any]) -> int | None:
    if "-d" not in words:
        # The probe of the live launcher has a conversation; the anvil ends.
        return None if any(word.endswith("-probe") for word in words) else ANVIL_CODE
    pairs = list(pairwise(words))
    name = next(value for option, value in pairs if option == "--name")
    state["fates"].pop("unseen", None)
    if name in state["containers"]:
        print(f'"/{name}" is already in use by container', file=sys.stderr)
        return 125
    labels = dict(v.partition("=")[::2] for option, v in pairs if option == "--label")
    networks = [value for option, value in pairs if option == "--network"]
    fails = awaits(state, "fails", name)
    running = not fails and not awaits(state, "ends", name)
    state["containers"][name] = {"running": running, "labels": labels, "networks": networks}
    print(name)
    return 125 if fails else 0


def network(words: list[str], state: dict[str, Any]) -> int:
    verb, name = words[0], words[-1]
    if verb == "ls":
        label = name.removeprefix("label=")
        print("\n".join(n for n, labels in state["networks"].items() if bears(labels, label)))
    elif verb == "create":
        state["fates"].pop("late", None)
        if name in state["networks"]:
            print(f"network with name {name} already exists", file=sys.stderr)
            return 1
        print(name)
        marks = (v for option, v in pairwise(words) if option == "--label")
        state["networks"][name] = dict(mark.partition("=")[::2] for mark in marks)
    elif verb == "rm":
        del state["networks"][name]
    elif verb in ("connect", "disconnect"):
        joined = state["containers"][words[-1]]["networks"]
        if verb == "connect" and words[-2] in joined:
            print(f"endpoint with name {name} already exists in network", file=sys.stderr)
            return 1
        (joined.append if verb == "connect" else joined.remove)(words[-2])
    elif name not in state["networks"]:
        print(f"Error: No such network: {name}", file=sys.stderr)
        return 1
    elif "--format" not in words:
        labels = state["networks"][name]
        print(json.dumps([{"Name": name, "Labels": labels, "Containers": {}}]))
    return 0


def inspect_containers(words: list[str], state: dict[str, Any]) -> int:
    if words[0] == "--format":
        return show(words[1], words[2], state)
    known = [name for name in words if name in state["containers"]]
    print(json.dumps([described(name, state["containers"][name]) for name in known]))
    for name in words:
        if name not in known:
            print(f"Error: No such container: {name}", file=sys.stderr)
    return int(len(known) < len(words))


def described(name: str, container: dict[str, Any]) -> dict[str, Any]:
    running = container["running"]
    return {
        "Name": f"/{name}",
        "State": {
            "Status": "running" if running else "exited",
            "ExitCode": 0 if running else 3,
            "Health": {"Status": "healthy"},
            "StartedAt": "",
        },
        "Config": {"Labels": container["labels"]},
        "NetworkSettings": {"Networks": {n: {"Aliases": []} for n in container["networks"]}},
    }


def show(template: str, name: str, state: dict[str, Any]) -> int:
    container = state["containers"].get(name)
    if container is None:
        print(f"Error: No such container: {name}", file=sys.stderr)
        return 1
    running = "true" if container["running"] else "false"
    if "Networks" in template:
        print("yes" if template.split('"')[1] in container["networks"] else "")
    elif "Health" in template:
        print("healthy")
    elif "Labels" in template:
        asked = re.findall(r'\.Config\.Labels "([^"]*)"', template)
        print(running, *(container["labels"].get(label, "") for label in asked))
    else:
        print(running, 0 if container["running"] else 3)
    return 0


def image(words: list[str]) -> int:
    if words[0] != "--format":
        print(json.dumps([{"Id": f"sha256:{word}"} for word in words]))
        return 0
    shown = [*ENTRYPOINT, *(COMMAND if ".Config.Cmd" in words[1] else [])]
    print(" ".join("'" + word.replace("'", "'\\''") + "'" for word in shown))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
