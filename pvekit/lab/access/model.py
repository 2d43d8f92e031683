"""What ``user.cfg`` says: users with their tokens, groups, pools, roles and the ACL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["user", "group", "token"]
KINDS: tuple[Kind, ...] = ("user", "group", "token")


@dataclass
class Token:
    """An API token of a user; what was not said is None."""

    privsep: bool = True
    expire: int | None = None
    comment: str = ""


@dataclass
class User:
    """A user; ``expire`` and ``email`` are None where the file says nothing."""

    enable: bool = True
    expire: int | None = None
    firstname: str = ""
    lastname: str = ""
    email: str | None = None
    comment: str = ""
    keys: str = ""
    tokens: dict[str, Token] = field(default_factory=dict)


@dataclass
class Team:
    """A group of users."""

    users: set[str] = field(default_factory=set)
    comment: str = ""


@dataclass
class ResourcePool:
    """A pool with the VMs and storages in it."""

    vms: set[int] = field(default_factory=set)
    storages: set[str] = field(default_factory=set)
    comment: str = ""


@dataclass(frozen=True, order=True)
class Entry:
    """One entry of the ACL: who has which role on a path, and below it if it propagates."""

    path: str
    kind: Kind
    subject: str
    role: str
    propagate: bool


@dataclass
class Acl:
    """The access control list: propagation by role, by kind and subject, by path."""

    paths: dict[str, dict[tuple[Kind, str], dict[str, bool]]] = field(default_factory=dict)

    def set(self, entry: Entry) -> None:
        """Add an entry or change its propagation."""
        subjects = self.paths.setdefault(entry.path, {})
        subjects.setdefault((entry.kind, entry.subject), {})[entry.role] = entry.propagate

    def remove(self, path: str, kind: Kind, subject: str, role: str) -> None:
        """Take an entry away, if it is there."""
        self.paths.get(path, {}).get((kind, subject), {}).pop(role, None)

    def forget(self, kind: Kind, subject: str) -> None:
        """Take all entries of a subject away."""
        for subjects in self.paths.values():
            subjects.pop((kind, subject), None)

    def forget_path(self, path: str) -> None:
        """Take all entries of a path and below it away."""
        for known in [p for p in self.paths if p == path or p.startswith(f"{path}/")]:
            del self.paths[known]

    def at(self, path: str, kind: Kind, subject: str) -> dict[str, bool]:
        """Return the roles with their propagation that a subject has on exactly a path."""
        return self.paths.get(path, {}).get((kind, subject), {})

    def nodes(self) -> list[str]:
        """Return all paths of the tree, those in between too, parents first."""
        found = {"/"}
        for path in self.paths:
            parts = [part for part in path.split("/") if part]
            found |= {"/" + "/".join(parts[: i + 1]) for i in range(len(parts))}
        return sorted(found, key=lambda path: path.strip("/").split("/"))

    def entries(self) -> Iterator[Entry]:
        """Return all entries, path by path."""
        for path in self.nodes():
            for kind in KINDS:
                subjects = self.paths.get(path, {})
                for found, subject in sorted(key for key in subjects if key[0] == kind):
                    for role, propagate in sorted(subjects[(found, subject)].items()):
                        yield Entry(path, found, subject, role, propagate)


@dataclass
class UserConfig:
    """The whole file; ``roles`` are those that somebody made, not the built-in ones."""

    users: dict[str, User] = field(default_factory=dict)
    groups: dict[str, Team] = field(default_factory=dict)
    pools: dict[str, ResourcePool] = field(default_factory=dict)
    roles: dict[str, set[str]] = field(default_factory=dict)
    acl: Acl = field(default_factory=Acl)
    warnings: list[str] = field(default_factory=list)

    def pool_of(self, vmid: int) -> str:
        """Return the pool that a VM is in, or nothing."""
        return next((name for name, pool in self.pools.items() if vmid in pool.vms), "")

    def groups_of(self, user: str) -> list[str]:
        """Return the groups that a user is in."""
        return sorted(name for name, team in self.groups.items() if user in team.users)
