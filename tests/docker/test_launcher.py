"""The live launch on a real engine: readiness, reuse, secrets, crashes, races, and leftovers."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docker import engine
from tests.docker.launches import (
    ASKER,
    SERVE,
    SLEEP,
    Launcher,
    end,
    inspect,
    launcher,
    read_until,
)
from tests.runtime.launcher.plans import (
    SESSION,
    Json,
    harness,
    healthcheck,
    make_tong,
    secret,
    tcp,
)

pytestmark = pytest.mark.docker
SECRET = b'it\'s $(touch /tmp/x) "hot"\nline\xc3\xa9 two  '


@pytest.fixture
def user(tmp_path: Path, docker_engine: str, docker_scrap: engine.Scrap) -> Iterator[Launcher]:
    with launcher(tmp_path / "home", docker_scrap, docker_engine) as each:
        yield each


def shared(user: Launcher, name: str = "kept", **other: Any) -> Json:
    return make_tong(
        name,
        user.image,
        SERVE,
        shared=f"{user.prefix}-{name}",
        shared_network=user.network,
        **{"readiness": tcp(name, 8080), **other},
    )


def session_of(told: str) -> str:
    """The session that a plan's harness was told of."""
    found = re.search(r"mooring-[0-9a-f]{8}", told)
    assert found is not None, told
    return found[0]


def left_of(session: str) -> list[str]:
    kinds = engine.OBJECT_KINDS[:2]
    return [name for kind in kinds for name in engine.list_objects(kind, prefix=session)]


def test_every_mode_and_every_way_to_a_tong(user: Launcher) -> None:
    """One launch, with the second after its first: a shared tong is the same container, and it is
    another one as soon as it was stopped or is defined otherwise."""
    fast = ["--health-cmd", "true", "--health-interval", "1s"]
    check = ["python3", "-c", "import socket; socket.create_connection(('127.0.0.1', 8080))"]
    tongs = [
        shared(user),
        make_tong("web", user.image, SERVE, readiness=tcp("web", 8080)),
        make_tong(
            "own", user.image, SERVE, options=fast, readiness=healthcheck("x", None),
            depends_on=["web"],
        ),
        make_tong(
            "cmd", user.image, SERVE, readiness=healthcheck([SESSION, "-tong-cmd"], check)
        ),
        make_tong("idle", user.image, SLEEP),
    ]  # fmt: skip
    places = [f"{name}:8080" for name in ("kept", "web", "own", "cmd")]
    script = f"{ASKER}print(open('/session').read()); raise SystemExit(7)\n"
    argv = harness(
        user.image, "-c", 'printf %s "$1" >/session; shift; exec "$@"', "sh", "x", "python3", "-c",
        script, *places, options=["--entrypoint", "/bin/sh"],
    )  # fmt: skip
    argv[argv.index("x")] = [SESSION]
    plan = user.write(tongs, argv)
    first = user.run(plan)
    assert first.code == 7, first.err
    assert first.out.split()[:-1] == [word for place in places for word in (place, "here")]
    assert first.err.count("ready after") == 5
    assert left_of(session_of(first.out)) == []
    container = f"{user.prefix}-kept"
    made = inspect(container)
    assert made is not None
    assert made["State"]["Running"]
    assert set(made["NetworkSettings"]["Networks"]) == {user.network}

    only = harness(user.image, "python3", "-c", ASKER, "kept:8080")
    again = user.run(user.write([shared(user)], only))
    assert (again.code, again.out) == (0, "kept:8080 here\n"), again.err
    assert "(reused)" in again.err
    assert (inspect(container) or {})["Id"] == made["Id"]

    engine.run_docker("kill", container)
    stopped = user.run(user.write([shared(user)], only))
    assert stopped.code == 0, stopped.err
    assert "does not run" in stopped.err
    stale = user.run(user.write([shared(user, config_hash="1" * 64)], only))
    assert stale.code == 0, stale.err
    assert "was made from another definition" in stale.err
    assert f"kept  (shared)  running  {container}" in user.call("tongs", "ps").out
    assert user.call("tongs", "down", container).out == f"removed {container}\n"
    assert inspect(container) is None


def test_a_crash_ends_the_wait_at_once(user: Launcher) -> None:
    script = "for i in $(seq 1 25); do echo line $i; done; exit 3"
    crash = make_tong("bad", user.image, ["sh", "-c", script], readiness=tcp("bad", 80, 500))
    slow = make_tong("slow", user.image, SLEEP, readiness=tcp("slow", 80, 500))
    began = time.monotonic()
    ended = user.run(user.write([slow, crash], harness(user.image, "true")))
    assert ended.code == 125
    assert "tong bad: it ended with code 3 before it was ready" in ended.err
    assert re.findall(r"^    line (\d+)$", ended.err, re.MULTILINE) == [
        str(n) for n in range(6, 26)
    ]
    assert time.monotonic() - began < 100


def test_a_tong_that_never_answers(user: Launcher) -> None:
    """And a shared one that this launch made and that never was ready does not stay."""
    slow = shared(user, "slow", readiness=tcp("slow", 81, 1.5))
    ended = user.run(user.write([slow], harness(user.image, "true")))
    assert ended.code == 125
    assert "tong slow: not ready within 1.5 s (nothing listens at slow:81)" in ended.err
    assert inspect(f"{user.prefix}-slow") is None


