"""Project and TaskPlan -> TOPOLOGY.md: a picture of services, networks, volumes and trust."""

from __future__ import annotations

from compiler import contracts
from compiler.ir.build import Access, ModeA, Reach, Recipient
from compiler.ir.project import Project
from compiler.ir.task_plan import Plan, Service
from compiler.targets.gateways.topology import gateway_residuals, gateway_rows
from compiler.targets.launch.topology import tong_residuals, tong_rows, workspace_holders
from compiler.targets.render_template import render_template

_NOTHING = "no"

type Row = tuple[str, dict[str, str]]
"""A thing, and for each service that gets at it, how."""


def render_topology(project: Project, plan: Plan) -> str:
    """The picture of a Harbor task."""
    return draw_topology(project.build.name, plan, _rows(project, plan), _residuals(project))


def draw_topology(name: str, plan: Plan, rows: list[Row], residuals: list[str]) -> str:
    """Markdown with a mermaid flowchart, drawn from the plan, a table and what is left.

    Gates are left out: they hold nothing, and end before anything begins.
    """
    services = [service for service in plan.services if not service.gate]
    return render_template(
        "harbor/TOPOLOGY.md.j2",
        name=name,
        services=[
            {"id": _id("s", s.name), "name": s.name, "trust": s.trust.value, "role": s.role}
            for s in services
        ],
        networks=[
            {"id": _id("n", n.name), "name": n.name, "internal": n.internal} for n in plan.networks
        ],
        volumes=[{"id": _id("v", v.name), "name": v.name} for v in plan.volumes],
        links=[link for service in services for link in _links(service)],
        sees=_sees(rows, plan),
        residuals=residuals,
    )


def _id(kind: str, name: str) -> str:
    return f"{kind}_{''.join(c if c.isalnum() else '_' for c in name)}"


def _links(service: Service) -> list[dict[str, str]]:
    here = _id("s", service.name)
    links = [{"a": here, "arrow": "---", "b": _id("n", name)} for name in service.networks]
    for mount in service.mounts:
        arrow = "-. reads .->" if mount.read_only else "== writes ==>"
        links.append({"a": here, "arrow": arrow, "b": _id("v", mount.volume)})
    return links


def _sees(rows: list[Row], plan: Plan) -> list[dict[str, str]]:
    services = [service.name for service in plan.services if not service.gate]
    return [
        {"what": what, "cells": " | ".join(cells.get(name, _NOTHING) for name in services)}
        for what, cells in rows
    ]


def _rows(project: Project, plan: Plan) -> list[Row]:
    build = project.build
    task = (contracts.MAIN, contracts.EVALUATOR, contracts.RUNNER)
    candidates = {**dict.fromkeys(task, "yes"), **workspace_holders(project.inputs.tongs)}
    rows = [
        (_hidden_things(project), {contracts.EVALUATOR: "yes"}),
        ("budgets and the ledger", {contracts.EVALUATOR: "yes"}),
        *_secret_rows(project),
        ("candidates' code", candidates),
        (_input_things(project), {contracts.EVALUATOR: "yes", contracts.RUNNER: "one at a time"}),
        ("results", {contracts.EVALUATOR: "writes", contracts.MAIN: "reads"}),
        leaving_row(plan),
    ]
    if build.gateways is not None:
        rows.extend(gateway_rows(build.gateways, plan))
    rows.extend(tong_rows(project.inputs.tongs))
    if build.workbench.variables:
        names = ", ".join(f"`{name}`" for name, _ in build.workbench.variables)
        rows.append((f"variables {names}", {contracts.MAIN: "yes"}))
    return rows


def leaving_row(plan: Plan) -> Row:
    """Who has a way out."""
    return "the internet", {s.name: "yes" for s in plan.services if _leaves(s, plan)}


def _hidden_things(project: Project) -> str:
    mode_a = isinstance(project.build, ModeA)
    return "labels, scorer, all samples" if mode_a else "inner tasks, their tests and solutions"


def _input_things(project: Project) -> str:
    build = project.build
    if not isinstance(build, ModeA):
        return "an inner task's environment, through the candidate's agent"
    return f"a sample's {', '.join(f'`{field}`' for field in build.input_fields)}"


def _secret_rows(project: Project) -> list[tuple[str, dict[str, str]]]:
    holders = {Recipient.EVALUATOR: contracts.EVALUATOR, Recipient.CANDIDATE: contracts.RUNNER}
    return [
        (f"the secret `{secret.name}`", {holders[secret.to]: "yes"})
        for secret in project.build.secrets
    ]


def _leaves(service: Service, plan: Plan) -> bool:
    outward = {network.name for network in plan.networks if not network.internal}
    return bool(outward.intersection(service.networks))


def _residuals(project: Project) -> list[str]:
    residuals = [
        (
            "Whoever becomes root in `main` can rewrite `reward.json`: the optimiser runs as "
            f"`{contracts.AGENT_USER}`, without a way to new privileges."
        ),
        "Each answer about a non_viewable split tells a little of it; its budget bounds how much.",
        (
            "A host is reachable from a container at the gateway address of its network, also from "
            "an internal one: services of the host that listen there are not hidden by Mooring."
        ),
    ]
    if project.build.runner.network is Reach.PUBLIC:
        residuals.append(
            "**`runner.network: public`: a candidate can carry the inputs that it is "
            "given, those of hidden samples too, to the internet.**"
        )
    if not isinstance(project.build, ModeA):
        residuals.append(
            "An inner task that is verified in the container that the agent worked in, which is "
            "Harbor's default, can be tampered with by a process that the agent left running: "
            '`environment_mode = "separate"` in its `[verifier]` keeps the two apart.'
        )
    secrets = project.build.secrets_to(Recipient.CANDIDATE)
    if secrets and any(split.access is Access.VIEWABLE for split in project.build.splits):
        names = ", ".join(f"`{name}`" for name in secrets)
        residuals.append(
            f"**{names}: a candidate can write what it is given into an answer, and the optimiser "
            "sees the answers of viewable splits.**"
        )
    if project.build.gateways is not None:
        residuals.extend(gateway_residuals(project.build.gateways))
    residuals.extend(tong_residuals(project.inputs.tongs))
    return residuals
