"""What this process tells of the agent: how it failed, and its report on itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from harbor.agents.installed.base import NonZeroAgentExitCodeError
from harbor.models.agent.context import AgentContext

from ..runner.masks import mask

# Characters; the other end takes no more.
MESSAGE = 4000
CONTEXT = 512 * 1024
# Types of exceptions, of Harbor and of clients of models, that say that a model's provider failed.
PROVIDER_TROUBLE = frozenset(
    {"AgentAuthenticationError", "ApiConnectionClosedError", "ApiInternalServerError"}
    | {"ApiOverloadedError", "ApiRateLimitError", "ApiResponseStalledError", "ApiUsageLimitError"}
    | {"NetworkConnectionError", "APIConnectionError", "APITimeoutError", "AuthenticationError"}
    | {"InternalServerError", "OverloadedError", "RateLimitError", "ServiceUnavailableError"}
)


def describe(error: BaseException, hidden: Mapping[str, str]) -> dict[str, Any]:
    """Kind, type and text of a failure; values of the secrets `hidden` are masked in it."""
    try:
        text = str(error)
    except Exception:  # an exception's own text may raise as well
        text = ""
    return {
        "kind": kind_of(error),
        "type": mask(hidden, type(error).__name__)[:100],
        # Before it is cut, which would leave a part of a secret.
        "message": mask(hidden, text)[-MESSAGE:],
    }


def kind_of(error: BaseException) -> str:
    """`provider` for a model's provider that failed, `exit` for an agent's program that ended badly
    (what it did is verified all the same), else `error`.
    """
    if any(base.__name__ in PROVIDER_TROUBLE for base in type(error).__mro__):
        return "provider"
    return "exit" if isinstance(error, NonZeroAgentExitCodeError) else "error"


def context_of(context: AgentContext) -> dict[str, Any]:
    """The agent's report as JSON; its largest parts are left out where it would be too large, and
    all of it where it is no JSON.
    """
    for left_out in (0, 1, 2, 3):
        parts = set(("rollout_details", "metadata", "model_usage")[:left_out])
        try:
            report: dict[str, Any] = context.model_dump(exclude_none=True, exclude=parts)
            if len(json.dumps(report, allow_nan=False)) <= CONTEXT:
                return report
        except (TypeError, ValueError, RecursionError):
            continue
    return {}
