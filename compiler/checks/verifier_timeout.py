"""A written bound of finalising leaves it the time that it may need."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostics.diagnostic import Diagnostic, diagnostic
from compiler.ir.build import Build
from compiler.ir.task_plan import Plan, TaskPlan


def check_verifier_timeout(build: Build, plan: Plan) -> Iterator[Diagnostic]:
    """MOR130 where `verifier_timeout` is less than the bound that would be derived without it."""
    if not isinstance(plan, TaskPlan):
        return
    given, needed = plan.timeouts.finalize, plan.timeouts.finalize_needs
    if given.seconds < needed.seconds:
        place = build.places.value("verifier_timeout")
        yield diagnostic(
            "MOR130",
            place,
            given=f"{given.seconds:g}",
            needed=f"{needed.seconds:g}",
            why=needed.why,
        )
