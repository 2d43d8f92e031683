"""Whatever two clients ask for at the same time, the site stays consistent."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvekit.lab.machine import collect
from pvekit.lab.node import Node
from pvekit.lab.site import Site, SiteSpec
from pvekit.lab.vmconfig import VmConfig
from tests.lab.parity.virtual import VirtualClock, run

IDS = (100, 101, 102)
NAMES = ("a", "b")
PREPARATION = (
    "qm create 900 --name tmpl --memory 64 --net0 virtio,bridge=vmbr0 --scsi0 local-lvm:1 "
    "--ide2 local-lvm:cloudinit",
    "qm template 900",
)
SHAPES = (
    "qm create {id} --name {name} --scsi0 local-lvm:1",
    "qm create {id} --scsi0 local-lvm:1 --scsi1 nosuch:1",
    "qm clone 900 {id} --name {name}",
    "qm clone 900 {id} --full 1",
    "qm clone {other} {id} --full 1",
    "qm template {id}",
    "qm set {id} --cores 2 --tags b,a",
    "qm set {id} --scsi1 local-lvm:1",
    "qm set {id} --delete scsi1",
    "qm set {id} --delete unused0",
    "qm set {id} --description 'two\nlines'",
    "qm set {id} --net1 virtio,bridge=nosuch",
    "qm resize {id} scsi0 +1G",
    "qm disk move {id} scsi0 local-lvm --delete 1",
    "qm disk rescan --vmid {id}",
    "qm start {id}",
    "qm stop {id}",
    "qm suspend {id}",
    "qm resume {id}",
    "qm shutdown {id} --timeout 3 --forceStop 1",
    "qm snapshot {id} s1",
    "qm snapshot {id} s2",
    "qm rollback {id} s1",
    "qm delsnapshot {id} s1",
    "qm migrate {id} {node}",
    "qm unlock {id}",
    "qm destroy {id}",
    "qm destroy {id} --purge 1 --destroy-unreferenced-disks 1",
    "pvesh create /nodes/{node}/qemu --vmid {id} --scsi0 local-lvm:1",
    "pvesh delete /nodes/{node}/qemu/{id}",
    "vzdump {id} --storage local --mode stop",
    "pvesm list local-lvm",
    "qm list",
)


@dataclass(frozen=True)
class Order:
    """A command for a node; it is broken off after some seconds, or never."""

    node: str
    line: str
    patience: float | None


@st.composite
def orders(draw: st.DrawFn) -> Order:
    shape = draw(st.sampled_from(SHAPES))
    words = {
        "id": draw(st.sampled_from(IDS)),
        "other": draw(st.sampled_from(IDS)),
        "name": draw(st.sampled_from(NAMES)),
        "node": draw(st.sampled_from(("pve1", "pve2"))),
    }
    patience = draw(st.sampled_from((None, None, None, 0.4, 1.5, 3.0)))
    return Order(draw(st.sampled_from(("pve1", "pve2"))), shape.format(**words), patience)


@dataclass(frozen=True)
class World:
    site: Site

    async def carry_out(self, order: Order) -> None:
        machine = self.site.nodes[order.node].machine
        line = f"timeout {order.patience} {order.line}" if order.patience else order.line
        status, _, errors = await collect(machine, line)
        assert status != 99, (order, errors)
        assert b"Traceback" not in errors, errors

    def check(self, history: Sequence[object]) -> None:
        for name in ("places", "configurations", "volumes", "locks", "tasks"):
            faults = list(getattr(self, f"_{name}")())
            assert not faults, (name, faults, history)

    def _places(self) -> Iterator[object]:
        tree = self.site.clusters[0].tree
        found = [
            vmid for node in self.site.nodes for vmid in tree.names(f"nodes/{node}/qemu-server")
        ]
        yield from {name for name in found if found.count(name) > 1}

    def _vms(self) -> Iterator[tuple[Node, int, VmConfig]]:
        for node in self.site.nodes.values():
            for vmid in node.vmids():
                yield node, vmid, node.config(vmid)

    def _configurations(self) -> Iterator[object]:
        for node, vmid, config in self._vms():
            if config.text() != node.config_text(vmid):
                yield node.config_text(vmid), config.text()

    def _volumes(self) -> Iterator[object]:
        """Each disk exists and is its VM's own; each volume belongs to a VM of its node."""
        for node, vmid, config in self._vms():
            for slot, drive in config.drives():
                volume = node.storages.find(drive.file) if drive.has_volume else None
                if drive.has_volume and (volume is None or volume.vmid != vmid):
                    yield node.name, vmid, slot, drive.file
        for node in self.site.nodes.values():
            for volume in node.storages.pool("local-lvm").volumes.values():
                if volume.vmid not in node.vmids():
                    yield node.name, volume.name

    def _locks(self) -> Iterator[object]:
        for node, vmid, config in self._vms():
            if node.machine.locks.held(f"/var/lock/qemu-server/lock-{vmid}.conf"):
                yield vmid, "held"
            if config.lock and config.lock != "suspended":
                yield vmid, config.lock

    def _tasks(self) -> Iterator[object]:
        for node in self.site.nodes.values():
            yield from (task.upid for task in node.tasks.all if not task.endtime)


async def play(steps: Sequence[tuple[Order, Order]]) -> None:
    world = World(Site(SiteSpec(seed=1), clock=VirtualClock()))
    for line in PREPARATION:
        await world.carry_out(Order("pve1", line, None))
    for count, pair in enumerate(steps):
        await asyncio.gather(*map(world.carry_out, pair))
        await asyncio.sleep(30)  # what was broken off cleans up behind itself
        world.check(steps[: count + 1])


@given(st.lists(st.tuples(orders(), orders()), min_size=1, max_size=8))
@settings(deadline=None, max_examples=60)
def test_two_clients_leave_the_site_consistent(steps: list[tuple[Order, Order]]):
    run(play(steps))


@pytest.mark.slow
@given(st.lists(st.tuples(orders(), orders()), min_size=5, max_size=40))
@settings(deadline=None, max_examples=200)
def test_two_clients_leave_the_site_consistent_for_long(steps: list[tuple[Order, Order]]):
    run(play(steps))


def test_the_checks_see_what_is_wrong():
    """A check that never fails would prove nothing."""

    async def broken(line: str) -> None:
        world = World(Site(SiteSpec(seed=1), clock=VirtualClock()))
        await world.carry_out(Order("pve1", "qm create 100 --scsi0 local-lvm:1", None))
        await world.carry_out(Order("pve1", line, None))
        world.check(())

    conf = "/etc/pve/qemu-server/100.conf"
    for line in (
        f"sed -i s/disk-0/disk-7/ {conf}",
        f"echo 'lock: clone' >> {conf}",
        f"echo 'this is no line' >> {conf}",
        f"rm {conf}",
    ):
        with pytest.raises(AssertionError, match=re.escape("(")):
            run(broken(line))
