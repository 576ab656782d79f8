"""How a tong is awaited: the words of one try."""

from __future__ import annotations

from typing import Final

from compiler.ir.launch_plan import LaunchReadiness, Probe, Word, Words, words
from compiler.ir.tong import ReadinessMode, Tong
from compiler.ir.tong_names import canonical_alias
from compiler.passes.launch.run_argv import owned_labels

# One call tries for about a second: a call costs more than a try.
_PYTHON: Final = """\
import socket, sys, time
end = time.monotonic() + 1
while True:
    try:
        socket.create_connection((sys.argv[1], int(sys.argv[2])), 1).close()
        raise SystemExit(0)
    except OSError:
        if time.monotonic() > end:
            raise SystemExit(1)
        time.sleep(0.05)
"""
NO_TOOL: Final = 4
# Exit codes: 0 it answers, 1 not yet, 4 there is nothing here to try with.
TRY_PORT: Final = f"""\
if command -v python3 >/dev/null; then
    exec python3 -I -S -c '{_PYTHON}' "$1" "$2"
elif command -v bash >/dev/null; then
    try() {{ timeout 1 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>/dev/null; }}
elif command -v nc >/dev/null; then
    try() {{ nc -z -w 1 "$1" "$2" >/dev/null 2>&1; }}
else
    exit {NO_TOOL}
fi
for i in 1 2 3 4 5; do
    try "$1" "$2" && exit 0
    sleep 0.2
done
exit 1
"""
_SLEEP: Final = "while :; do sleep 3600; done"
HEALTH: Final = "{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}"


def lower_readiness(tong: Tong, container: Word, probe: Word) -> LaunchReadiness:
    """One try of a tong's own mode, from the container ``probe`` where it is a port's."""
    mode, seconds = tong.readiness.mode, tong.readiness.seconds
    if mode is ReadinessMode.TCP:
        host, port = canonical_alias(tong), tong.interface.port
        return LaunchReadiness(
            mode=mode, seconds=seconds, host=host, port=port, probe=try_port(probe, host, port)
        )
    if mode is ReadinessMode.NONE:
        return LaunchReadiness(mode=mode, seconds=seconds)
    command = tong.readiness.command
    asked = ("inspect", "--format", HEALTH, container)
    called = words("docker", "exec", container, *command) if command else None
    return LaunchReadiness(
        mode=mode,
        seconds=seconds,
        command=command,
        probe=called or words("docker", "container", *asked),
    )


def try_port(probe: Word, host: str, port: int | None) -> Words:
    """One try, from a running container."""
    return words("docker", "exec", probe, "/bin/sh", "-c", TRY_PORT, "sh", host, str(port))


def probe_container(container: Word, image: str, network: Word) -> Probe:
    """The container that ports are tried from."""
    run = words(
        *("docker", "run", "-d", "--name", container, "--network", network),
        *owned_labels(),
        *("--entrypoint", "/bin/sh", image, "-c", _SLEEP),
    )
    return Probe(container=container, network=network, image=image, run=run)
