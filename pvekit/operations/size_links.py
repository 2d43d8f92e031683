"""The chain that chooses sizes, with what this site and its configuration have to say."""

from __future__ import annotations

from pvekit.inventory.model import Inventory
from pvekit.operations import size_history
from pvekit.operations.desk import Desk
from pvekit.sizing import Link


def links(desk: Desk, inventory: Inventory) -> tuple[Link, ...]:
    """Return the links before the presets, the one that is heard last at the end."""
    return (size_history.link(desk, inventory),)
