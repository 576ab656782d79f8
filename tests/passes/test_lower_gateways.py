"""Gateways as a service, a volume and what main is told; their ports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.ir.build import Bare, Task
from compiler.ir.project import BareInputs
from compiler.ir.task_plan import Asset, Condition, Plan, Trust
from compiler.passes.assign_ports import assign_ports
from compiler.passes.lower_bare import lower_bare
from compiler.passes.lower_task import lower_task
from compiler.runtime.supervisor import names as supervisor
from tests.projects import REQUIRED, build_of, project_of, write_project

GATEWAYS: dict[str, Any] = {
    "command": ["gateway", "{port}"],
    "profiles": [{"name": "coder"}, {"name": "night-shift", "start": True}],
}


def plan_of(folder: Any, changes: Mapping[str, Any]) -> Plan:
    return lower_task(project_of(write_project(folder, changes)))


def test_the_service_beside_main(tmp_path: Any) -> None:
    plan = plan_of(tmp_path, {"gateways": {**GATEWAYS, "stop_timeout": "2.5s"}})
    service = plan.service("gateways")
    assert service.trust is Trust.DECLARED
    assert service.read_only
    assert not service.init
    assert [tmpfs.target for tmpfs in service.tmpfs] == ["/run", "/tmp"]
    assert service.stop_seconds is not None
    assert service.stop_seconds > 2.5 + 5
    assert "SYS_ADMIN" not in (service.capabilities or ())
    assert [mount.target for mount in service.mounts] == ["/opt/data"]
    assert {v.name: v.holds for v in plan.volumes}["gateways_home"] == (Asset.HOME,)
    assert ("gateways", Condition.HEALTHY) in plan.service("main").depends_on


def test_main_is_told_of_the_declared_profiles(tmp_path: Any) -> None:
    plan = plan_of(tmp_path, {"gateways": GATEWAYS})
    told = {v.name: v.value for v in plan.service("main").environment if "GATEWAY" in v.name}
    ports = assign_ports(("coder", "night-shift"), (9200, 9799))
    assert told == {
        "MOORING_GATEWAY_CODER_HOST": "gateways",
        "MOORING_GATEWAY_CODER_PORT": str(ports["coder"]),
        "MOORING_GATEWAY_NIGHT_SHIFT_HOST": "gateways",
        "MOORING_GATEWAY_NIGHT_SHIFT_PORT": str(ports["night-shift"]),
    }


def test_without_gateways_nothing_is_told(tmp_path: Any) -> None:
    plan = plan_of(tmp_path, {})
    assert [service.name for service in plan.services] == ["main", "eval-sidecar", "runner"]
    assert not [v for v in plan.service("main").environment if "GATEWAY" in v.name]
    assert "tongs" not in plan.service("main").networks


@pytest.mark.parametrize("network", ["public", "none"])
def test_the_network_is_no_way_out_that_main_must_not_have(tmp_path: Any, network: str) -> None:
    plan = plan_of(tmp_path, {"gateways": GATEWAYS, "network": network})
    internal = {n.name for n in plan.networks if n.internal}
    main, gateways = plan.service("main"), plan.service("gateways")
    assert set(main.networks).intersection(gateways.networks) == {"tongs"}
    assert bool(set(main.networks) - internal) == (network == "public")
    assert set(gateways.networks) - internal


def test_gateways_alone() -> None:
    others = dict.fromkeys(key for key in REQUIRED if key != "name")
    build = build_of({**others, "gateways": GATEWAYS})
    assert isinstance(build, Bare)
    plan = lower_bare(BareInputs(build=build))
    assert [service.name for service in plan.services] == ["gateways"]
    assert [(n.name, n.internal) for n in plan.networks] == [("tongs", False)]


NAMES = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,8}", fullmatch=True)


@given(names=st.lists(NAMES, unique=True, max_size=20), first=st.integers(1, 60000))
def test_the_supervisor_gives_the_ports_that_the_compiler_gives(
    names: list[str], first: int
) -> None:
    """In the same order, a range that is just large enough included."""
    ports = (first, first + max(len(names), 1) - 1)
    taken: set[int] = set()
    for name, port in assign_ports(names, ports).items():
        assert supervisor.derive_port(name, ports, taken) == port
        taken.add(port)
    assert len(taken) == len(names)


def test_a_task_has_its_gateways() -> None:
    build = build_of({"gateways": GATEWAYS})
    assert isinstance(build, Task)
    assert build.gateways is not None
    assert build.gateways.names() == ("coder", "night-shift")
