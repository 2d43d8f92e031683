"""Which nodes of a PVE cluster see each other, and whether they have quorum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Member:
    """A node of the PVE cluster."""

    name: str
    number: int
    address: str


@dataclass
class Membership:
    """The members, after what is up and what is cut off from the others now.

    ``name`` is the PVE cluster's, empty on a standalone node. ``changes`` counts how often the
    view changed. Call :meth:`forget` when ``up`` or ``cut_off`` may tell something else.
    """

    name: str
    members: Sequence[Member]
    up: Callable[[str], bool]
    cut_off: Callable[[str], bool]
    changes: int = 5
    _last: frozenset[str] = field(default_factory=frozenset)
    _seen: dict[str, frozenset[str]] = field(default_factory=dict)

    def forget(self) -> None:
        """Look anew at who is there."""
        self._seen.clear()

    def seen(self, viewer: str = "") -> frozenset[str]:
        """Return the members that one of them sees online; without a name: the larger part."""
        if viewer not in self._seen:
            self._seen[viewer] = self._look(viewer)
        return self._seen[viewer]

    def _look(self, viewer: str) -> frozenset[str]:
        if viewer and (self.cut_off(viewer) or not self.up(viewer)):
            return frozenset((viewer,)) if self.up(viewer) else frozenset()
        return frozenset(
            member.name
            for member in self.members
            if self.up(member.name) and not self.cut_off(member.name)
        )

    def online(self, name: str, viewer: str = "") -> bool:
        """Tell whether a member is online, as one of them sees it."""
        return name in self.seen(viewer)

    def quorate(self, viewer: str = "") -> bool:
        """Tell whether a member has quorum; without a name: whether any part has."""
        if not self.name:
            return not self.cut_off(self.members[0].name)
        if viewer and self.cut_off(viewer):
            return False
        return len(self.seen(viewer)) > len(self.members) // 2

    def version(self) -> int:
        """Return the count of changes that ``.members`` tells."""
        seen = self.seen()
        if seen != self._last:
            self.changes += bool(self._last)
            self._last = seen
        return self.changes

    def text(self, viewer: str) -> str:
        """Return the content of ``.members`` on one of them."""
        head = f'{{\n"nodename": "{viewer}",\n"version": {self.version() if self.name else 0}'
        if not self.name:
            return f"{head}\n}}\n"
        seen = self.seen(viewer)
        nodes = ",\n".join(
            f'  "{member.name}": {{ "id": {member.number}, "online": '
            f'{int(member.name in seen)}, "ip": "{member.address}"}}'
            for member in self.members
        )
        count = len(self.members)
        return (
            f'{head},\n"cluster": {{ "name": "{self.name}", "version": {count}, '
            f'"nodes": {count}, "quorate": {int(self.quorate(viewer))} }},\n'
            f'"nodelist": {{\n{nodes}\n  }}\n}}\n'
        )
