"""Whose failure an exception of Harbor's is: one table, by the exception's type.

Source: the classes of Harbor 0.24.0 (`harbor.agents.installed.base`, `harbor.llms.base`,
`harbor.trial.errors`, `harbor.verifier.verifier`). What is in none of the lists is the machinery's.
"""

from __future__ import annotations

AGENT = "agent"
PROVIDER = "provider"
MACHINERY = "machinery"

_AGENTS = (
    "AgentSafetyRefusalError",
    "AgentTimeoutError",
    "ContextLengthExceededError",
    "ContextWindowExceededError",
    "NonZeroAgentExitCodeError",
    "OutputLengthExceededError",
    "OutputTokenExceededError",
)
_PROVIDERS = (
    "AgentAuthenticationError",
    "ApiConnectionClosedError",
    "ApiConnectionError",
    "ApiError",
    "ApiInternalServerError",
    "ApiOverloadedError",
    "ApiProviderResourceNotFoundError",
    "ApiRateLimitError",
    "ApiResponseStalledError",
    "ApiUsageLimitError",
    "ModelNotFoundError",
    "NetworkConnectionError",
    "UnknownApiError",
)
_CLASSES = {**dict.fromkeys(_AGENTS, AGENT), **dict.fromkeys(_PROVIDERS, PROVIDER)}


def class_of(kind: str | None) -> str:
    """The class of a failure; of one without an exception too."""
    return _CLASSES.get(kind or "", MACHINERY)
