"""MOR410: a plan is broken on purpose, one way at a time, and each way is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from compiler import contracts
from compiler.checks.trust_boundary import check_trust_boundary
from compiler.diagnostics.render_text import message_of
from compiler.ir.project import Project
from compiler.ir.task_plan import Asset, Mount, Network, Service, TaskPlan, Variable
from compiler.passes.lower_task import lower_task
from tests.projects import project_of, write_project

SECRETS = [{"name": "JUDGE_KEY"}, {"name": "MODEL_KEY", "to": "candidate"}]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return project_of(write_project(tmp_path, {"secrets": SECRETS}))


def mounting(service: Service, volume: str) -> Service:
    return replace(service, mounts=(*service.mounts, Mount(volume=volume, target="/x")))


def holding(service: Service, asset: Asset) -> Service:
    return replace(service, image=(*service.image, asset))


def knowing(service: Service, variable: str, value: str | None = None) -> Service:
    added = Variable(name=variable, value=value)
    return replace(service, environment=(*service.environment, added))


def joining(service: Service, network: str) -> Service:
    return replace(service, networks=(*service.networks, network))


def change(plan: TaskPlan, name: str, how: Callable[[Service], Service]) -> TaskPlan:
    return replace(plan, services=tuple(how(s) if s.name == name else s for s in plan.services))


def test_the_plan_that_the_compiler_makes_has_no_way(project: Project) -> None:
    assert list(check_trust_boundary(project.build, lower_task(project))) == []


@pytest.mark.parametrize(
    ("service", "how", "told"),
    [
        (contracts.MAIN, lambda s: holding(s, Asset.LABELS), "its image"),
        (contracts.RUNNER, lambda s: holding(s, Asset.LABELS), "its image"),
        (contracts.MAIN, lambda s: holding(s, Asset.SCORER), "its image"),
        (contracts.MAIN, lambda s: mounting(s, contracts.VOLUME_ADMIN), "the volume admin_state"),
        (contracts.RUNNER, lambda s: mounting(s, contracts.VOLUME_ADMIN), "the volume admin_state"),
        (contracts.MAIN, lambda s: mounting(s, "unheard-of"), "the volume unheard-of"),
        (contracts.MAIN, lambda s: mounting(s, contracts.VOLUME_RESULTS), "not read-only"),
        (contracts.RUNNER, lambda s: mounting(s, contracts.VOLUME_RESULTS), "not read-only"),
        (contracts.EVALUATOR, lambda s: mounting(s, contracts.VOLUME_REPO), "not read-only"),
        (contracts.MAIN, lambda s: knowing(s, "JUDGE_KEY"), "its environment"),
        (contracts.MAIN, lambda s: knowing(s, "MODEL_KEY", "k"), "its environment"),
        (contracts.MAIN, lambda s: knowing(s, "ANY_OTHER"), "its environment"),
        (contracts.RUNNER, lambda s: knowing(s, "JUDGE_KEY"), "its environment"),
        (contracts.EVALUATOR, lambda s: knowing(s, "MODEL_KEY"), "its environment"),
        (contracts.RUNNER, lambda s: joining(s, contracts.NETWORK_EVAL), "the network eval"),
        (contracts.EVALUATOR, lambda s: joining(s, contracts.NETWORK_DEFAULT), "the network"),
    ],
)
def test_a_way_is_found(
    project: Project, service: str, how: Callable[[Service], Service], told: str
) -> None:
    broken = change(lower_task(project), service, how)
    found = list(check_trust_boundary(project.build, broken))
    assert found
    assert {d.code for d in found} == {"MOR410"}
    assert any(told in message_of(d) for d in found)


def test_a_network_of_the_evaluator_that_leads_out_is_found(project: Project) -> None:
    plan = lower_task(project)
    opened = tuple(Network(name=n.name, internal=False) for n in plan.networks)
    (found,) = check_trust_boundary(project.build, replace(plan, networks=opened))
    assert "the network eval" in message_of(found)
