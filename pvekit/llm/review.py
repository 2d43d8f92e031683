"""What is wrong with a proposal, by code: bounds, the class's floor, the nodes, the statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from pvekit.inventory.model import Inventory
from pvekit.sizing.size import Size


@dataclass(frozen=True)
class Bounds:
    """The least and the most of each number, each with why."""

    least: Size
    most: Size
    why: Mapping[str, str]


def bounds(
    answer: Size, *, statistical: frozenset[str], small: Size, large: Size, floor: Size
) -> Bounds:
    """Return the bounds around the answer so far.

    ``statistical`` are its numbers that history or figures speak for: half to twice of these; the
    others lie between the presets. Nothing is below the floor.
    """
    least, most, why = {}, {}, {}
    for name in (field.name for field in fields(Size)):
        value, low, high = (getattr(size, name) for size in (answer, small, large))
        if name in statistical:
            least[name], most[name] = (value + 1) // 2, value * 2
            why[name] = f"half to twice {value}, which history or figures say"
        else:
            least[name], most[name] = min(low, value), max(high, value)
            why[name] = "the presets small and large"
        least[name] = max(least[name], getattr(floor, name))
        most[name] = max(most[name], least[name])
    return Bounds(Size(**least), Size(**most), why)


def findings(size: Size, within: Bounds, room: Size) -> list[str]:
    """Return what is wrong with a size, in words for who proposed it; nothing if it is valid."""
    found = []
    for name in (field.name for field in fields(Size)):
        value = getattr(size, name)
        least, most = getattr(within.least, name), getattr(within.most, name)
        if not least <= value <= most:
            found.append(f"{name} {value} is not within {least} and {most} ({within.why[name]})")
        if value > getattr(room, name):
            found.append(f"{name} {value} fits no node: at most {getattr(room, name)}")
    return found


def room(inventory: Inventory, answer: Size) -> Size:
    """Return the most that any one node could give, but no less than the answer so far.

    Whether there really is a place is placement's to say; here only the absurd is kept out.
    """
    nodes = [node for node in inventory.nodes if node.configured and node.online]
    cpus = max((node.cpus or 0 for node in nodes), default=0)
    memory = max(((n.memory_mb or 0) - inventory.memory_given_mb(n) for n in nodes), default=0)
    states = [state for storage in inventory.storages for state in storage.states.values()]
    disk = max((state.free >> 30 for state in states), default=0)
    return Size(max(cpus, answer.cpus), max(memory, answer.memory_mb), max(disk, answer.disk_gb))
