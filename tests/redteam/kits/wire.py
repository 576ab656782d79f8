"""Raw bytes to the evaluator, while others ask as usual. The standard library alone.

    python3 -I - < wire.py        with {"requests": {NAME: HEX}, "idle": N} on the line after

Prints what each was answered (statuses, and whether the connection was closed), and how those who
asked `GET /status` meanwhile fared.
"""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

PLACE = ("eval-sidecar", 8000)
PATIENCE = 4.0


def send(data: bytes) -> list[int]:
    """Statuses of all answers, in their order."""
    with socket.create_connection(PLACE, timeout=PATIENCE) as caller:
        answer = b""
        try:
            caller.sendall(data)
            while piece := caller.recv(65536):
                answer += piece
        except OSError:
            pass  # it takes no more, or is silent: what came before counts
    return [int(found) for found in re.findall(rb"HTTP/1\.[01] (\d{3})", answer)]


class Others(threading.Thread):
    """Asks as everybody does; `worst` is the longest that an answer took, in seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.over = threading.Event()
        self.worst = 0.0
        self.answers: list[int] = []

    def run(self) -> None:
        while not self.over.is_set():
            began = time.monotonic()
            try:
                with urllib.request.urlopen(
                    f"http://{PLACE[0]}:{PLACE[1]}/status", timeout=20
                ) as a:
                    a.read()
                    self.answers.append(a.status)
            except OSError:
                self.answers.append(0)
            self.worst = max(self.worst, time.monotonic() - began)
            time.sleep(0.02)


def hold(number: int) -> list[socket.socket]:
    """Connections that say nothing, say it slowly, or send a body that never comes."""
    starts = (
        b"",
        b"GET /status HTTP/1.1\r\nHost: e\r\nX-Slow: ",
        b"POST /eval HTTP/1.1\r\nHost: e\r\nContent-Length: 100\r\n\r\n{",
        b"POST /candidates HTTP/1.1\r\nHost: e\r\nContent-Length: 1000000\r\n\r\n# v2",
    )
    held = []
    for count in range(number):
        caller = socket.create_connection(PLACE, timeout=5)
        caller.sendall(starts[count % len(starts)])
        held.append(caller)
    return held


def main(order: dict[str, object]) -> None:
    requests, idle = order["requests"], order["idle"]
    assert isinstance(requests, dict) and isinstance(idle, int)
    others = Others()
    others.start()
    held = hold(idle)
    with ThreadPoolExecutor(16) as pool:
        answers = pool.map(send, map(bytes.fromhex, requests.values()))
        found = dict(zip(requests, answers, strict=True))
    others.over.set()
    others.join()
    for caller in held:
        caller.close()
    print(json.dumps({"found": found, "others": others.answers, "worst": others.worst}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
