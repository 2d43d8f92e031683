"""VMs, templates and stubs that runs did not finish, and disk images that no config names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pvekit.inventory.model import NodeState, Vm
from pvekit.leftovers.model import LeftAlone, Leftover, View
from pvekit.leftovers.owners import Owner, Owners
from pvekit.plan import Guard, Step
from pvekit.pve import goals, qm, stored, volumes
from pvekit.pve.stored import CSI_VMID, Stored

USED_AFTER = 24 * 3600.0
"""A VM that stands whole for so long, in seconds, is taken as used, whatever its run's journal."""

_MAKING = frozenset(("clone", "create", "destroyed"))

Item = Leftover | LeftAlone


def subject(vmid: int, node: str) -> str:
    """Return what the plan's steps call all that belongs to one vmid."""
    return f"gc/VM {vmid} on {node}"


@dataclass(frozen=True)
class Vms:
    """Judges VMs and disk images."""

    view: View
    owners: Owners

    def found(self) -> Iterator[Item]:
        """Yield what runs did not finish, be it a whole VM or what a dead clone has left."""
        for vm in self.view.inventory.vms:
            node = self.view.inventory.node_of(vm)
            if vm.kind == "qemu" and vm.vmid != CSI_VMID and node and node.alias in self.view.local:
                yield from self._vm(vm, node)

    def _vm(self, vm: Vm, node: NodeState) -> Iterator[Item]:
        run = self._run(vm)
        title = f"VM {vm.vmid} ({vm.name or 'no name yet'})"
        look = f"qm config {vm.vmid}"
        if not run:
            if vm.config.is_stub and not self._held(vm, node):
                why = "not provably ours: it has neither a mark nor a claim"
                yield LeftAlone(f"{title}, {vm.lock or 'empty'}", node.alias, why, look)
            return
        owner = self.owners.of(run)
        if owner.state == "unknown":
            if vm.config.is_stub and not owner.recent:
                yield LeftAlone(title, node.alias, owner.why, look, run)
            return
        if owner.state == "live" or (owner.state == "finished" and not vm.config.is_stub):
            return
        if reason := self._spared(vm, node, owner):
            yield LeftAlone(title, node.alias, reason, look, run)
        elif not self._kept(vm, run):
            yield self._unfinished(vm, node, owner, title)

    def _run(self, vm: Vm) -> str:
        """Return the run that made a VM: after its own mark or, of a bare stub, after the claim."""
        given = vm.mark
        if given is not None and (given.vmid, given.name) == (vm.vmid, vm.name):
            return given.run
        claim = self.owners.claim(vm.domain, vm.vmid)
        return claim.run if vm.config.is_stub and given is None and claim is not None else ""

    def _held(self, vm: Vm, node: NodeState) -> bool:
        return self.view.local[node.alias].locks.get(vm.vmid, False)

    def _kept(self, vm: Vm, run: str) -> bool:
        made = self.owners.made(run, vm.vmid)
        return made is not None and made.kept

    def _spared(self, vm: Vm, node: NodeState, owner: Owner) -> str:
        """Say why a VM of a run that is over is left alone, if it is."""
        if owner.busy:
            return owner.busy
        if self._held(vm, node):
            return "it is still being made: somebody holds its lock"
        if vm.lock and vm.lock not in _MAKING:
            return f"it is locked ({vm.lock}): somebody is at work on it"
        if vm.config.values.get("protection") == "1":
            return "it is protected (protection: 1)"
        whole = not vm.lock and self.owners.claim(vm.domain, vm.vmid) is None
        last = self.owners.last(owner.run)
        if whole and last and self.view.now - last > USED_AFTER:
            return f"it stands whole for over a day: used, although {owner.why}"
        return ""

    def _unfinished(self, vm: Vm, node: NodeState, owner: Owner, title: str) -> Leftover:
        marked = vm.mark is not None
        by = "its mark" if marked else "the claim of its vmid"
        guard = Guard("unfinished", vm.vmid, vm.name or "-", owner.run, vm.config.digest)
        key, alias = subject(vm.vmid, node.alias), node.alias
        steps: list[Step] = []
        if vm.running:
            stopped = goals.running(alias, vm.vmid, wanted=False)
            steps.append(Step(key, "stop", alias, stopped, (qm.stop(guard),), patience=30.0))
        gone = goals.gone(alias, (node.name,), vm.vmid, owner.run)
        steps.append(Step(key, "destroy", alias, gone, (qm.destroy(guard),), lasting=_LASTING))
        return Leftover(
            subject=key,
            kind="vm" if not vm.is_template else "template",
            what=title,
            node=alias,
            ours=f"{by} names run {owner.run}",
            unused=owner.why,
            size_bytes=sum(volume.size_bytes for volume in vm.volumes.values()),
            steps=tuple(steps),
            run=owner.run,
        )

    def images(self, doomed: Sequence[Item]) -> Iterator[Item]:
        """Yield disk images that no config names; ``doomed`` is what was judged of the VMs."""
        removed = {each.subject for each in doomed if isinstance(each, Leftover)}
        named = {volid for vm in self.view.inventory.vms for volid in volumes.named(vm.config)}
        groups: dict[tuple[str, int], list[Stored]] = {}
        for alias, image in self.view.stored:
            if image.volid not in named and image.vmid != CSI_VMID:
                groups.setdefault((alias, image.vmid), []).append(image)
        for (alias, vmid), found in groups.items():
            node = self.view.inventory.node(alias)
            if node is None or not self._may_be_left(node, vmid, found, removed):
                continue
            yield self._judged(node, vmid, found)

    def _may_be_left(
        self, node: NodeState, vmid: int, found: Sequence[Stored], removed: set[str]
    ) -> bool:
        """Whether no VM has this vmid but one that goes, and nobody at work claims it."""
        storage = self.view.inventory.storage(node.domain, found[0].storage)
        shared = storage is not None and storage.shared
        vms = [vm for vm in self.view.inventory.vms if vm.vmid == vmid]
        there = [vm for vm in vms if shared or vm.domain == node.domain]
        places = [self.view.inventory.node_of(vm) for vm in there]
        if any(not place or subject(vmid, place.alias) not in removed for place in places):
            return False
        claim = self.owners.claim(node.domain, vmid)
        owner = self.owners.of(claim.run) if claim else None
        return owner is None or owner.is_over or owner.is_unheard_of

    def _judged(self, node: NodeState, vmid: int, found: Sequence[Stored]) -> Item:
        alias, volids = node.alias, tuple(sorted(each.volid for each in found))
        look = f"pvesm list {found[0].storage} --vmid {vmid}"
        claim = self.owners.claim(node.domain, vmid)
        what = f"disk images of VM {vmid}: {', '.join(volids)}"
        if claim is None or not claim.run:
            why = "not provably ours: no VM has this vmid, and no run of pvekit claims it"
            return LeftAlone(what, alias, why, look)
        owner = self.owners.of(claim.run)
        if not owner.is_over:
            return LeftAlone(what, alias, owner.why, look, claim.run)
        if not self._is_provably_of(node, vmid, claim.run, volids):
            why = f"not provably ours: run {claim.run} claims the vmid, but had not begun its clone"
            return LeftAlone(what, alias, why, look, claim.run)
        key = subject(vmid, alias)
        gone = stored.absent(alias, vmid, volids)
        change = stored.free(claim.run, vmid, volids)
        return Leftover(
            subject=key,
            kind="volume",
            what=what,
            node=alias,
            ours=f"run {claim.run} claimed the vmid while nothing lay there, and began its clone",
            unused=f"no VM names them, and {owner.why}",
            size_bytes=sum(each.size_bytes for each in found),
            steps=(Step(key, "disks", alias, gone, (change,), lasting=_LASTING),),
            run=claim.run,
        )

    def _is_provably_of(self, node: NodeState, vmid: int, run: str, volids: Sequence[str]) -> bool:
        made = self.owners.made(run, vmid)
        if made is not None:
            return made.begun or set(volids) <= set(made.volumes)
        vm = self.view.inventory.vm(node.domain, vmid)
        return vm is not None and self._run(vm) == run


_LASTING = "what is removed does not come back"
