"""The privileges that Proxmox VE knows, and the roles that it makes of them itself."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Privileges = frozenset[str]


@dataclass(frozen=True)
class Group:
    """The privileges of one category, by who is meant to have them."""

    root: tuple[str, ...] = ()
    admin: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    audit: tuple[str, ...] = ()

    def all(self) -> Iterator[str]:
        """Return the privileges of all."""
        yield from (*self.root, *self.admin, *self.user, *self.audit)


_VM_ADMIN = (
    *("VM.Config.Disk", "VM.Config.CPU", "VM.Config.Memory", "VM.Config.Network"),
    *("VM.Config.HWType", "VM.Config.Options", "VM.Allocate", "VM.Clone", "VM.Migrate"),
    *("VM.Snapshot", "VM.Snapshot.Rollback"),
)
_VM_USER = (*("VM.Config.CDROM", "VM.Config.Cloudinit", "VM.Console", "VM.Backup", "VM.PowerMgmt"),)
_NINE_ADMIN = (
    *("VM.Replicate", "VM.GuestAgent.FileRead", "VM.GuestAgent.FileWrite"),
    *("VM.GuestAgent.FileSystemMgmt", "VM.GuestAgent.Unrestricted"),
)
_COMMON = {
    "Sys": Group(
        ("Sys.PowerMgmt", "Sys.Modify", "Sys.Incoming", "Sys.AccessNetwork"),
        ("Sys.Console", "Sys.Syslog"),
        (),
        ("Sys.Audit",),
    ),
    "Datastore": Group(
        (),
        ("Datastore.Allocate", "Datastore.AllocateTemplate"),
        ("Datastore.AllocateSpace",),
        ("Datastore.Audit",),
    ),
    "SDN": Group((), ("SDN.Allocate", "SDN.Audit"), ("SDN.Use",), ("SDN.Audit",)),
    "User": Group(
        ("Realm.Allocate",), ("User.Modify", "Group.Allocate", "Realm.AllocateUser"), (), ()
    ),
    "Pool": Group((), ("Pool.Allocate",), ("Pool.Audit",), ("Pool.Audit",)),
    "Mapping": Group((), ("Mapping.Modify",), ("Mapping.Use",), ("Mapping.Audit",)),
}
_VM = {
    "8": Group((), (*_VM_ADMIN, "VM.Monitor"), _VM_USER, ("VM.Audit",)),
    "9": Group((), (*_VM_ADMIN, *_NINE_ADMIN), _VM_USER, ("VM.Audit", "VM.GuestAgent.Audit")),
}


def _groups(version: str) -> dict[str, Group]:
    return {"VM": _VM[version[0]], **_COMMON}


@functools.cache
def privileges(version: str) -> Privileges:
    """Return all privileges of a version."""
    known = {name for group in _groups(version).values() for name in group.all()}
    return frozenset(known | {"Permissions.Modify"})


@functools.cache
def builtin(version: str) -> Mapping[str, Privileges]:
    """Return the roles that nobody can change, by id."""
    groups = _groups(version)
    roles: dict[str, Privileges] = {
        "NoAccess": frozenset(),
        "Administrator": privileges(version),
        "PVETemplateUser": frozenset({"VM.Clone", "VM.Audit"}),
        "PVEAuditor": frozenset(name for group in groups.values() for name in group.audit),
    }
    everything: set[str] = set()
    for category, group in groups.items():
        admin = frozenset((*group.admin, *group.user, *group.audit))
        everything |= admin
        roles[f"PVE{category}Admin"] = admin
        if group.user:
            roles[f"PVE{category}User"] = frozenset((*group.user, *group.audit))
    # Mappings of hardware stay with those who administer them.
    roles["PVEAdmin"] = frozenset(everything - {"Mapping.Modify"})
    return roles
