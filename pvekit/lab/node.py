"""One node of the simulated site: a machine, its storages, and the VMs that are powered on."""

from __future__ import annotations

import errno
import random
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pvekit.lab.configcheck import broken
from pvekit.lab.emulators import Emulators
from pvekit.lab.failure import Failure, no_config
from pvekit.lab.guests.disk import Disk, Iso, read_iso
from pvekit.lab.guests.guest import Guest
from pvekit.lab.guests.world import World
from pvekit.lab.line import Line
from pvekit.lab.locking import Locking
from pvekit.lab.machine import Machine
from pvekit.lab.pmxcfs import ClusterFileSystem
from pvekit.lab.storage import Storages
from pvekit.lab.tasks import TaskList
from pvekit.lab.vmconfig import Drive, VmConfig


@dataclass(frozen=True)
class Capacity:
    """What a node's hardware has, and which Proxmox VE runs on it.

    Its records begin so many days before a VM exists.
    """

    memory_mb: int
    cpus: int
    pve: str
    history_days: int = 0


@dataclass
class Node:
    """A Proxmox VE host; ``guests`` are its powered-on VMs by vmid.

    ``peers`` are the nodes of its PVE cluster by name, itself included.
    ``chance`` is where new MAC addresses and uuids come from. ``running`` are the vmids that were
    powered on when the state was saved, until :meth:`resume`. ``aside`` are the guests whose memory
    lies on a disk, because they were suspended to it. ``link`` is its line to the other nodes.
    """

    name: str
    machine: Machine
    cluster: ClusterFileSystem
    storages: Storages
    locking: Locking
    world: World
    capacity: Capacity
    chance: random.Random
    peers: dict[str, Node] = field(default_factory=dict)
    guests: dict[int, Guest] = field(default_factory=dict)
    running: list[int] = field(default_factory=list)
    tasks: TaskList = field(init=False)
    emulators: Emulators = field(init=False)
    aside: dict[int, Guest] = field(default_factory=dict)
    link: Line = field(default_factory=Line)
    _started: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.emulators = Emulators(self.machine)
        self.tasks = TaskList(
            self.name, self.machine.clock.now, self.machine.uptime, self.machine.files
        )

    # Configurations

    def config_path(self, vmid: int) -> str:
        """Return the path of a VM's configuration on this node."""
        return f"/etc/pve/nodes/{self.name}/qemu-server/{vmid}.conf"

    def vmids(self) -> list[int]:
        """Return the ids of this node's VMs, ascending."""
        return self.cluster.vms.vmids(self.name)

    def config_text(self, vmid: int) -> str:
        """Return a configuration's text; the program dies if the VM is not on this node."""
        try:
            data = self.machine.files.read(self.config_path(vmid))
        except FileNotFoundError as error:
            raise no_config(self.name, vmid) from error
        return data.decode(errors="surrogateescape")

    def config(self, vmid: int) -> VmConfig:
        """Return a VM's configuration; the program dies if the VM is not on this node."""
        return self.parsed(self.config_text(vmid))

    def parsed(self, text: str) -> VmConfig:
        """Return a configuration without the options in it that make no sense."""
        config = VmConfig.parse(text)
        for key, _ in broken(text, self.capacity.pve):
            config.values.pop(key, None)
        return config

    def save(self, vmid: int, config: VmConfig) -> None:
        """Write a configuration; the program dies without quorum or if the id is taken."""
        self.write(self.config_path(vmid), config.text())

    def write(self, path: str, text: str) -> None:
        """Write a file of the cluster file system as Proxmox VE does: aside, then rename."""
        try:
            self.machine.files.write(path, text.encode(errors="surrogateescape"))
        except OSError as error:
            if error.errno == errno.EEXIST:
                message = f"close (rename) atomic file '{path}' failed: {error.strerror}"
            else:
                message = f"unable to open file '{path}.tmp.{1000 + len(text)}' - {error.strerror}"
            raise Failure(message) from error

    def forget(self, vmid: int) -> None:
        """Remove a VM's configuration; the program dies without quorum."""
        path = self.config_path(vmid)
        try:
            self.machine.files.unlink(path)
        except OSError as error:
            raise Failure(f"destroy config failed: {path}: {error.strerror}") from error

    def pools(self) -> list[str]:
        """Return the names of the resource pools that ``user.cfg`` defines."""
        text = self.machine.files.read("/etc/pve/user.cfg").decode()
        return [line.split(":")[1] for line in text.splitlines() if line.startswith("pool:")]

    def check_quorum(self) -> None:
        """Die unless the PVE cluster has quorum."""
        if not self.cluster.quorate(self.name):
            raise Failure("cluster not ready - no quorum?")

    # Identities

    def new_mac(self) -> str:
        """Return a random MAC address with Proxmox's own prefix, or the PVE cluster's."""
        text = self.machine.files.read("/etc/pve/datacenter.cfg").decode()
        found = re.search(r"(?m)^mac_prefix:\s*(\S+)", text)
        head = found[1].upper() if found else "BC:24:11"
        count = 6 - len(head.split(":"))
        return f"{head}:{self.chance.randbytes(count).hex(':').upper()}"

    def new_uuid(self) -> str:
        """Return a random uuid."""
        return str(uuid.UUID(bytes=self.chance.randbytes(16), version=4))

    # Power

    def guest(self, vmid: int) -> Guest | None:
        """Return a powered-on VM."""
        return self.guests.get(vmid)

    def uptime(self, vmid: int) -> int:
        """Return for how many seconds a VM has been on."""
        return int(self.machine.clock.now() - self._started.get(vmid, self.machine.clock.now()))

    def pid(self, vmid: int) -> int:
        """Return the emulator's process id, or 0."""
        return self.emulators.pid(vmid)

    def power_on(
        self, vmid: int, config: VmConfig, cloudinit: Iso | None, *, resume: bool = False
    ) -> None:
        """Start a VM with its disks and CDs; needs a running event loop.

        With ``resume`` it goes on with the memory that was put aside, if that is still there.
        """
        aside = self.aside.pop(vmid, None)
        if aside is not None and not resume:
            aside.forget()
        guest = aside if resume and aside else self._new_guest(vmid, config, cloudinit)
        self.guests[vmid] = guest
        self._started[vmid] = self.machine.clock.now()
        self.emulators.add(vmid, config, lambda: self.power_off(vmid))
        if guest is aside:
            guest.wake()
        else:
            guest.power_on()

    def _new_guest(self, vmid: int, config: VmConfig, cloudinit: Iso | None) -> Guest:
        disks: dict[str, Disk] = {}
        isos: dict[str, Iso] = {}
        for slot, drive in config.drives():
            found = cloudinit if drive.is_cloudinit else self._medium(drive)
            if isinstance(found, Iso):
                isos[slot] = found
            elif found is not None:
                disks[slot] = found
        return Guest(self.world, vmid, config.values, disks, isos, self._powered_off)

    def _medium(self, drive: Drive) -> Disk | Iso | None:
        """Return what is in a drive."""
        if drive.is_cdrom and (iso := self._iso(drive.file)):
            return iso
        volume = self.storages.find(drive.file) if drive.has_volume else None
        if volume is None or volume.disk is None:
            return None
        return volume.disk.iso or volume.disk

    def _iso(self, volid: str) -> Iso | None:
        if ":" not in volid or not self.storages.exists(volid):
            return None
        return read_iso(self.machine.files.read(self.storages.path(volid)))

    def plug(self, vmid: int, slot: str, drive: Drive) -> None:
        """Put a drive, or another CD into one, into a running VM."""
        guest, medium = self.guests[vmid], self._medium(drive)
        if drive.is_cdrom or isinstance(medium, Iso):
            guest.devices.change_cd(slot, medium if isinstance(medium, Iso) else None)
        elif medium is not None:
            guest.devices.attach(slot, medium)

    def put_aside(self, vmid: int) -> None:
        """Turn a running VM off and keep its memory, as suspending to disk does."""
        guest = self.guests.pop(vmid)
        guest.put_aside()
        self.aside[vmid] = guest
        self.emulators.discard(vmid)

    def power_off(self, vmid: int) -> None:
        """Cut a VM's power."""
        guest = self.guests.get(vmid)
        if guest is not None:
            guest.power_off()
            self._powered_off(guest)

    def hand_over(self, vmid: int, other: Node) -> None:
        """Let a running VM go on at another node, which has its configuration already."""
        guest = self.guests.pop(vmid)
        self.emulators.discard(vmid)
        guest.follow(other._powered_off)
        other.guests[vmid] = guest
        other._started[vmid] = self._started.pop(vmid, other.machine.clock.now())
        other.emulators.add(vmid, other.config(vmid), lambda: other.power_off(vmid))

    def _powered_off(self, guest: Guest) -> None:
        if self.guests.get(guest.vmid) is not guest:
            return
        del self.guests[guest.vmid]
        self.emulators.discard(guest.vmid)

    def reboot(self) -> None:
        """Lose power and come back: all VMs are off, all programs gone, ``/run`` is empty."""
        for vmid in tuple(self.guests):
            self.power_off(vmid)
        self.machine.reboot()

    def to_data(self) -> dict[str, Any]:
        """Return the node's own state as JSON data."""
        for guest in self.guests.values():
            guest.flush()
        return {
            "files": self.machine.files.to_data(),
            "boot_id": self.machine.boot_id,
            "booted": self.machine.booted,
            "running": sorted({*self.guests, *self.running}),
            "tasks": self.tasks.to_data(),
        }

    def restore(self, data: Mapping[str, Any]) -> None:
        """Take over the state from :meth:`to_data`; VMs that ran wait for ``Site.resume``."""
        self.machine.files.from_data(data["files"])
        self.machine.boot_id = data["boot_id"]
        self.machine.booted = data["booted"]
        self.running = list(data["running"])
        self.tasks.restore(data["tasks"])
