"""Which nodes may have guests that nobody has told of: what is not seen need not be missing."""

from __future__ import annotations

from pvekit.errors import Transient
from pvekit.inventory.model import Inventory


def unread(inventory: Inventory) -> tuple[str, ...]:
    """Return the configured nodes that do not answer and whose guests nobody tells.

    A member of a PVE cluster tells those of all, as long as it has quorum.
    """
    whole = {domain.key for domain in inventory.domains if domain.quorate}
    return tuple(
        node.alias
        for node in inventory.nodes
        if node.configured and not node.online and node.domain not in whole
    )


def unread_at(inventory: Inventory, place: str) -> tuple[str, ...]:
    """Return the unread nodes that a place may mean (all, if it is empty).

    What Proxmox VE calls them is not known: a word that is no other node's may be their name.
    """
    known = {name for node in inventory.nodes for name in (node.alias, node.name)}
    return tuple(a for a in unread(inventory) if place in ("", a) or place not in known)


def check_seen(inventory: Inventory, what: str, places: tuple[str, ...]) -> None:
    """Raise :class:`Transient` if ``what`` was not seen, but may be on one of these nodes."""
    if not places:
        return
    do, there = ("does", "there") if len(places) == 1 else ("do", "on one of them")
    whys = tuple(f"{alias}: " for alias in places)
    raise Transient(
        f"Cannot tell whether there is {what}: {', '.join(places)} {do} not answer, and it may lie "
        f"{there}.",
        details="\n".join(each for each in inventory.problems if each.startswith(whys)),
        hint="Nothing was sent. `pvekit doctor` says more of the node; then run the same again.",
        id="NODE-SILENT",
    )
