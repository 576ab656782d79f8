"""MOR410: a plan is broken on purpose, one way at a time, and each way is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from compiler import contracts, pipeline
from compiler.checks.trust_boundary import check_trust_boundary
from compiler.diagnostics.render_text import message_of
from compiler.edge.read_project import read_bare_inputs, read_inputs
from compiler.ir.build import Bare
from compiler.ir.project import Project, complete
from compiler.ir.task_plan import (
    Asset,
    FromCaller,
    Mount,
    Network,
    Service,
    Socket,
    TaskPlan,
    Variable,
)
from compiler.passes.lower_bare import lower_bare
from compiler.passes.lower_task import lower_task
from tests.fixture_cases import OK, list_cases
from tests.projects import MODE_B, project_of, render, write_project, write_project_b
from tests.tongs import make_tong

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


@pytest.mark.parametrize("case", list_cases(OK))
def test_the_plan_of_every_case_has_no_way(case: str) -> None:
    build_file = OK / case / "input" / "build.yaml"
    build, _, _ = pipeline.understand(build_file.read_bytes(), str(build_file), {})
    assert build is not None
    if isinstance(build, Bare):
        bare, _ = read_bare_inputs(build, build_file.parent)
        found = check_trust_boundary(build, lower_bare(bare), bare.tongs)
        assert build.empty or list(found) == []
        return
    inputs, _ = read_inputs(build, build_file.parent)
    plan = lower_task(complete(inputs))
    assert list(check_trust_boundary(build, plan, inputs.tongs)) == []


def test_the_plan_of_mode_b_has_no_way(tmp_path: Path) -> None:
    made = project_of(write_project_b(tmp_path, {"secrets": [*SECRETS, *MODE_B["secrets"]]}))
    assert list(check_trust_boundary(made.build, lower_task(made))) == []
    broken = change(lower_task(made), contracts.MAIN, lambda s: joining(s, "providers"))
    (found,) = check_trust_boundary(made.build, broken)
    assert "the network providers" in message_of(found)


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
        (contracts.RUNNER, lambda s: joining(s, contracts.NETWORK_DEFAULT), "the network default"),
        (contracts.RUNNER, lambda s: joining(s, contracts.NETWORK_EGRESS), "the internet"),
        (contracts.RUNNER, lambda s: mounting(s, contracts.VOLUME_REPO), "the volume agent_repo"),
        (contracts.MAIN, lambda s: mounting(s, contracts.VOLUME_RUNNER), "the volume runner_io"),
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


def test_a_network_that_the_build_keeps_from_main_is_found(tmp_path: Path) -> None:
    made = project_of(write_project(tmp_path, {"network": "none"}))
    plan = lower_task(made)
    assert list(check_trust_boundary(made.build, plan)) == []
    network = Network(name=contracts.NETWORK_DEFAULT, internal=False)
    broken = change(plan, contracts.MAIN, lambda s: joining(s, network.name))
    (found,) = check_trust_boundary(made.build, replace(broken, networks=(*plan.networks, network)))
    assert "the internet would reach main" in message_of(found)


def test_a_public_runner_meets_nobody(tmp_path: Path) -> None:
    made = project_of(write_project(tmp_path, {"runner": {"network": "public"}}))
    plan = lower_task(made)
    assert list(check_trust_boundary(made.build, plan)) == []
    broken = change(plan, contracts.MAIN, lambda s: joining(s, contracts.NETWORK_EGRESS))
    (found,) = check_trust_boundary(made.build, broken)
    assert "a connection to main would reach runner" in message_of(found)


def test_a_writable_mount_of_what_a_trusted_service_reads_is_found(project: Project) -> None:
    def writable(service: Service) -> Service:
        mounts = tuple(replace(mount, read_only=False) for mount in service.mounts)
        return replace(service, mounts=mounts)

    broken = change(lower_task(project), contracts.MAIN, writable)
    (found,) = check_trust_boundary(project.build, broken)
    assert "writing to agent_results" in message_of(found)


def test_a_volume_that_gets_a_secret_asset_is_found(project: Project) -> None:
    plan = lower_task(project)
    volumes = tuple(replace(volume, holds=(*volume.holds, Asset.LABELS)) for volume in plan.volumes)
    found = list(check_trust_boundary(project.build, replace(plan, volumes=volumes)))
    assert {str(dict(d.params)["way"]) for d in found} == {
        "the volume agent_repo", "the volume agent_results", "the volume runner_io",
    }  # fmt: skip


@pytest.mark.parametrize("service", [contracts.MAIN, contracts.RUNNER])
def test_each_thing_of_the_evaluator_s_image_is_found(project: Project, service: str) -> None:
    plan = lower_task(project)
    image = plan.service(contracts.EVALUATOR).image
    broken = change(plan, service, lambda s: replace(s, image=image))
    found = list(check_trust_boundary(project.build, broken))
    assert {str(dict(d.params)["what"]) for d in found} == {"labels and samples", "the scorer"}


OWN = "MOORING_SECRET_HOT__TOKEN"
TONG = {
    "name": "hot",
    "lifecycle": "session",
    "image": "acme/hot:1",
    "env": {"TOKEN": "${secret:vault:token}:${secret:vault:other}"},
    "interface": {"kind": "port", "port": 80},
}


@pytest.fixture
def with_tong(tmp_path: Path) -> tuple[Project, TaskPlan]:
    project = project_of(write_project(tmp_path, {"secrets": SECRETS}))
    tong = make_tong(render({key: TONG[key] for key in TONG if key != "name"}), "hot")
    project = replace(project, inputs=replace(project.inputs, tongs=(tong,)))
    return project, lower_task(project)


def told_of(project: Project, plan: TaskPlan) -> list[str]:
    tongs = project.inputs.tongs
    return [message_of(found) for found in check_trust_boundary(project.build, plan, tongs)]


def test_a_tong_as_the_compiler_makes_it_opens_nothing(
    with_tong: tuple[Project, TaskPlan],
) -> None:
    assert told_of(*with_tong) == []


def socketed(service: Service) -> Service:
    return replace(service, socket=Socket(target=contracts.DOCKER_SOCKET))


def given(service: Service, secret: str = OWN) -> Service:
    added = Variable(name="TOKEN", value=(FromCaller(name=secret),))
    return replace(service, environment=(*service.environment, added))


@pytest.mark.parametrize(
    ("service", "how", "said"),
    [
        ("tong-hot", lambda s: joining(s, "eval"), "a connection to eval-sidecar"),
        ("tong-hot", lambda s: mounting(s, "admin_state"), "budgets and the ledger"),
        ("tong-hot", lambda s: mounting(s, "runner_io"), "runner_io"),
        ("tong-hot", lambda s: knowing(s, "JUDGE_KEY"), "the secret JUDGE_KEY"),
        ("tong-hot", socketed, "the host"),
        ("main", socketed, "the host"),
        ("main", given, "the secret MOORING_SECRET_HOT__TOKEN"),
        ("eval-sidecar", given, "the secret MOORING_SECRET_HOT__TOKEN"),
        # Names that begin as its own do, of which it declares none.
        ("tong-hot", lambda s: given(s, f"{OWN}_OTHER"), f"the secret {OWN}_OTHER"),
        ("tong-hot", lambda s: given(s, f"{OWN}_3"), f"the secret {OWN}_3"),
        ("tong-hot", lambda s: given(s, f"{OWN}_2"), ""),
        ("tong-hot-ready", lambda s: joining(s, "eval"), ""),
    ],
)
def test_each_way_that_a_tong_could_open(
    with_tong: tuple[Project, TaskPlan],
    service: str,
    how: Callable[[Service], Service],
    said: str,
) -> None:
    project, plan = with_tong
    found = told_of(project, change(plan, service, how))
    # A gate is as little trusted as main, and eval leads nowhere else.
    assert bool(found) == bool(said)
    assert any(f"would reach {service}" in text for text in found) or not said
    assert any(said in text for text in found) or not said


@pytest.fixture
def with_gateways(tmp_path: Path) -> Project:
    gateways = {"command": ["gateway"], "profiles": [{"name": "coder"}]}
    return project_of(write_project(tmp_path, {"secrets": SECRETS, "gateways": gateways}))


@pytest.mark.parametrize(
    ("service", "how", "told"),
    [
        (contracts.GATEWAYS, lambda s: holding(s, Asset.LABELS), "its image"),
        (contracts.GATEWAYS, lambda s: mounting(s, contracts.VOLUME_ADMIN), "the volume"),
        (contracts.GATEWAYS, lambda s: mounting(s, contracts.VOLUME_RESULTS), "not read-only"),
        (contracts.EVALUATOR, lambda s: mounting(s, contracts.VOLUME_GATEWAYS), "not read-only"),
        (contracts.RUNNER, lambda s: mounting(s, contracts.VOLUME_GATEWAYS), "the volume"),
        (contracts.GATEWAYS, lambda s: knowing(s, "JUDGE_KEY"), "its environment"),
        (contracts.GATEWAYS, lambda s: knowing(s, "MODEL_KEY", "k"), "its environment"),
        (contracts.GATEWAYS, lambda s: joining(s, contracts.NETWORK_EVAL), "the network eval"),
        (contracts.EVALUATOR, lambda s: joining(s, contracts.NETWORK_TONGS), "the network tongs"),
        (contracts.RUNNER, lambda s: joining(s, contracts.NETWORK_TONGS), "the network tongs"),
    ],
)
def test_a_way_to_or_from_gateways_is_found(
    with_gateways: Project, service: str, how: Callable[[Service], Service], told: str
) -> None:
    plan = lower_task(with_gateways)
    assert list(check_trust_boundary(with_gateways.build, plan)) == []
    found = list(check_trust_boundary(with_gateways.build, change(plan, service, how)))
    assert found
    assert any(told in message_of(d) for d in found)
