"""Decides where the images of templates come from: measures on the nodes, and compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pvekit.errors import PvekitError
from pvekit.inventory.model import Inventory, NodeState
from pvekit.operations.desk import Desk
from pvekit.plan import Ask
from pvekit.pve import files, rates
from pvekit.pve.rates import Piece
from pvekit.run.gather import gather
from pvekit.templates import origins
from pvekit.templates.origins import Origin, Rates

T = TypeVar("T")

MOST = 8
"""So many nodes at most copy at once while that is measured: sshd turns away some of many."""

Place = tuple[str, str]
"""Where an image is to be: the alias of the node, and the path there."""


class Unmeasured(Exception):
    """What is needed cannot be measured; the message says why."""


def decided(
    desk: Desk, inventory: Inventory, wanted: Mapping[Place, str], known: Mapping[Place, Origin]
) -> dict[Place, Origin]:
    """Return where each image comes from; ``wanted`` has their URLs, ``known`` stays as it is.

    Only members of one PVE cluster copy from each other, and only where that was measured to be
    faster. Measuring reads, takes some seconds, and is left out where nothing can come of it. What
    cannot be measured is downloaded.
    """
    found = {place: known.get(place, Origin()) for place in wanted}
    groups: dict[tuple[str, str], list[NodeState]] = {}
    for place in wanted.keys() - known.keys():
        node = inventory.node(place[0])
        if node is not None:
            groups.setdefault((node.domain, place[1]), []).append(node)
    for (domain, path), nodes in groups.items():
        there = inventory.domain(domain)
        if there is not None and there.clustered:
            members = [n for n in inventory.nodes if n.domain == domain and n.configured]
            nodes.sort(key=members.index)
            url = wanted[nodes[0].alias, path]
            group = _Group(desk, url, path, nodes, members)
            found |= {(alias, path): origin for alias, origin in group.origins().items()}
    return found


@dataclass(frozen=True)
class _Group:
    """The ``nodes`` of a PVE cluster that want an image, and its ``members`` that may have it."""

    desk: Desk
    url: str
    path: str
    nodes: Sequence[NodeState]
    members: Sequence[NodeState]

    def origins(self) -> dict[str, Origin]:
        """Return where each of them gets the image from, by its alias."""
        if len(self.members) < 2:
            return {}
        holders = self._holders()
        needing = [node for node in self.nodes if node not in holders]
        if not needing or len(needing) + len(holders) == 1:
            return {}
        try:
            return self._compared(needing, holders)
        except Unmeasured as error:
            why = f"it was not measured whether copying is faster: {error}"
            return {node.alias: Origin(why=why) for node in needing}

    def _holders(self) -> list[NodeState]:
        """Return who has the verified image: it gets its name only then."""
        asked = {n.alias: files.there(n.alias, self.path) for n in self.members if n.online}
        answers = gather(self.desk.site, asked, self.desk.clock, self.desk.policy)
        return [node for node in self.members if answers.get(node.alias) is True]

    def _compared(
        self, needing: Sequence[NodeState], holders: Sequence[NodeState]
    ) -> dict[str, Origin]:
        """Measure both ways, and return the faster one for all nodes that need the image."""
        pieces = self._downloads(needing)
        size, together = pieces[0].size, min(piece.rate for piece in pieces)
        if why := origins.quick(size, together, len(needing)):
            return {node.alias: Origin(why=why) for node in needing}
        source = (*holders, *needing)[0]
        copying = [node for node in needing if node is not source]
        alone = None if holders else self._downloads([source])[0].rate
        asked = copying[:MOST]
        between = min(self._copies(asked, source))
        measured = Rates(size, len(needing), together, alone, between, len(asked))
        why = measured.why(source.alias)
        handed = Origin(source.alias, source.name, why) if measured.worth else Origin(why=why)
        return {n.alias: handed if n in copying else Origin(why=why) for n in needing}

    def _downloads(self, nodes: Sequence[NodeState]) -> list[Piece]:
        """Return how a piece of the image comes to each of these nodes while it comes to all."""
        pieces = self._told({n.alias: rates.download(n.alias, self.url) for n in nodes})
        for alias, piece in pieces.items():
            if piece.why:
                raise Unmeasured(f"{alias}: {piece.why}")
        return list(pieces.values())

    def _copies(self, nodes: Sequence[NodeState], source: NodeState) -> list[float]:
        """Return what each of these nodes gets from another while all do, in bytes per second."""
        return list(self._told({n.alias: rates.copy(n.alias, source.name) for n in nodes}).values())

    def _told(self, questions: Mapping[str, Ask[T]]) -> dict[str, T]:
        answers = gather(self.desk.site, questions, self.desk.clock, self.desk.policy, once=True)
        found: dict[str, T] = {}
        for alias, answer in answers.items():
            if isinstance(answer, PvekitError):
                told = (answer.details.strip() or answer.brief).splitlines()
                raise Unmeasured(f"{alias}: {told[-1]}")
            found[alias] = answer
        return found
