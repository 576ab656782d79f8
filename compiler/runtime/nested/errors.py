"""Exceptions of the proxy agent, which Harbor records by the names of their types."""

from __future__ import annotations

from harbor.agents.installed.base import NonZeroAgentExitCodeError


class CandidateError(Exception):
    """The candidate's agent failed: nothing is verified."""


class CandidateExitError(NonZeroAgentExitCodeError):  # type: ignore[misc]
    """A program of the candidate's agent ended badly: what it did is verified all the same."""


class CandidateProviderError(NonZeroAgentExitCodeError):  # type: ignore[misc]
    """The candidate's agent says that its model's provider failed. It is believed only where the
    build file says so.
    """


class RunnerUnreachableError(Exception):
    """The runner could not hold the session: the machinery's failure."""


class EnvironmentLostError(Exception):
    """A call of the candidate's failed and the environment does no more what it is asked: the
    machinery's failure, and one that a candidate can bring about.
    """


KINDS: dict[str, type[Exception]] = {
    "exit": CandidateExitError,
    "provider": CandidateProviderError,
}
