"""The options of `docker run`: which take a value, so that the image is found among the words.

The table is that of `docker run --help` and its hidden older names; a test holds it against the
client that is installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

VALUED: Final = frozenset((
    "--add-host", "--annotation", "--attach", "--blkio-weight", "--blkio-weight-device",
    "--cap-add", "--cap-drop", "--cgroup-parent", "--cgroupns", "--cidfile", "--cpu-count",
    "--cpu-percent", "--cpu-period", "--cpu-quota", "--cpu-rt-period", "--cpu-rt-runtime",
    "--cpu-shares", "--cpus", "--cpuset-cpus", "--cpuset-mems", "--detach-keys", "--device",
    "--device-cgroup-rule", "--device-read-bps", "--device-read-iops", "--device-write-bps",
    "--device-write-iops", "--dns", "--dns-opt", "--dns-option", "--dns-search", "--domainname",
    "--entrypoint", "--env", "--env-file", "--expose", "--gpus", "--group-add", "--health-cmd",
    "--health-interval", "--health-retries", "--health-start-interval", "--health-start-period",
    "--health-timeout", "--hostname", "--io-maxbandwidth", "--io-maxiops", "--ip", "--ip6",
    "--ipc", "--isolation", "--kernel-memory", "--label", "--label-file", "--link",
    "--link-local-ip", "--log-driver", "--log-opt", "--mac-address", "--memory",
    "--memory-reservation", "--memory-swap", "--memory-swappiness", "--mount", "--name", "--net",
    "--net-alias", "--network", "--network-alias", "--oom-score-adj", "--pid", "--pids-limit",
    "--platform", "--publish", "--pull", "--restart", "--runtime", "--security-opt", "--shm-size",
    "--stop-signal", "--stop-timeout", "--storage-opt", "--sysctl", "--tmpfs", "--ulimit",
    "--user", "--userns", "--uts", "--volume", "--volume-driver", "--volumes-from", "--workdir",
))  # fmt: skip
SWITCHES: Final = frozenset((
    "--detach", "--disable-content-trust", "--help", "--init", "--interactive",
    "--no-healthcheck", "--oom-kill-disable", "--privileged", "--publish-all", "--quiet",
    "--read-only", "--rm", "--sig-proxy", "--tty", "--use-api-socket",
))  # fmt: skip
SHORT_VALUED: Final = frozenset("acehlmpuvw")
SHORT_SWITCHES: Final = frozenset("diPqt")
# The options of `docker` itself, before its command.
_GLOBAL_VALUED: Final = frozenset((
    "--config", "--context", "--host", "--log-level", "--tlscacert", "--tlscert", "--tlskey",
    "-c", "-H", "-l",
))  # fmt: skip


class UnknownOption(ValueError):
    """A word of which nobody knows whether the next one belongs to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWords:
    """A `docker run` command: up to its options, options (a name, its value or None), the rest.

    ``rest`` starts with the image; it is empty where there is none.
    """

    head: tuple[str, ...]
    options: tuple[tuple[str, str | None], ...]
    options_end: int
    rest: tuple[str, ...]

    def last(self, *names: str) -> str | None:
        """The value of the last option of these names."""
        found = [value for name, value in self.options if name in names]
        return found[-1] if found else None


def split_run_argv(argv: Sequence[str]) -> RunWords:
    """Find the image in a `docker run` command. ``options_end`` is where options may be added.

    Raises UnknownOption for an option that is not in the table, and ValueError for what is no
    `docker run` at all.
    """
    start = _after_run(argv)
    at, options = start, []
    while at < len(argv) and argv[at].startswith("-") and argv[at] not in ("-", "--"):
        found, used = _read_option(argv, at)
        options.extend(found)
        at += used
    end = at
    if at < len(argv) and argv[at] == "--":
        at += 1
    return RunWords(
        head=tuple(argv[:start]), options=tuple(options), options_end=end, rest=tuple(argv[at:])
    )


def _after_run(argv: Sequence[str]) -> int:
    if not argv or argv[0].rpartition("/")[2] not in ("docker", "docker.exe"):
        raise ValueError("it does not start with `docker`")
    at = 1
    while at < len(argv) and argv[at].startswith("-"):
        at += 2 if argv[at] in _GLOBAL_VALUED else 1
    if list(argv[at : at + 2]) == ["container", "run"]:
        return at + 2
    if list(argv[at : at + 1]) == ["run"]:
        return at + 1
    raise ValueError("its command is not `run`")


def _read_option(argv: Sequence[str], at: int) -> tuple[list[tuple[str, str | None]], int]:
    """The options in the word at ``at``, and how many words they take."""
    word = argv[at]
    if not word.startswith("--"):
        return _read_short(argv, at)
    name, equals, value = word.partition("=")
    if name in SWITCHES:
        return [(name, value if equals else None)], 1
    if equals:
        return [(name, value)], 1
    if name not in VALUED:
        raise UnknownOption(name)
    return [(name, argv[at + 1] if at + 1 < len(argv) else None)], 2


def _read_short(argv: Sequence[str], at: int) -> tuple[list[tuple[str, str | None]], int]:
    word, found = argv[at], list[tuple[str, str | None]]()
    for place, letter in enumerate(word[1:], start=2):
        name, rest = f"-{letter}", word[place:]
        if letter in SHORT_VALUED and rest:
            return [*found, (name, rest.removeprefix("="))], 1
        if letter in SHORT_VALUED:
            return [*found, (name, argv[at + 1] if at + 1 < len(argv) else None)], 2
        if letter not in SHORT_SWITCHES:
            raise UnknownOption(name)
        if rest.startswith("="):
            return [*found, (name, rest[1:])], 1
        found.append((name, None))
    return found, 1
