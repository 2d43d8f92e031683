"""Whether a site is still what the copy of a template was decided for. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from pvekit.inventory.model import Inventory
from pvekit.templates.spec import Copy, TemplateSpec
from pvekit.vms import fit
from pvekit.vms.fit import Difference


def site(spec: TemplateSpec, at: Copy, inventory: Inventory, *, done: bool) -> Iterator[Difference]:
    """Yield what on the site is not as it was when this copy was decided.

    ``done``: its VM had been created.
    """
    moved = [*fit.node(at.node, at.pve_node, inventory)]
    home = fit.configured(at.node, inventory)
    yield from moved
    if home is None or moved:
        return
    yield from fit.guest((at.vmid, spec.name, at.run), home.domain, inventory, done=done)
    vm = inventory.vm(home.domain, at.vmid)
    if vm is None:
        bridge = spec.build_bridge if spec.way == "boot" else spec.bridge
        yield from fit.place(home, spec.storage, bridge, inventory)
    elif fit.made_by(vm, at.run, inventory) and vm.node != at.pve_node:
        yield Difference(f"VM {at.vmid}", f"on {at.pve_node}", f"on {vm.node}")
