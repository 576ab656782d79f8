"""Giving root up for good."""

from __future__ import annotations

import os
import pwd

from .ownership import Owner


class NoUser(Exception):
    """The image does not have the user, or has it as root."""


def find_owner(name: str) -> Owner:
    """The user and group ids of the service's user."""
    try:
        found = pwd.getpwnam(name)
    except KeyError as error:
        raise NoUser(f"this image has no user {name}") from error
    if found.pw_uid == 0:
        raise NoUser(f"the user {name} is root")
    return Owner(found.pw_uid, found.pw_gid)


def tree_owner(scandir: str) -> Owner | None:
    """Whose the running tree is; None when there is none, or root's."""
    try:
        found = os.lstat(scandir)
    except OSError:
        return None
    return Owner(found.st_uid, found.st_gid) if found.st_uid != 0 else None


def give_up_root(owner: Owner) -> None:
    """Changes all ids of this process; there is no way back."""
    try:
        name = pwd.getpwuid(owner.uid).pw_name
        os.initgroups(name, owner.gid)
    except KeyError:
        os.setgroups([owner.gid])
    os.setresgid(owner.gid, owner.gid, owner.gid)
    os.setresuid(owner.uid, owner.uid, owner.uid)
    if 0 in os.getresuid() or 0 in os.getresgid():
        raise NoUser("root was not given up")
