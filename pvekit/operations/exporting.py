"""``vm export``: a fleet file of the VMs that are there."""

from __future__ import annotations

from typing import Any

from pvekit.errors import Conflict, NotFound
from pvekit.fleet.export import document
from pvekit.operations.desk import Desk
from pvekit.operations.listing import vm_of
from pvekit.operations.selecting import Wanted, check_unseen, find, selection

NAMELESS = "exported"
"""The fleet of a file whose VMs belong to none yet."""


def exported(desk: Desk, wanted: Wanted, name: str = "", *, fleet: str = "") -> dict[str, Any]:
    """Return the content of a fleet file of our VMs; ``fleet`` selects those of one.

    Raises :class:`Conflict` for VMs of several fleets, which no file can describe, and
    :class:`Transient` where VMs that are meant may be on a node that does not answer: applying a
    file without them could remove them.
    """
    inventory = desk.inventory()
    meant = selection(wanted)
    if meant.terms:
        check_unseen(inventory, meant, "a further VM of ours")
    vms = [vm_of(inventory, each) for each in find(inventory, wanted)]
    if fleet:
        vms = [vm for vm in vms if vm.own.fleet == fleet]
        if not vms:
            raise NotFound(f"There is no VM of the fleet {fleet!r}.", id="VM-NOT-FOUND")
    fleets = sorted({vm.own.fleet for vm in vms if vm.own.fleet})
    if len(fleets) > 1 or (name and fleets and fleets != [name]):
        raise Conflict(
            f"These VMs are of the fleets {', '.join(fleets)}: no one file can describe them.",
            hint="Say which with --fleet.",
            id="FLEET-OTHER",
        )
    return document(name or (fleets[0] if fleets else NAMELESS), vms)
