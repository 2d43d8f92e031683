"""One guest of the lab at a time, without a site around it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import yaml

from pvekit.lab.clock import Clock
from pvekit.lab.faults import Faults
from pvekit.lab.guests.disk import Disk, Iso, read_image
from pvekit.lab.guests.guest import Guest
from pvekit.lab.guests.images import Internet
from pvekit.lab.guests.world import World
from pvekit.lab.log import Log
from pvekit.lab.machine import collect

JAMMY = "https://cloud-images.ubuntu.com/jammy/current/jammy-server-cloudimg-amd64.img"
DEBIAN = "https://cloud.debian.org/images/cloud/bookworm/latest/debian-12-genericcloud-amd64.qcow2"
ROCKY = (
    "https://dl.rockylinux.org/pub/rocky/9/images/x86_64/Rocky-9-GenericCloud.latest.x86_64.qcow2"
)
MAC = "bc:24:11:e0:d9:b9"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFMwZPJ13NvvKZ3Nm6COzu0bYiEx0sGTqPRJtvtfxfuk bench"
CONFIG = {
    "boot": "order=scsi0",
    "cpu": "x86-64-v2-AES",
    "agent": "enabled=1",
    "net0": f"virtio={MAC.upper()},bridge=vmbr0",
}
GIB = 1 << 30


def new_world() -> World:
    log = Log()
    faults = Faults(log)
    return World(Clock(0), log, faults, Internet(faults))


def image(world: World, url: str = JAMMY) -> Disk:
    disk = read_image(world.internet.fetch(url))
    assert disk is not None
    return disk


def seed(
    user: Mapping[str, Any] | str,
    instance: str = "first",
    network: Mapping[str, Any] | None = None,
) -> Iso:
    text = user if isinstance(user, str) else f"#cloud-config\n{yaml.safe_dump(dict(user))}"
    files = {"user-data": text.encode(), "meta-data": f"instance-id: {instance}\n".encode()}
    if network is not None:
        files["network-config"] = yaml.safe_dump(dict(network)).encode()
    return Iso("cidata", files)


def like_pve(name: str = "vm10", key: str = KEY) -> dict[str, Any]:
    """The user data that PVE generates for a VM with ciuser and sshkeys."""
    return {
        "hostname": name,
        "manage_etc_hosts": True,
        "fqdn": name,
        "user": "bench",
        "ssh_authorized_keys": [key],
        "chpasswd": {"expire": False},
        "users": ["default"],
    }


def static(address: str = "10.99.0.60", mac: str = MAC) -> dict[str, Any]:
    subnet = {
        "type": "static",
        "address": address,
        "netmask": "255.255.255.0",
        "gateway": "10.99.0.254",
    }
    card = {"type": "physical", "name": "eth0", "mac_address": mac, "subnets": [subnet]}
    return {"version": 1, "config": [card, {"type": "nameserver", "address": ["10.99.0.254"]}]}


class PoweredOff(asyncio.Event):
    """Set once the guest has turned itself off."""

    def __call__(self, guest: Guest) -> None:
        self.set()


def plug(
    world: World,
    disk: Disk,
    iso: Iso | None,
    *,
    vmid: int = 101,
    slot: str = "scsi1",
    off: PoweredOff | None = None,
    **config: str,
) -> Guest:
    isos = {slot: iso} if iso else {}
    return Guest(world, vmid, CONFIG | config, {"scsi0": disk}, isos, off or PoweredOff())


async def boot(world: World, disk: Disk, iso: Iso | None = None, **more: Any) -> Guest:
    guest = plug(world, disk, iso, **more)
    await asyncio.wait_for(guest.power_on(), 5)
    return guest


async def run(guest: Guest, line: str, **more: Any) -> str:
    status, out, err = await collect(guest.machine, line, **more)
    assert status == 0, (line, status, out, err)
    return out.decode()


async def fails(guest: Guest, line: str) -> tuple[int, str]:
    status, out, err = await collect(guest.machine, line)
    assert status != 0, (line, out)
    return status, err.decode()
