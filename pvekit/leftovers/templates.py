"""Templates that a newer generation has taken the place of."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pvekit.inventory.model import NodeState, Vm
from pvekit.leftovers.model import LeftAlone, Leftover, View
from pvekit.leftovers.owners import Owners
from pvekit.leftovers.vms import Item, subject
from pvekit.plan import Guard, Step
from pvekit.pve import goals, qm
from pvekit.pve.stored import CSI_VMID
from pvekit.templates.decide import Wish, linked_clones
from pvekit.vms.sources import made_at


@dataclass(frozen=True)
class Generations:
    """Judges our templates."""

    view: View
    owners: Owners

    def superseded(self, judged: Collection[Item]) -> Iterator[Item]:
        """Yield older generations of templates of which a wanted one is there and stays."""
        going = {each.subject for each in judged if isinstance(each, Leftover)}
        for wish in self.view.wishes:
            for vm in self._of(wish, going):
                node = self.view.inventory.node_of(vm)
                kept = self._keeper(wish, vm, going)
                if node is not None and kept is not None:
                    yield from self._older(vm, node, kept)

    def _of(self, wish: Wish, going: set[str]) -> list[Vm]:
        """Return our templates of a wish's name that are not going anyway."""
        found = []
        for vm in self.view.inventory.templates():
            node = self.view.inventory.node_of(vm)
            read = node is not None and node.alias in self.view.local
            stays = node is not None and subject(vm.vmid, node.alias) not in going
            if vm.mark and vm.mark.name == wish.name and read and stays and vm.vmid != CSI_VMID:
                found.append(vm)
        return found

    def _keeper(self, wish: Wish, vm: Vm, going: set[str]) -> Vm | None:
        """Return the template that serves instead of this one: wanted, whole, and newer."""
        serving = [
            each
            for each in self._of(wish, going)
            if each.mark
            and each.mark.digest == wish.digest
            and each.domain == vm.domain
            and (each.node == vm.node or self.view.inventory.is_shared(each))
            and not each.lock
        ]
        newest = max(serving, key=lambda each: (made_at(each), each.vmid), default=None)
        if newest is None or newest.vmid == vm.vmid or made_at(newest) < made_at(vm):
            return None
        return newest

    def _older(self, vm: Vm, node: NodeState, kept: Vm) -> Iterator[Item]:
        title = f"template {vm.name} (VM {vm.vmid})"
        if reason := self._in_use(vm):
            yield LeftAlone(title, node.alias, reason, f"qm config {vm.vmid}")
            return
        key = subject(vm.vmid, node.alias)
        guard = Guard("template", vm.vmid, vm.name, digest=vm.config.digest)
        gone = goals.removed(node.alias, vm.vmid, vm.name)
        lasting = "the template does not come back"
        yield Leftover(
            subject=key,
            kind="old template",
            what=title,
            node=node.alias,
            ours="its mark says so",
            unused=f"VM {kept.vmid} is newer, and no linked clone needs the old one",
            size_bytes=sum(volume.size_bytes for volume in vm.volumes.values()),
            steps=(Step(key, "destroy", node.alias, gone, (qm.destroy(guard),), lasting=lasting),),
        )

    def _in_use(self, vm: Vm) -> str:
        if vm.lock or vm.config.values.get("protection") == "1":
            return "it is locked or protected"
        for clone in linked_clones(vm, self.view.inventory):
            return f"VM {clone.vmid} ({clone.name}) is a linked clone of it"
        runs = self.view.runs.values()
        users = [run.run for run in runs if run.state == "live" and vm.vmid in run.templates]
        if users or self.owners.any_at_work(vm.domain):
            return f"run {users[0] if users else 'of somebody'} may be cloning it"
        return ""
