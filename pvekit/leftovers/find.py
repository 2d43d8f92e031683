"""All that is left over on a site. Pure: what was read goes in, a judgement comes out."""

from __future__ import annotations

from collections.abc import Iterable

from pvekit.leftovers.files import Files
from pvekit.leftovers.model import Found, LeftAlone, Leftover, View
from pvekit.leftovers.owners import Owners
from pvekit.leftovers.templates import Generations
from pvekit.leftovers.vms import Item, Vms
from pvekit.plan import Plan


def find(view: View) -> Found:
    """Judge what was read: what is ours and over, and what may be but cannot be told."""
    owners = Owners(view)
    vms, files = Vms(view, owners), Files(view, owners)
    items: list[Item] = list(vms.found())
    images = list(vms.images(items))
    items += images
    items += Generations(view, owners).superseded(items)
    items += files.downloads()
    items += files.claims(items)
    items += files.jobs()
    return Found(
        tuple(each for each in items if isinstance(each, Leftover)),
        tuple(each for each in items if isinstance(each, LeftAlone)),
    )


def plan(leftovers: Iterable[Leftover]) -> Plan:
    """Return the plan that removes leftovers, each vmid's in a safe order.

    Disks that no config names go while what is left of the config still keeps the vmid ours; the
    claims go last.
    """
    order = {"volume": 0, "claim": 2}
    ranked = sorted(leftovers, key=lambda each: order.get(each.kind, 1))
    return Plan(tuple(step for each in ranked for step in each.steps))
