"""A `docker` for the PATH of a test: it remembers each call, and answers as an engine would.

Run as `python3 -I -S fake_docker.py STATE ARGUMENT...`. STATE is a folder: `calls` gets a line of
JSON for each call, `state.json` holds containers and networks, `script.json` what is to happen: the
ends of the names of containers that end at once, cannot be run, do not take what they are given, or
never got it; and the code of the harness. Only the forms of the answers are Docker's.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys

# Each call is a process of its own: what is slow to load would be loaded hundreds of times.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    type Json = dict[str, Any]

ENTRY = ["/image's entry", "a b"]


class Engine:
    """The state between two calls, for as long as its lock is held."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.lock = os.open(f"{folder}/lock", os.O_RDWR | os.O_CREAT)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.script = self.read("script.json")
        state = self.read("state.json")
        self.containers: dict[str, Json] = state["containers"]
        self.networks: dict[str, Json] = state["networks"]

    def read(self, name: str) -> Json:
        with open(f"{self.folder}/{name}", encoding="utf-8") as file:
            content: Json = json.load(file)
        return content

    def remember(self, call: Json) -> None:
        with open(f"{self.folder}/calls", "a", encoding="utf-8") as file:
            file.write(json.dumps(call) + "\n")

    def is_meant(self, fate: str, name: str) -> bool:
        return name.endswith(tuple(self.script.get(fate, ())))

    def close(self) -> None:
        state = {"containers": self.containers, "networks": self.networks}
        with open(f"{self.folder}/state.json", "w", encoding="utf-8") as file:
            json.dump(state, file)
        os.close(self.lock)


def options(argv: list[str], name: str) -> list[str]:
    return [argv[i + 1] for i, word in enumerate(argv[:-1]) if word == name]


def run(engine: Engine, argv: list[str]) -> int:
    names = options(argv, "--name")
    if "-d" not in argv:
        return int(engine.script.get("harness", 0))
    name = names[0]  # those of a command that is run come later
    if name in engine.containers:
        print(f'Conflict. The name "/{name}" is already in use by container x', file=sys.stderr)
        return 125
    ends, fails = engine.is_meant("ends", name), engine.is_meant("fails", name)
    status = "created" if fails else "exited" if ends else "running"
    engine.containers[name] = {
        "labels": dict(label.split("=", 1) for label in options(argv, "--label")),
        "status": status,
        "code": 3 if ends else 0,
        "networks": options(argv, "--network"),
    }
    print("id-of-" + name)
    return 125 if fails else 0


def shown(name: str, found: Json) -> Json:
    state = {"Status": found["status"], "Running": found["status"] == "running"}
    return {
        "Name": f"/{name}",
        "State": {**state, "ExitCode": found["code"], "Health": {"Status": "healthy"}},
        "Config": {"Labels": found["labels"]},
        "NetworkSettings": {"Networks": {network: {} for network in found["networks"]}},
    }


def formatted(template: str, whole: Json) -> str:
    """The few templates that launch.sh asks with."""
    running = "true" if whole["State"]["Running"] else "false"
    if "config-hash" in template:
        return f"{running} {whole['Config']['Labels'].get('mooring.tong.config-hash', '')}"
    if "ExitCode" in template:
        return f"{running} {whole['State']['ExitCode']}"
    if "Health" in template:
        return str(whole["State"]["Health"]["Status"])
    on = [n for n in whole["NetworkSettings"]["Networks"] if f'"{n}"' in template]
    assert "Networks" in template, template
    return "yes" if on else ""


def inspect(engine: Engine, kind: str, argv: list[str]) -> int:
    template = options(argv, "--format")
    names = [word for word in argv if not word.startswith("--") and word not in template]
    if kind == "image":
        entry = " ".join("'" + word.replace("'", "'\\''") + "'" for word in ENTRY)
        print(entry if template else json.dumps([{"Id": "sha256:1"}]))
        return 0
    if kind == "network":
        found = [{"Name": n, "Labels": engine.networks[n]} for n in names if n in engine.networks]
        for each in found:
            members = [n for n, c in engine.containers.items() if each["Name"] in c["networks"]]
            each["Containers"] = {name: {"Name": name} for name in members}
    else:
        found = [shown(n, engine.containers[n]) for n in names if n in engine.containers]
    if template and found:
        print(formatted(template[0], found[0]) if kind == "container" else "id")
    elif not template:
        print(json.dumps(found))
    missing = len(found) < len(names)
    if missing:
        print(f"Error: No such {kind}: x", file=sys.stderr)
    return int(missing)


def listed(engine: Engine, kind: str, argv: list[str]) -> int:
    [label] = options(argv, "--filter")
    name, equals, value = label.removeprefix("label=").partition("=")
    things = engine.containers if kind == "container" else engine.networks
    for each, thing in things.items():
        labels = thing["labels"] if kind == "container" else thing
        if name in labels and (not equals or labels[name] == value):
            print(each)
    return 0


def network(engine: Engine, argv: list[str]) -> int:
    if argv[0] == "create":
        engine.networks[argv[-1]] = dict(label.split("=", 1) for label in options(argv, "--label"))
    elif argv[0] == "rm":
        engine.networks.pop(argv[-1])
    else:
        networks = engine.containers[argv[-1]]["networks"]
        if argv[0] == "connect":
            networks.append(argv[-2])
        elif argv[-2] in networks:
            networks.remove(argv[-2])
    return 0


def execute(engine: Engine, argv: list[str]) -> int:
    name = next(word for word in argv if not word.startswith("-"))
    if "-i" in argv:
        return int(engine.is_meant("deaf", name))
    return int(any("delivered" in word for word in argv) and engine.is_meant("untold", name))


def remove(engine: Engine, argv: list[str]) -> int:
    for name in argv:
        engine.containers.pop(name, None)
    return 0


def converse(engine: Engine) -> int:
    """The probe of the live launcher: every port answers."""
    engine.close()
    print("using python3", flush=True)
    for line in sys.stdin:
        print(line, end="", flush=True)
    return 0


def main(folder: str, argv: list[str]) -> int:
    gives = argv[0] == "exec" and "-i" in argv
    given = sys.stdin.buffer.read().decode() if gives else None
    engine = Engine(folder)
    engine.remember({"argv": ["docker", *argv], "given": given})
    if argv[0] == "run" and "-i" in argv and "--no-healthcheck" in argv:
        return converse(engine)
    if argv[:2] in (["container", "inspect"], ["network", "inspect"], ["image", "inspect"]):
        code = inspect(engine, argv[0], argv[2:])
    elif argv[:2] in (["container", "ls"], ["network", "ls"]):
        code = listed(engine, argv[0], argv)
    elif argv[0] == "logs":
        print(f"log of {argv[-1]}")
        code = 0
    else:
        actions = {"run": run, "network": network, "exec": execute, "rm": remove}
        code = actions[argv[0]](engine, argv[1:])
    engine.close()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
