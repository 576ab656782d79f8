"""A gateway for tests: a long-running process whose conduct stands in `conduct.json` of its folder.

Runs as `python3 -I -S gateway.py PROFILE PORT HOME`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from typing import Any

profile, port, home = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def read_conduct() -> Any:
    try:
        with open(f"{home}/conduct.json") as file:
            return json.load(file)
    except OSError:
        return {}


def append(name: str, text: str) -> None:
    with open(f"{home}/{name}", "a") as file:
        file.write(text + "\n")


conduct = read_conduct()
append("starts", f"{os.getpid()} {time.time():.3f}")
print(f"gateway {profile} on {port}, uid {os.getuid()}", flush=True)
with open(f"{home}/gateway.pid", "w") as file:
    file.write(str(os.getpid()))
if "environment" in conduct:
    # os.environ has what the interpreter adds.
    with open("/proc/self/environ") as given:
        pairs = [line.partition("=")[::2] for line in given.read().split("\0")[:-1]]
    append("environment", json.dumps(dict(pairs)))
if "once" in conduct and not os.path.exists(f"{home}/once"):
    append("once", "")
    sys.exit(conduct["once"])
if "exit" in conduct:
    time.sleep(conduct.get("after", 0))
    sys.exit(conduct["exit"])
if "signal" in conduct:
    os.kill(os.getpid(), conduct["signal"])
if conduct.get("orphan") and os.fork() == 0:
    # Leaves the session, and keeps the log's pipe.
    os.setsid()
    append("orphan", str(os.getpid()))
    time.sleep(3600)
if conduct.get("child") and os.fork() == 0:
    append("child", str(os.getpid()))
    time.sleep(3600)


def stop(number: int, _: object) -> None:
    time.sleep(conduct.get("drain", 0))
    # As older gateways did: the state at the end of the container is no wish.
    with open(f"{home}/gateway_state.json", "w") as file:
        json.dump({"gateway_state": "stopped"}, file)
    print(f"gateway {profile} stops", flush=True)
    sys.exit(conduct.get("stop_code", 0))


signal.signal(signal.SIGTERM, signal.SIG_IGN if conduct.get("deaf") else stop)
time.sleep(conduct.get("delay", 0))
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", port))
server.listen()
if conduct.get("notify"):
    os.write(conduct["notify"], b"\n")
while True:
    signal.pause()
