"""What the engine was told for each service is what the contracts say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker import engine
from tests.docker.compose import Project, inspect, running
from tests.docker.tasks import Build, compile_task

pytestmark = pytest.mark.docker

SERVICES = ("main", "eval-sidecar", "runner")
NETWORKS = {"main": {"default", "eval"}, "eval-sidecar": {"eval"}, "runner": {"none"}}
# Volume, place, and whether it can be written.
MOUNTS = {
    "main": {("agent_repo", "/work/agent", True), ("agent_results", "/work/results", False)},
    "eval-sidecar": {
        ("admin_state", "/state/admin", True),
        ("agent_results", "/state/results", True),
        ("runner_io", "/run/mooring", True),
    },
    "runner": {("runner_io", "/run/mooring", True)},
}
RUNNER_CAPABILITIES = {"CHOWN": 0, "KILL": 5, "SETGID": 6, "SETUID": 7}
REACH = """\
import json, socket, sys
try:
    socket.create_connection((sys.argv[1], 8000), timeout=3).close()
    print(json.dumps("reached"))
except OSError as error:
    print(json.dumps(type(error).__name__))
"""


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_an_init_and_gains_no_privileges(bench: Project, service: str) -> None:
    host = bench.inspect(service)["HostConfig"]
    assert host["Init"] is True
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["Privileged"] is False
    assert not host["PortBindings"] and not host["Devices"] and not host["Binds"]
    assert not host["PidMode"] and host["IpcMode"] == "private"
    assert b"NoNewPrivs:\t1\n" in bench.run(service, "cat", "/proc/1/status").stdout


def test_capabilities_are_those_of_the_table(bench: Project) -> None:
    evaluator = bench.inspect("eval-sidecar")["HostConfig"]
    assert (evaluator["CapDrop"], evaluator["CapAdd"]) == (["ALL"], None)
    runner = bench.inspect("runner")["HostConfig"]
    assert runner["CapDrop"] == ["ALL"]
    assert {name.removeprefix("CAP_") for name in runner["CapAdd"]} == set(RUNNER_CAPABILITIES)
    assert runner["ReadonlyRootfs"] is True
    mask = sum(1 << bit for bit in RUNNER_CAPABILITIES.values())
    for service, expected in {"eval-sidecar": 0, "runner": mask}.items():
        lines = bench.run(service, "cat", "/proc/1/status").stdout.decode().splitlines()
        fields = dict(line.split(":\t", 1) for line in lines if line.startswith("Cap"))
        held = {int(fields[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")}
        assert held == {expected}, service


@pytest.mark.parametrize("service", SERVICES)
def test_networks_are_those_of_the_table(bench: Project, service: str) -> None:
    found = bench.inspect(service)["NetworkSettings"]["Networks"]
    assert {name.removeprefix(f"{bench.name}_") for name in found} == NETWORKS[service]


def test_there_are_no_other_networks_and_volumes(bench: Project) -> None:
    networks, volumes = engine.OBJECT_KINDS[1], engine.OBJECT_KINDS[2]
    prefix = f"{bench.name}_"
    names = engine.list_objects(networks, prefix=prefix)
    internal = {name.removeprefix(prefix): inspect("network", name)["Internal"] for name in names}
    assert internal == {"default": False, "eval": True}
    found = {name.removeprefix(prefix) for name in engine.list_objects(volumes, prefix=prefix)}
    assert found == {volume for mounts in MOUNTS.values() for volume, _, _ in mounts}


@pytest.mark.parametrize("service", SERVICES)
def test_volumes_are_those_of_the_table(bench: Project, service: str) -> None:
    mounts = bench.inspect(service)["Mounts"]
    assert {mount["Type"] for mount in mounts} == {"volume"}
    prefix = f"{bench.name}_"
    found = {(m["Name"].removeprefix(prefix), m["Destination"], m["RW"]) for m in mounts}
    assert found == MOUNTS[service]


def reach_from(project: Project, network: str, host: str) -> str:
    """What connecting to the evaluator's port gives in a container that is on one network only."""
    name = f"{project.name}_{network}"
    argv = ("run", "--rm", "--init", "--network", name, project.image("runner"))
    done = engine.run_docker(*argv, "python3", "-I", "-c", REACH, host)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip('"\n')


def test_the_evaluator_is_reached_from_its_own_network_alone(bench: Project) -> None:
    address = bench.address("eval-sidecar", "eval")
    assert reach_from(bench, "eval", "eval-sidecar") == "reached"
    assert reach_from(bench, "eval", address) == "reached"
    assert reach_from(bench, "default", "eval-sidecar") == "gaierror"
    assert reach_from(bench, "default", address) in ("TimeoutError", "OSError")


@pytest.fixture(scope="module")
def public(
    tmp_path_factory: pytest.TempPathFactory, docker_engine: str, run_prefix: str
) -> Iterator[Project]:
    """The word problems with a runner that has a network; main is not needed."""

    def change(source: Path, build: Build) -> None:
        build["runner"]["network"] = "public"

    scratch = tmp_path_factory.mktemp("public")
    task = compile_task(scratch, scratch / "public", change)
    with running(Project(name=f"{run_prefix}-public", task=task), "eval-sidecar") as project:
        yield project


def test_the_runners_network_does_not_lead_to_the_evaluator(public: Project) -> None:
    found = public.inspect("runner")["NetworkSettings"]["Networks"]
    assert list(found) == [f"{public.name}_egress"]
    assert inspect("network", f"{public.name}_egress")["Internal"] is False
    address = public.address("eval-sidecar", "eval")
    assert reach_from(public, "eval", address) == "reached"
    for host, outcomes in {
        "eval-sidecar": ("gaierror",),
        address: ("TimeoutError", "OSError"),
    }.items():
        assert reach_from(public, "egress", host) in outcomes
        assert public.python("runner", REACH, host) in outcomes
