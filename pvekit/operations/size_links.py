"""The chain that chooses sizes, with what this site and its configuration have to say."""

from __future__ import annotations

from collections.abc import Callable

from pvekit.inventory.model import Inventory
from pvekit.operations.desk import Desk
from pvekit.operations.size_history import History
from pvekit.sizing import Link


def links(
    desk: Desk, inventory: Inventory, seconds: Callable[[], float] | None = None
) -> tuple[Link, ...]:
    """Return the links before the presets, the one that is heard last at the end.

    ``seconds`` tells the time that is left for a model, where several sizes share it.
    """
    history = History(desk, inventory)
    if not desk.config.llm.model:
        return (history.link,)
    from pvekit.operations import size_model

    return (history.link, size_model.link(desk, inventory, history, seconds))