@pytest.fixture
def empty_image(docker_scrap: engine.Scrap) -> str:
    """An image with nothing in it."""
    name = f"{docker_scrap.prefix}-empty:1"
    argv = ["docker", "import", "--change", 'CMD ["/run"]', "-", name]
    subprocess.run(argv, input=b"\0" * 10240, check=True, capture_output=True)
    return name


def test_images_without_a_shell(user: Launcher, empty_image: str) -> None:
    """As a probe: a container that runs has to do, said once. For secrets: a clear refusal."""
    web = [make_tong(name, user.image, SERVE, readiness=tcp(name, 8080)) for name in ("a", "b")]
    ended = user.run(user.write(web, harness(user.image, "true"), probe_image=empty_image))
    assert ended.code == 0, ended.err
    assert ended.err.count("counts as ready") == 1
    (user.home / "s").write_bytes(SECRET)
    value = {"TOKEN": [secret("test", str(user.home / "s"))]}
    hot = make_tong("hot", empty_image, ["/run"], secrets=value)
    refused = user.run(user.write([hot], harness(user.image, "true")))
    assert refused.code == 125
    assert f"tong hot: the image {empty_image} has no /bin/sh" in refused.err


def test_secrets_arrive_and_are_nowhere_to_be_seen(user: Launcher) -> None:
    """Neither in argv, environment, labels, files nor logs; after a signal nothing is left."""
    (user.home / "s").write_bytes(SECRET + b"\n")
    parts = [{"text": "Bearer "}, secret("test", str(user.home / "s"))]
    value: Any = {"TOKEN": parts, "PLAIN": [{"text": "x"}]}
    options = ["--user", "1234:1234", "--read-only"]
    hot = make_tong(
        "hot", user.image, SERVE, secrets=value, options=options, readiness=tcp("hot", 8080)
    )
    plan = user.write(
        [hot], harness(user.image, *SERVE, options=["--name", f"{user.prefix}-anvil"])
    )
    process = user.begin(plan)
    told = read_until(process, "ready after")
    found = _wait_for(f"{user.prefix}-anvil")
    session = found["Config"]["Labels"]["mooring.session"]
    container = f"{session}-tong-hot"
    asker = ["run", "--rm", "--network", f"{session}-tongs", user.image, "python3", "-c"]
    asked = "import urllib.request as u; print(u.urlopen('http://hot:8080/TOKEN').read())"
    assert engine.run_docker(*asker, asked).stdout.strip() == repr(b"Bearer " + SECRET)

    seen = json.dumps([inspect(container), found]) + told
    seen += engine.run_docker("history", "--no-trunc", user.image).stdout
    seen += engine.run_docker("logs", container).stdout
    seen += engine.run_docker("diff", container).stdout
    seen += _command_lines()
    assert container in seen
    assert "touch /tmp/x" not in seen
    files = "find /run/mooring -type f -size +0 -o -type p; ls -A /run/mooring; id -u"
    assert engine.run_docker("exec", container, "sh", "-c", files).stdout == "delivered\n1234\n"

    process.send_signal(signal.SIGTERM)
    assert end(process).code == 143
    assert left_of(session) == []
    assert inspect(f"{user.prefix}-anvil") is None


def _command_lines() -> str:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return "".join(lines)


def _wait_for(container: str) -> Json:
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        found = inspect(container)
        if found is not None and found["State"]["Running"]:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{container} does not run")


def test_what_a_killed_launcher_left_is_removed_and_nothing_else(user: Launcher) -> None:
    web = make_tong("web", user.image, SERVE, readiness=tcp("web", 8080))
    names = [f"{user.prefix}-{n}" for n in ("dead", "living")]
    plans = [
        user.write([web, shared(user)], harness(user.image, *SERVE, options=["--name", name]))
        for name in names
    ]
    dead, living = (user.begin(plan) for plan in plans)
    found = [_wait_for(name)["Config"]["Labels"]["mooring.session"] for name in names]
    dead.kill()
    dead.wait()
    assert left_of(found[0]) == [f"{found[0]}-tong-web", f"{found[0]}-tongs"]
    would = user.call("tongs", "gc", "--dry-run")
    assert f"would remove {found[0]}-tong-web\n" in would.out
    assert f"{found[0]}-tong-web" in left_of(found[0])
    removed = user.call("tongs", "gc")
    assert removed.code == 0, removed.err
    expected = {names[0], f"{found[0]}-tong-web", f"{found[0]}-tongs"}
    assert expected <= {line.removeprefix("removed ") for line in removed.out.splitlines()}
    assert (left_of(found[0]), inspect(names[0])) == ([], None)
    assert left_of(found[1]) == [f"{found[1]}-tong-web", f"{found[1]}-tongs"]
    assert (inspect(f"{user.prefix}-kept") or {})["State"]["Running"]
    living.send_signal(signal.SIGINT)
    assert end(living).code == 130
    assert left_of(found[1]) == []


def test_two_launches_race_for_one_shared_tong(user: Launcher) -> None:
    (user.home / "s").write_bytes(SECRET)
    value = {"TOKEN": [secret("test", str(user.home / "s"))]}
    plan = user.write(
        [shared(user, secrets=value)],
        harness(user.image, "python3", "-c", ASKER, "kept:8080"),
    )
    both = [end(process) for process in [user.begin(plan), user.begin(plan)]]
    assert [each.code for each in both] == [0, 0], [each.err for each in both]
    assert sorted("(reused)" in each.err for each in both) == [False, True]
    assert sorted("(started)" in each.err for each in both) == [False, True]
