"""Which of our templates a command line means."""

from __future__ import annotations

from collections.abc import Sequence

from pvekit.errors import NotFound
from pvekit.inventory.model import Inventory, Vm
from pvekit.inventory.unread import check_seen, unread_at


def chosen(inventory: Inventory, wanted: Sequence[str]) -> list[Vm]:
    """Return our templates that words mean: a name means all its copies; no word means all.

    A word is a name, a vmid, ``NODE/NAME`` or ``NODE/VMID``. Raises :class:`NotFound` for one that
    means none, :class:`Transient` for one that may lie on a node that does not answer.
    """
    ours = inventory.templates()
    found: dict[tuple[str, int], Vm] = {}
    for word in wanted:
        meant = [vm for vm in ours if _is_meant(vm, word, inventory)]
        if not meant:
            unseen = unread_at(inventory, word.rpartition("/")[0])
            check_seen(inventory, f"a template {word!r} of pvekit's", unseen)
            known = sorted({vm.name for vm in ours})
            raise NotFound(
                f"There is no template {word!r} of pvekit's.",
                details=f"There are {', '.join(known)}." if known else "There are none.",
                hint="See `pvekit template list`; another's template is never touched.",
                id="TEMPLATE-NOT-FOUND",
            )
        found |= {vm.key: vm for vm in meant}
    return list(found.values()) if wanted else list(ours)


def _is_meant(vm: Vm, word: str, inventory: Inventory) -> bool:
    place, _, name = word.rpartition("/")
    there = not place or place in (vm.node, inventory.alias_of(vm))
    return there and name in (vm.name, str(vm.vmid))
