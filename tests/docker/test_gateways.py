"""Gateways in real containers: what was wanted running comes back, and nothing else."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker import engine
from tests.docker.compose import Project, remove
from tests.docker.gateways import HOME, Home, build_image, compile_gateways, home

pytestmark = pytest.mark.docker

USER = "1001:1001"
DEPLOYMENTS = {
    "plain": (),
    "tmpfs": ("--tmpfs", "/run"),
    "read-only": ("--read-only", "--tmpfs", "/run", "--tmpfs", "/tmp"),
    "user": ("--user", USER),
    "init": ("--init",),
    "no-capabilities": (
        *("--user", USER, "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--read-only", "--tmpfs", "/run:uid=1001,gid=1001,mode=0755", "--tmpfs", "/tmp"),
    ),
}
# What `act` leaves, and every restart must find.
WANTED = {
    "default": "stopped",
    "coder": "running",
    "writer": "stopped",
    "night-shift": "running",
    "fresh": "running",
    "spare": "stopped",
}
STALE = tuple(f"{HOME}/profiles/coder/{name}" for name in ("gateway.pid", "processes.json"))
# The slots; those that are down; a profile's files; what s6's own tool says of its slot.
SLOTS = f"""
cd /run/service
echo gateway-*
echo gateway-*/down
echo {HOME}/profiles/coder/*
/command/s6-svstat -o up,wantedup gateway-coder
"""


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory, docker_engine: str) -> Path:
    return compile_gateways(tmp_path_factory.mktemp("gateways") / "task")


@pytest.fixture(scope="module")
def image(task: Path) -> Iterator[str]:
    name = f"mooring-test-{secrets.token_hex(4)}-gateways"
    try:
        build_image(task, name)
        yield name
    finally:
        engine.remove_objects(prefix=name)


def act(at: Home) -> None:
    """An operator's day."""
    # Before or after the sub-command: an option may stand on either side.
    at.shell(
        "mooring gateway stop -p writer; mooring -p night-shift gateway start;"
        "mooring profile create fresh --start; mooring profile create spare;"
        "mooring profile create doomed --start; mooring profile delete doomed"
    )
    at.shell(f"touch {' '.join(STALE)}", user="1001")


def hold(at: Home) -> None:
    """All is as `act` left it, after another boot."""
    at.wait_healthy()
    assert at.states() == WANTED
    booted = at.last_boot()
    for name, state in WANTED.items():
        action = "started" if state == "running" else "registered"
        assert booted[name]["action"] == action, name
    assert booted["coder"]["prior_state"] == "running"
    assert booted["writer"]["prior_state"] == "stopped"
    slots, down, files, up = at.shell(SLOTS).splitlines()
    assert set(slots.split()) == {f"gateway-{name}" for name in WANTED}
    assert set(down.split()) == {f"gateway-{n}/down" for n, s in WANTED.items() if s == "stopped"}
    assert not set(STALE).intersection(files.split())
    assert up == "true true"


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_what_was_wanted_comes_back(deployment: str, image: str) -> None:
    name = f"{image}-{deployment}"
    with home(name, image, *DEPLOYMENTS[deployment]) as at:
        assert at.states() == {
            "default": "stopped", "coder": "running", "writer": "running", "night-shift": "stopped",
        }  # fmt: skip
        act(at)
        at.docker("restart")
        hold(at)
        at.docker("kill")
        at.docker("start")
        hold(at)
        # The engine's own init is root's.
        assert at.owners() == ({"0", "1001"} if deployment == "init" else {"1001"})
        at.docker("stop")
        assert at.exit_code() == 0


def test_the_boot_log_has_a_line_for_each_profile_and_boot(image: str) -> None:
    with home(f"{image}-log", image) as at:
        at.docker("restart")
        at.wait_healthy()
        lines = at.shell(f"cat {HOME}/logs/container-boot.log").splitlines()
        assert len([line for line in lines if "profile=coder" in line]) == 2
        form = r"\S+T\S+ .*profile=coder prior_state=running action=started last_exit=\S+"
        assert re.fullmatch(form, [line for line in lines if "profile=coder" in line][-1])
        assert re.search(r"^\[coder\] +coder listens on", at.logs(), re.MULTILINE)


def test_compose_restarts_recreates_and_kills(task: Path) -> None:
    """As emitted: read-only, few capabilities, no new privileges."""
    project = Project(name=f"mooring-test-{secrets.token_hex(4)}", task=task)
    at = Home(name=project.container("gateways"), image=project.image("gateways"))
    try:
        project.compose("build", "gateways", seconds=600)
        project.start("gateways")
        act(at)
        for verbs in (
            (("restart",),),
            (("up", "--detach", "--force-recreate", "--no-build"),),
            (("kill",), ("start",)),
        ):
            for verb in verbs:
                project.compose(*verb, "gateways")
            hold(at)
        told = project.inspect("gateways")["HostConfig"]
        assert told["ReadonlyRootfs"]
        assert "no-new-privileges:true" in told["SecurityOpt"]
        status = at.shell("grep Cap /proc/1/status")
        assert dict(re.findall(r"(\w+):\s+(\w+)", status))["CapEff"] == 16 * "0"
        assert at.owners() == {"1001"}
    finally:
        remove(project)


# The container's own command, found by what it is.
END_MAIN = """
for process in /proc/[0-9]*; do
    case $(tr '\\0' ' ' <"$process/cmdline") in
    "sleep infinity "*) kill -KILL "${process#/proc/}" ;;
    esac
done
"""


def test_another_command_runs_beside_the_tree_and_its_code_is_the_containers(image: str) -> None:
    name = f"{image}-other"
    script = """
until mooring health >/dev/null 2>&1; do sleep 0.1; done
mooring gateway status --all --json | grep -c '"running"'
printf '<%s>' "$@"
exit 7
"""
    at = Home(name=name, image=image)
    try:
        at.run("sh", "-c", script, "sh", "a b", "$HOME", "'", "")
        engine.run_docker("wait", name)
        assert at.exit_code() == 7
        assert "2\n<a b><$HOME><'><>" in at.logs()
    finally:
        engine.run_docker("rm", "--force", "--volumes", name)
        engine.run_docker("volume", "rm", "--force", f"{name}-home")
    with home(name, image, command=("sleep", "infinity")) as at:
        assert at.states()["coder"] == "running"
        at.shell(END_MAIN)
        engine.run_docker("wait", name)
        assert at.exit_code() == 137


def test_a_second_container_on_a_home_starts_nothing_until_the_first_is_gone(image: str) -> None:
    with home(f"{image}-one", image) as one:
        two = Home(name=f"{image}-two", image=image, volume=f"{image}-one-home")
        try:
            two.run()
            two.wait_said("mooring-boot: ")
            refused = two.mooring("gateway", "start", "-p", "coder", check=False)
            assert refused.returncode != 0
            assert "one container at a time supervises a home" in refused.stderr
            assert set(two.shell("ls /run/service").split()) == set()
            assert one.states()["coder"] == "running"
            one.docker("stop")
            two.docker("restart")
            two.wait_healthy()
            assert two.states()["coder"] == "running"
        finally:
            engine.run_docker("rm", "--force", "--volumes", two.name)


def test_the_service_user_gains_nothing(image: str) -> None:
    """Whatever the user can write, nothing of it is run or handed over by root."""
    with home(f"{image}-attack", image) as at:
        at.shell(PLANT, user="1001")
        assert at.shell("cat /tmp/ran-now", user="1001").split() == ["1001"]
        at.docker("restart")
        at.wait_healthy()
        # As root, which must become the service user before it reads any of this.
        for words in (("gateway", "status", "--all"), ("gateway", "restart", "-p", "coder")):
            at.mooring(*words, user="0")
        held = at.shell("cat /tmp/ran-*; stat -c %u /etc /etc/passwd /root")
        ran, owners = held.split()[:-3], held.split()[-3:]
        assert set(ran) == {"1001"}
        assert owners == ["0", "0", "0"]
        assert at.owners() == {"1001"}
        assert "0" not in at.shell(f"find {HOME} -uid 0 -printf 0")


# A slot of the user's own, picked up at once; scripts where root's might be looked for; links that
# a careless chown would follow; modules for an interpreter that looks around.
PLANT = f"""
mark() {{ printf '#!/bin/sh\\nid -u >>/tmp/ran-%s\\nsleep 1\\n' "$2" >"$1"; chmod 755 "$1"; }}
mkdir /run/service/planted
mark /run/service/planted/run now
/command/s6-svscanctl -a /run/service
until test -s /tmp/ran-now; do sleep 0.1; done
for name in finish crash SIGTERM; do
    rm -f /run/service/.s6-svscan/$name
    mark /run/service/.s6-svscan/$name $name
done
mark {HOME}/mooring later
mark {HOME}/python3 later
for name in os json site sitecustomize; do
    echo 'import os; open("/tmp/ran-module", "a").write(str(os.getuid()))' >{HOME}/$name.py
done
rm -rf {HOME}/profiles/writer {HOME}/profiles/night-shift
ln -s /etc {HOME}/profiles/writer
mkdir {HOME}/profiles/night-shift
ln -s /etc/passwd {HOME}/profiles/night-shift/SOUL.md
ln -s /root {HOME}/profiles/coder/workspace
ln -s /etc {HOME}/logs/elsewhere
"""
