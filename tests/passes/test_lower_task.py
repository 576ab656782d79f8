"""The plan of a task: the services, networks, volumes and rights of the contracts."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler import contracts
from compiler.ir.task_plan import Condition, TaskPlan, Trust
from compiler.passes.lower_task import lower_task
from tests.projects import project_of, write_project


@pytest.fixture
def plan(tmp_path: Path) -> TaskPlan:
    return lower_task(project_of(write_project(tmp_path, {"secrets": ["KEY_A", "KEY_B"]})))


def test_there_are_three_services(plan: TaskPlan) -> None:
    assert [(service.name, service.trust) for service in plan.services] == [
        (contracts.MAIN, Trust.UNTRUSTED),
        (contracts.EVALUATOR, Trust.TRUSTED),
        (contracts.RUNNER, Trust.RUNS_UNTRUSTED),
    ]


def test_networks_are_those_of_the_contracts(plan: TaskPlan) -> None:
    assert {n.name: n.internal for n in plan.networks} == {"default": False, "eval": True}
    assert plan.service("main").networks == ("default", "eval")
    assert plan.service("eval-sidecar").networks == ("eval",)
    assert plan.service("runner").networks == ()


def test_a_public_runner_has_a_network_of_its_own(tmp_path: Path) -> None:
    changes = {"runner": {"network": "public"}}
    plan = lower_task(project_of(write_project(tmp_path, changes)))
    assert plan.service("runner").networks == ("egress",)
    assert {n.name: n.internal for n in plan.networks}["egress"] is False
    assert "egress" not in plan.service("main").networks + plan.service("eval-sidecar").networks


def test_only_the_evaluator_has_secrets(plan: TaskPlan) -> None:
    holders = {
        service.name: {v.name for v in service.environment if v.value is None}
        for service in plan.services
    }
    assert holders == {"main": set(), "eval-sidecar": {"KEY_A", "KEY_B"}, "runner": set()}


def test_volumes_are_mounted_as_the_contracts_say(plan: TaskPlan) -> None:
    mounts = {
        (service.name, mount.volume): (mount.target, mount.read_only)
        for service in plan.services
        for mount in service.mounts
    }
    assert mounts == {
        ("main", "agent_repo"): ("/work/agent", False),
        ("main", "agent_results"): ("/work/results", True),
        ("eval-sidecar", "admin_state"): ("/state/admin", False),
        ("eval-sidecar", "agent_results"): ("/state/results", False),
        ("eval-sidecar", "runner_io"): ("/run/mooring", False),
        ("runner", "runner_io"): ("/run/mooring", False),
    }
    assert {volume.name for volume in plan.volumes} == {volume for _, volume in mounts}


def test_rights_are_dropped(plan: TaskPlan) -> None:
    assert plan.service("main").capabilities is None
    assert plan.service("eval-sidecar").capabilities == ()
    assert plan.service("runner").capabilities == ("CHOWN", "KILL", "SETGID", "SETUID")
    assert plan.service("runner").read_only


def test_each_slot_has_a_sized_file_system(tmp_path: Path) -> None:
    plan = lower_task(project_of(write_project(tmp_path, {"max_concurrency": 3})))
    runner = plan.service("runner")
    targets = [tmpfs.target for tmpfs in runner.tmpfs]
    assert [t for t in targets if "slots" in t] == [f"/srv/mooring/slots/{i}" for i in range(3)]
    assert len(set(targets)) == len(targets)
    assert all(tmpfs.size > 0 for tmpfs in runner.tmpfs)
    assert runner.resources.pids is not None
    assert runner.resources.pids > 3 * contracts.SAMPLE_PROCESSES


def test_files_in_memory_leave_half_of_it_to_processes(tmp_path: Path) -> None:
    """Otherwise candidates that fill their disks would end the daemon, whose memory is left."""
    for number, memory in enumerate(("64m", "1g", "5g", "100g")):
        changes = {"resources": {"runner": {"memory": memory}}, "max_concurrency": 4}
        plan = lower_task(project_of(write_project(tmp_path / str(number), changes)))
        runner = plan.service("runner")
        limit = runner.resources.memory
        shared = int(dict(runner.sysctls)["kernel.shmall"]) * 4096
        assert limit is not None
        in_files = sum(disk.size for disk in runner.tmpfs)
        assert in_files + shared <= max(limit / 2, shared + 2**20)
        assert all(disk.size >= 2**16 and disk.size % 4096 == 0 for disk in runner.tmpfs)
    assert runner.tmpfs[1].size == contracts.SLOT_TMPFS_BYTES


def test_empty_files_are_bounded_too(plan: TaskPlan) -> None:
    assert {disk.target: disk.files for disk in plan.service("runner").tmpfs} == {
        disk.target: disk.size // 4096 for disk in plan.service("runner").tmpfs
    }
    assert "/dev/shm" in {disk.target for disk in plan.service("runner").tmpfs}


def test_main_starts_when_the_evaluator_is_healthy(plan: TaskPlan) -> None:
    assert plan.service("main").depends_on == (("eval-sidecar", Condition.HEALTHY),)
    assert plan.service("eval-sidecar").healthcheck is not None
    assert plan.service("eval-sidecar").depends_on == (("runner", Condition.STARTED),)


def test_timeouts_grow_with_what_they_bound(tmp_path: Path) -> None:
    short = lower_task(project_of(write_project(tmp_path / "a", {"timeout": 60}))).timeouts
    long = lower_task(
        project_of(write_project(tmp_path / "b", {"timeout": "10h", "sample_timeout": "2h"}))
    ).timeouts
    assert short.finalize.seconds < long.finalize.seconds
    # The selection's re-scores and the targets come one after the other, each of them bounded.
    assert long.finalize.seconds > 10 * 3600
    assert short.agent.seconds == long.agent.seconds == 7200.0
