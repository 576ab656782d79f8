"""Whose failure an exception of a trial is, by the name of its type: a table to read and extend.

Harbor records an exception by the name of its type alone. What is not in the table is the
machinery's: a candidate's code never runs where Harbor does, so it can raise none of them but those
of the proxy.
"""

from __future__ import annotations

from collections.abc import Mapping

from .settings import Fault

_CANDIDATE = (
    # What the proxy says of the candidate's own process.
    "CandidateError",
    "CandidateExitError",
    "CandidateProviderError",
    # It took too long.
    "AgentTimeoutError",
    "AgentSetupTimeoutError",
    # An agent's program that ended badly, where Harbor runs it itself.
    "NonZeroAgentExitCodeError",
    "ContextWindowExceededError",
    "OutputTokenExceededError",
    "AgentSafetyRefusalError",
    # What it left in the environment gave no reward.
    "RewardFileNotFoundError",
    "RewardFileEmptyError",
    "VerifierOutputParseError",
    "VerifierTimeoutError",
)
_MACHINERY = (
    # The runner did not hold the session.
    "RunnerUnreachableError",
    # The environment stopped working while the agent used it.
    "EnvironmentLostError",
    # The environment: its image, its start, files to and from it.
    "SandboxBuildFailedError",
    "EnvironmentStartTimeoutError",
    "HealthcheckError",
    "AddTestsDirError",
    "DownloadVerifierDirError",
    "ServiceOperationsUnsupportedError",
    "MemoryLimitExceededError",
    "SandboxLikelyOutOfMemoryError",
    # A provider: who we are to it, how much it gives.
    "NotAuthenticatedError",
    "AuthenticationError",
    "ApiKeyRejectedError",
    "AgentAuthenticationError",
    "ApiRateLimitError",
    "ApiUsageLimitError",
    "ApiOverloadedError",
    "ApiInternalServerError",
    "NetworkConnectionError",
    "RateLimitError",
    # The trial was ended from outside.
    "CancelledError",
    "KeyboardInterrupt",
    # Harbor's own: a failure without words.
    "RuntimeError",
    "OSError",
)
FAULTS: Mapping[str, Fault] = {
    **dict.fromkeys(_CANDIDATE, Fault.CANDIDATE),
    **dict.fromkeys(_MACHINERY, Fault.MACHINERY),
}
# Told by the proxy, in words that candidate code may have chosen.
OF_THE_PROXY = ("CandidateError", "CandidateExitError", "CandidateProviderError")
# What a candidate can bring about, its own failures first, is not tried again unless the build file
# asks for it: another try would be one that others do not get.
NEVER_RETRIED = (*_CANDIDATE, "RunnerUnreachableError", "EnvironmentLostError")
# Harbor's own list, which `--retry-exclude` replaces (models/job/config.py of Harbor 0.24).
HARBORS_EXCLUDED = (
    "AgentAuthenticationError",
    "AgentSafetyRefusalError",
    "AgentTimeoutError",
    "ApiUsageLimitError",
    "ModelNotFoundError",
    "RewardFileEmptyError",
    "RewardFileNotFoundError",
    "VerifierOutputParseError",
    "VerifierTimeoutError",
)


def fault_of(exception: str, more: Mapping[str, Fault]) -> Fault:
    """Whose failure it is; `more` are the build file's own entries, which come first."""
    return more.get(exception) or FAULTS.get(exception, Fault.MACHINERY)
