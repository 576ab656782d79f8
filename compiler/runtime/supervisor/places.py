"""Where things lie in a home and in a scandir."""

from __future__ import annotations

from .names import ROOT_PROFILE, slot_name
from .plan import Plan

# The supervisor's own files in a profile's folder, in the home, and in the scandir, whose names
# with a dot s6-svscan does not look at.
OWN = ".mooring"
PROFILES = "profiles"
# What a gateway leaves when it is killed, and the next one would take for its own.
STALE = ("gateway.pid", "processes.json")
# Where the older format kept what its gateway last was.
LEGACY_STATE = "gateway_state.json"
# A profile that was deleted with its data kept has this file of ours.
DELETED = "deleted"
# A folder on its way out, below profiles/.
TRASH = ".trash-"


def profile_folder(plan: Plan, name: str) -> str:
    """The folder of a profile; that of `default` is the home."""
    return plan.home if name == ROOT_PROFILE else f"{plan.home}/{PROFILES}/{name}"


def own_file(folder: str, name: str) -> str:
    """A file of the supervisor's in a profile's folder or in the home."""
    return f"{folder}/{OWN}/{name}"


def slot_folder(plan: Plan, name: str) -> str:
    """The slot of a profile."""
    return f"{plan.scandir}/{slot_name(name)}"


def log_folder(plan: Plan, name: str) -> str:
    """Where the logger of a profile writes; its newest file is `current`."""
    return f"{plan.home}/logs/gateways/{name}"


def boot_log(plan: Plan) -> str:
    """One line a profile and boot."""
    return f"{plan.home}/logs/container-boot.log"
