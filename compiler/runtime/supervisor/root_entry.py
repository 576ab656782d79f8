"""A command that was started as root: gives up root before it does anything that root need not."""

from __future__ import annotations

import os
from collections.abc import Sequence

from .names import ROOT_PROFILE, is_profile_name
from .ownership import mend_tree
from .places import OWN, PROFILES
from .plan import Plan
from .user import find_owner, give_up_root, tree_owner


def become_service(plan: Plan, profiles: Sequence[str]) -> None:
    """Becomes the service's user; what root left in these profiles is given back to it first.

    Whose the running tree is comes before what the plan says: a container may run as another user.
    """
    if os.geteuid() != 0:
        return
    owner = tree_owner(plan.scandir) or find_owner(plan.user)
    for below in ((), (OWN,), (PROFILES,), ("logs",), ("logs", "gateways")):
        mend_tree(plan.home, owner, *below, deep=False)
    for name in filter(is_profile_name, profiles):
        mend_tree(plan.home, owner, *(() if name == ROOT_PROFILE else (PROFILES, name)))
    give_up_root(owner)
