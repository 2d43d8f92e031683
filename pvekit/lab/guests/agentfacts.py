"""What the guest agent tells of the system, its disks, processors and memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pvekit.lab.guests import packagedb
from pvekit.lab.guests.devices import Block, Devices
from pvekit.lab.guests.distros import kernel_build
from pvekit.lab.guests.hardware import Hardware
from pvekit.lab.guests.system import System

BLOCK = 128 << 20  # bytes of one block of memory that can be plugged
_HOLE = (24, 32)  # memory above 3 GiB continues at 4 GiB
_PACKAGE = "qemu-guest-agent"
_BUILT_IN = "7.2.22"  # of Debian 12
_SILENT = frozenset({"suspend-hybrid", "suspend-ram", "suspend-disk", "shutdown"})
_MISSING = frozenset({"get-devices"})
_COMMANDS = """
get-cpustats get-diskstats ssh-remove-authorized-keys ssh-add-authorized-keys
ssh-get-authorized-keys get-devices get-osinfo get-timezone get-users get-host-name exec
exec-status get-memory-block-info set-memory-blocks get-memory-blocks set-user-password get-fsinfo
get-disks set-vcpus get-vcpus network-get-interfaces suspend-hybrid suspend-ram suspend-disk fstrim
fsfreeze-thaw fsfreeze-freeze-list fsfreeze-freeze fsfreeze-status file-flush file-seek file-write
file-read file-close file-open shutdown info set-time get-time ping sync sync-delimited
"""


def info(system: System) -> dict[str, Any]:
    """Return the agent's version and commands."""
    packages = packagedb.read(system)
    version = packages[_PACKAGE].version if _PACKAGE in packages else _BUILT_IN
    if system.release["ID"] == "debian":
        version = _BUILT_IN
    commands = [
        {
            "enabled": name not in _MISSING,
            "name": f"guest-{name}",
            "success-response": name not in _SILENT,
        }
        for name in _COMMANDS.split()
    ]
    return {
        "supported_commands": commands,
        "version": version.rpartition(":")[2].partition("+")[0].partition("-")[0],
    }


def osinfo(system: System) -> dict[str, str]:
    """Return the system's names and its kernel's."""
    release = system.release
    kernels = system.files.glob("/boot/vmlinuz-*")
    kernel = kernels[-1].partition("vmlinuz-")[2] if kernels else ""
    return {
        "id": release["ID"],
        "kernel-release": kernel,
        "kernel-version": kernel_build(kernel),
        "machine": "x86_64",
        "name": release["NAME"],
        "pretty-name": release["PRETTY_NAME"],
        "version": release["VERSION"],
        "version-id": release["VERSION_ID"],
    }


def fsinfo(system: System, devices: Devices) -> list[dict[str, Any]]:
    """Return the mounted file systems: the root's."""
    _, usage = system.files.usage("/")
    root = next((block for block in devices.blocks() if block.slot == devices.root), None)
    name = f"{root.name}1" if root else usage.device.rpartition("/")[2]
    return [
        {
            "disk": [_disk(root, name)] if root else [],
            "mountpoint": "/",
            "name": name,
            "total-bytes": usage.total,
            "type": "ext4",
            "used-bytes": usage.used,
        }
    ]


def _disk(block: Block, name: str) -> dict[str, Any]:
    kind = block.slot.rstrip("0123456789")
    number = int(block.slot.removeprefix(kind))
    shown: dict[str, Any] = {
        "bus": 0,
        "bus-type": kind,
        "dev": f"/dev/{name}",
        "pci-controller": {"bus": 1, "domain": 0, "function": 0, "slot": number + 1},
        "target": 0,
        "unit": 0,
    }
    if kind == "scsi":
        shown["serial"] = f"0QEMU_QEMU_HARDDISK_drive-{block.slot}"
    return shown


def vcpus(hardware: Hardware) -> list[dict[str, Any]]:
    """Return the processors; the first one cannot be turned off."""
    return [
        {"can-offline": number > 0, "logical-id": number, "online": True}
        for number in range(hardware.cpus)
    ]


def memory_blocks(hardware: Hardware) -> list[dict[str, Any]]:
    """Return the blocks of memory."""
    return [
        {"can-offline": True, "online": True, "phys-index": index}
        for index in _indexes(-(-(hardware.memory_mb << 20) // BLOCK))
    ]


def _indexes(count: int) -> Iterator[int]:
    below, above = _HOLE
    yield from range(min(count, below))
    yield from range(above, above + max(0, count - below))
