"""Knocking at TCP ports from inside a network: one throwaway container that all of a launch share.

It reads lines of `HOST PORT`, knocks at each until somebody answers, and prints the line then. It
ends when its input does, so that a launcher that was killed leaves none behind.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from .engine import Conversation, Engine
from .errors import LaunchError

_PYTHON = """\
import os, socket, sys, threading, time
def knock(line):
    host, port = line.split()
    while True:
        try:
            socket.create_connection((host, int(port)), 1).close()
            break
        except OSError:
            time.sleep(0.05)
    os.write(1, line.encode())
os.write(1, b"using python3\\n")
for line in sys.stdin:
    threading.Thread(target=knock, args=(line,), daemon=True).start()
"""
# What else a shell may find in an image; each takes host and port and tells by its exit status.
_KNOCKERS = {
    "bash": 'bash -c \': <>"/dev/tcp/$0/$1"\' "$1" "$2"',
    "nc": 'nc -w 1 "$1" "$2" </dev/null',
    "perl": (
        "perl -MIO::Socket::INET -e "
        "'exit !IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => $ARGV[1], Timeout => 1)' "
        '"$1" "$2"'
    ),
    "node": (
        'node -e \'const [h, p] = process.argv.slice(1); require("net").connect(p, h)'
        '.on("connect", () => process.exit(0)).on("error", () => process.exit(1))\' "$1" "$2"'
    ),
}
_SHELL = """\
if command -v python3 >/dev/null 2>&1 && python3 -I -S -c 'import socket, threading'; then
  exec python3 -I -S -c "$1"
{choices}
else
  echo 'using nothing'
  exit 0
fi
echo "using $tool"
while read -r host port; do
  (
    until knock "$host" "$port" >/dev/null 2>&1; do sleep 0.2 2>/dev/null || sleep 1; done
    echo "$host $port"
  ) &
done
"""


def _shell_script() -> str:
    choices = (
        f"elif command -v {tool} >/dev/null 2>&1; then\n  tool={tool}\n  knock() {{ {line}; }}"
        for tool, line in _KNOCKERS.items()
    )
    return _SHELL.format(choices="\n".join(choices))


def probe_argvs(
    name: str, network: str, image: str, labels: Mapping[str, str]
) -> tuple[tuple[str, ...], ...]:
    """What to try in turn: the image's shell, which looks for a tool, or Python without a shell."""
    marks = [word for key in sorted(labels) for word in ("--label", f"{key}={labels[key]}")]
    head = ("docker", "run", "-i", "--rm", "--name", name, "--network", network, *marks)
    bare = ("--cap-drop", "ALL", "--no-healthcheck", "--log-driver", "none", "--entrypoint")
    return (
        (*head, *bare, "/bin/sh", image, "-c", _shell_script(), "sh", _PYTHON),
        (*head, *bare, "python3", image, "-I", "-S", "-c", _PYTHON),
    )


class Probe:
    """The container and a thread that listens to it.

    `on_news` is called from that thread: with the tool once it is known, or None when nothing
    there can knock; `on_reached` with each line that was answered.
    """

    def __init__(
        self,
        engine: Engine,
        argvs: Sequence[Sequence[str]],
        on_news: Callable[[str | None], None],
        on_reached: Callable[[str], None],
    ) -> None:
        self._engine = engine
        self._argvs = argvs
        self._on_news = on_news
        self._on_reached = on_reached
        self._lock = threading.Lock()
        self._talk: Conversation | None = None
        self._asked: list[str] = []
        self._ended = False
        threading.Thread(target=self._listen, daemon=True).start()

    def ask(self, host: str, port: int) -> None:
        """May be called before anybody listens."""
        with self._lock:
            self._asked.append(f"{host} {port}")
            if self._talk is not None:
                self._talk.tell(self._asked[-1])

    def end(self) -> None:
        """Closes the container's input, which ends it; nobody has to wait for that."""
        with self._lock:
            self._ended = True
            if self._talk is not None:
                self._talk.hang_up()

    def _listen(self) -> None:
        for argv in self._argvs:
            try:
                talk = self._engine.converse(argv)
            except LaunchError:
                break
            tool = talk.hear().partition("using ")[2]
            if tool and tool != "nothing" and self._begin(talk):
                self._on_news(tool)
                self._pass_on(talk)
                return
            talk.end()
            if self._ended:
                return
        self._on_news(None)

    def _begin(self, talk: Conversation) -> bool:
        with self._lock:
            if self._ended:
                return False
            self._talk = talk
            for line in self._asked:
                talk.tell(line)
            return True

    def _pass_on(self, talk: Conversation) -> None:
        while True:
            line = talk.hear()
            if not line:
                break
            self._on_reached(line)
        talk.end()
        if not self._ended:
            self._on_news(None)
