"""Groups that have nobody in them but one user, as most distributions give each user one.

Under their umask of 002 such a group can write all that its user makes: nobody else can.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
from functools import cache
from pathlib import Path

from pvekit.deadlines import bounded

PATIENCE = 2.0
"""How long users and groups may be looked up, in seconds: a directory server may be away."""

_USERS = Path("/etc/passwd")
_ACLS = frozenset(("system.posix_acl_access", "system.nfs4_acl"))


def only_its_owner(found: os.stat_result, where: int | Path) -> bool:
    """Whether the group of a file or directory of ours, ``where``, lets in nobody but us.

    Where that cannot be told, it does not.
    """
    if found.st_uid != os.geteuid() or _has_acl(where):
        return False
    return _is_private(found.st_uid, found.st_gid)


def _has_acl(where: int | Path) -> bool:
    """Whether further users may have rights: the group's bits then stand for theirs as well."""
    try:
        return bool(_ACLS & set(os.listxattr(where)))
    except AttributeError:  # only Linux tells
        return False
    except OSError as error:
        return error.errno != errno.ENOTSUP


@cache
def _is_private(user: int, group: int) -> bool:
    """Whether a group is its user's first one, is named after him, and has nobody else in it.

    The name counts because a directory server need not tell whose first group it is. Group 0 is
    nobody's own: containers run users in it that are written down nowhere.
    """
    if group == 0:
        return False
    try:
        return bounded(lambda: _is_named_alike(user, group), PATIENCE) and not _others(user, group)
    except (KeyError, OSError, ValueError):  # a TimeoutError is an OSError
        return False


def _is_named_alike(user: int, group: int) -> bool:
    """Ask for one of each only: to list all of them holds the interpreter's lock meanwhile."""
    owner, own = pwd.getpwuid(user), grp.getgrgid(group)
    is_first = owner.pw_gid == group and own.gr_name == owner.pw_name
    return is_first and set(own.gr_mem) <= {owner.pw_name}


def _others(user: int, group: int) -> bool:
    """Whether this machine has another user with this as the first group."""
    lines = _USERS.read_bytes().decode(errors="replace").splitlines()
    users = (line.split(":") for line in lines if line.count(":") >= 3)
    return any(int(each[3]) == group and int(each[2]) != user for each in users if each[3])
