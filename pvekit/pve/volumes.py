"""The drives of a virtual machine: slots, volumes and sizes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pvekit.pve import properties
from pvekit.pve.conf import GuestConfig

_SLOT = re.compile(r"(?:ide|sata|scsi|virtio|efidisk|tpmstate|unused)\d+")
_DISK = re.compile(r"(?:ide|sata|scsi|virtio)\d+")
_CLOUD_INIT = re.compile(r"[:/](?:vm-\d+-)?cloudinit(?:\.\w+)?")
_SIZE = re.compile(r"([0-9]{1,15})([KMGT]?)")
_BYTES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclass(frozen=True)
class Volume:
    """What a slot holds; ``storage`` is empty for a path of the node."""

    volid: str
    storage: str
    size_bytes: int
    media: str

    @property
    def size_gb(self) -> int:
        """The size in GiB, rounded up; 0 where the config does not tell it."""
        return -(-self.size_bytes // _BYTES["G"])

    @property
    def is_cloud_init(self) -> bool:
        """Whether it is the drive that PVE makes for cloud-init."""
        return bool(_CLOUD_INIT.search(self.volid)) and self.media == "cdrom"


def volumes(config: GuestConfig) -> dict[str, Volume]:
    """Return the volumes of a config by slot, unattached ones too; an empty drive has none."""
    return _in(config.values)


def named(config: GuestConfig) -> frozenset[str]:
    """Return the volumes that a config names, those that are pending too."""
    found = (*_in(config.values).values(), *_in(config.pending).values())
    return frozenset(volume.volid for volume in found)


def _in(values: Mapping[str, str]) -> dict[str, Volume]:
    found = {}
    for slot, text in values.items():
        if _SLOT.fullmatch(slot) and (volume := _volume(text)):
            found[slot] = volume
    return found


def disk_slots(config: GuestConfig) -> list[str]:
    """Return the slots of the disks, but for those of the firmware's state."""
    return [
        slot
        for slot, volume in volumes(config).items()
        if _DISK.fullmatch(slot) and volume.media != "cdrom"
    ]


def boot_slot(config: GuestConfig) -> str | None:
    """Return the slot of the disk that boots, or None if there is none."""
    disks = disk_slots(config)
    order = properties.parse(config.values.get("boot", "")).get("order", "")
    wanted = [*order.split(";"), config.values.get("bootdisk", "")]
    return next((slot for slot in (*wanted, *sorted(disks)) if slot in disks), None)


def cloud_init_slot(config: GuestConfig) -> str | None:
    """Return the slot of the cloud-init drive, or None if there is none."""
    return next((slot for slot, item in volumes(config).items() if item.is_cloud_init), None)


def _volume(text: str) -> Volume | None:
    found = properties.parse(text, "file")
    volid = found.get("file", "none")
    if volid in ("none", "cdrom"):
        return None
    storage = "" if volid.startswith("/") else volid.partition(":")[0]
    return Volume(volid, storage, _size_bytes(found.get("size", "")), found.get("media", "disk"))


def _size_bytes(text: str) -> int:
    size = _SIZE.fullmatch(text)
    return int(size[1]) * _BYTES[size[2]] if size else 0
