"""What is known of Harbor's environments: what each needs inside the evaluator, and which cannot
run a task of ours.

Source: Harbor 0.24.0, the modules of ``harbor.environments``: ``preflight`` of each class for the
variables, the factory's registry for the extras, ``_compose_env_vars`` for what reaches Compose.
``tests/harbor/test_environments.py`` holds the names, extras and Compose support against the
installed Harbor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

type Variables = tuple[str, ...]

HARBOR_VERSION: Final = "0.24.0"
# Extras of Harbor that have all the others of `CLOUD` in them.
UNIONS: Final = ("cloud", "all")
NOT_IN_UNIONS: Final = ("mosaic", "skypilot", "smol")


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One of Harbor's environments, or what is known of it.

    ``extra`` is Harbor's extra with its client. ``credentials`` has the variables that it asks for;
    of several alternatives one is enough. ``local`` says what it needs on the machine that Harbor
    runs on. ``compose`` is false where it runs no Compose file. ``refused`` says why no task of
    ours can run there, ``hides_variables`` why one with secrets cannot.
    """

    extra: str | None = None
    credentials: tuple[Variables, ...] = ()
    local: str | None = None
    compose: bool = True
    refused: str | None = None
    hides_variables: str | None = None


_NO_VARIABLES: Final = "it hands none of the caller's variables to Compose"
_NO_REQUIRED: Final = "it hands on no variable that Compose is told to require"
_ONE_NETWORK: Final = (
    "it puts all services on one network, where candidates reach the evaluator and the internet"
)


def _key(*names: str) -> tuple[Variables, ...]:
    """Alternatives of one variable each."""
    return tuple((name,) for name in names)


ENVIRONMENTS: Final[dict[str, Environment]] = {
    "ack": Environment(local="a kubeconfig", compose=False),
    "apple-container": Environment(local="a Mac with the `container` program", compose=False),
    "beam": Environment(extra="beam", credentials=_key("BEAM_TOKEN"), refused=_ONE_NETWORK),
    "blaxel": Environment(
        extra="blaxel",
        credentials=(("BL_WORKSPACE", "BL_API_KEY"),),
        hides_variables=_NO_REQUIRED,
    ),
    "cua-cloud": Environment(
        extra="cua", credentials=(("CUA_CLIENT_ID", "CUA_CLIENT_SECRET"),), compose=False
    ),
    "cwsandbox": Environment(extra="cwsandbox", compose=False),
    "daytona": Environment(
        extra="daytona",
        credentials=(
            ("DAYTONA_API_KEY",),
            ("DAYTONA_JWT_TOKEN", "DAYTONA_ORGANIZATION_ID"),
        ),
        hides_variables=_NO_VARIABLES,
    ),
    "docker": Environment(local="the `docker` program and an engine that it reaches"),
    "e2b": Environment(extra="e2b", credentials=_key("E2B_API_KEY"), compose=False),
    "ec2": Environment(extra="ec2", hides_variables=_NO_VARIABLES),
    "gke": Environment(
        extra="gke",
        local="the `gcloud` program and a kubeconfig",
        hides_variables=_NO_VARIABLES,
    ),
    "hf-sandbox": Environment(extra="hf-sandbox", credentials=_key("HF_TOKEN"), compose=False),
    "hyperbrowser": Environment(
        extra="hyperbrowser",
        credentials=_key("HYPERBROWSER_API_KEY"),
        hides_variables=_NO_REQUIRED,
    ),
    "islo": Environment(
        extra="islo", credentials=_key("ISLO_API_KEY"), hides_variables=_NO_VARIABLES
    ),
    "kata": Environment(
        local="the `docker` program, an engine with Kata Containers, and KVM",
        refused="its services do not find each other by name",
    ),
    "langsmith": Environment(
        extra="langsmith",
        credentials=_key("LANGSMITH_API_KEY", "LANGCHAIN_API_KEY"),
        hides_variables=_NO_VARIABLES,
    ),
    "modal": Environment(
        extra="modal",
        credentials=(("MODAL_TOKEN_ID", "MODAL_TOKEN_SECRET"),),
        refused=_ONE_NETWORK,
        hides_variables=_NO_REQUIRED,
    ),
    "mosaic": Environment(extra="mosaic", credentials=_key("MOSAIC_API_TOKEN"), compose=False),
    "novita": Environment(
        extra="novita", credentials=_key("NOVITA_API_KEY"), hides_variables=_NO_VARIABLES
    ),
    "opensandbox": Environment(extra="opensandbox", compose=False),
    "openshift": Environment(local="the `oc` program, logged in", compose=False),
    "podman": Environment(
        local="the `podman` program and what it runs on",
        refused="it waits for ever for a service that others need healthy",
    ),
    "prime": Environment(extra="prime"),
    "runloop": Environment(extra="runloop", credentials=_key("RUNLOOP_API_KEY"), compose=False),
    "runta": Environment(
        extra="runta", credentials=_key("RUNTA_TOKEN"), hides_variables=_NO_VARIABLES
    ),
    "singularity": Environment(local="the `singularity` program", compose=False),
    "skypilot": Environment(
        extra="skypilot", credentials=_key("SKYPILOT_API_SERVER_ENDPOINT"), compose=False
    ),
    "smol": Environment(extra="smol", local="a machine that can run smolvm", compose=False),
    "tensorlake": Environment(
        extra="tensorlake",
        credentials=_key("TENSORLAKE_API_KEY"),
        hides_variables=_NO_VARIABLES,
    ),
    "use-computer": Environment(
        extra="use-computer", credentials=_key("USE_COMPUTER_API_KEY"), compose=False
    ),
    "vercel": Environment(
        extra="vercel", credentials=_key("VERCEL_TOKEN"), hides_variables=_NO_VARIABLES
    ),
}


def is_import_path(environment: str) -> bool:
    """True for `module:Class`, false for a name of Harbor's own."""
    return ":" in environment


def requirement_for(environment: str) -> str:
    """The Harbor to install for an environment: the known version, with the extra it needs."""
    known = ENVIRONMENTS.get(environment)
    extra = f"[{known.extra}]" if known and known.extra else ""
    return f"harbor{extra}=={HARBOR_VERSION}"


def has_extra(requirement: str, extra: str) -> bool:
    """Whether a requirement of the form `harbor[a,b]==1.0` brings an extra."""
    name = requirement.partition("==")[0]
    given = name.partition("[")[2].rstrip("]").split(",")
    return extra in given or (extra not in NOT_IN_UNIONS and any(u in given for u in UNIONS))


def why_not_outside(environment: str, *, secrets: bool) -> str | None:
    """Why a task of ours, with secrets or without, cannot run there as a whole; None if it can, or
    nothing is known."""
    known = ENVIRONMENTS.get(environment)
    if known is None:
        return None
    if not known.compose:
        return "it runs a single container, and this task has several"
    return known.refused or (known.hides_variables if secrets else None)


def refused_outside(*, secrets: bool) -> dict[str, list[str]]:
    """The environments in which our tasks cannot run, with secrets or without, by the reason."""
    found: dict[str, list[str]] = {}
    for name in ENVIRONMENTS:
        why = why_not_outside(name, secrets=secrets)
        if why is not None:
            found.setdefault(why, []).append(name)
    return found
