"""What a slot's scripts must know of their gateway, in a form that costs nothing to read.

`data/spec` is a list of `key=value`, each ended by NUL: no quoting, no JSON, and any byte that a
word of an argv may have. `arg`, `set` and `unset` may stand more than once.
"""

from __future__ import annotations

FILE = "data/spec"


class Spec:
    """One gateway: how it is started and when it is given up. Times are in seconds."""

    profile = ""
    folder = ""
    port = 0
    readiness = "none"
    fd = 3
    stop_timeout = 8.0
    deaths = 5
    window = 60.0
    max_backoff = 30.0

    def __init__(self) -> None:
        self.argv: list[bytes] = []
        self.set: dict[bytes, bytes] = {}
        self.unset: list[bytes] = []


_TEXT = ("profile", "folder", "readiness")
_WHOLE = ("port", "fd", "deaths")
_SECONDS = ("stop_timeout", "window", "max_backoff")


def encode_spec(spec: Spec) -> bytes:
    """The content of the file."""
    single = [f"{name}={getattr(spec, name)}".encode() for name in (*_TEXT, *_WHOLE, *_SECONDS)]
    words = [b"arg=" + word for word in spec.argv]
    given = [b"set=" + name + b"=" + value for name, value in spec.set.items()]
    gone = [b"unset=" + name for name in spec.unset]
    return b"".join(each + b"\0" for each in (*single, *words, *given, *gone))


def decode_spec(content: bytes) -> Spec:
    """ValueError when a number is none."""
    spec = Spec()
    for line in content.split(b"\0")[:-1]:
        key, _, value = line.partition(b"=")
        _take(spec, key.decode(), value)
    return spec


def _take(spec: Spec, key: str, value: bytes) -> None:
    if key == "arg":
        spec.argv.append(value)
    elif key == "set":
        name, _, text = value.partition(b"=")
        spec.set[name] = text
    elif key == "unset":
        spec.unset.append(value)
    elif key in _WHOLE:
        setattr(spec, key, int(value))
    elif key in _SECONDS:
        setattr(spec, key, float(value))
    elif key in _TEXT:
        setattr(spec, key, value.decode())


def read_spec(slot: str) -> Spec:
    """The spec of the slot in that folder."""
    with open(f"{slot}/{FILE}", "rb") as file:
        return decode_spec(file.read())


def make_environment(inherited: dict[bytes, bytes], spec: Spec) -> dict[bytes, bytes]:
    """The gateway's environment: the container's, with what the plan sets and takes away."""
    # The shell that starts a slot's scripts has left its own.
    merged = {**inherited, b"PWD": spec.folder.encode(), **spec.set}
    return {name: value for name, value in merged.items() if name not in spec.unset}


def original_environment() -> dict[bytes, bytes]:
    """What this process was started with.

    os.environ is not that: in a C locale the interpreter adds LC_CTYPE before anything can look.
    """
    with open("/proc/self/environ", "rb") as file:
        pairs = [line.partition(b"=") for line in file.read().split(b"\0")]
    return {name: value for name, equals, value in pairs if equals}
