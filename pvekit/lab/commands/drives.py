"""The drive options of ``qm create`` and ``qm set``: new disks, imports, CDs, cloud-init drives."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pvekit.lab.commands.call import Call
from pvekit.lab.commands.volumes import CLOUDINIT_SIZE, Source, Volumes, Wish
from pvekit.lab.failure import Failure
from pvekit.lab.guests.disk import Disk, read_image, read_iso
from pvekit.lab.vmconfig import DRIVE_NAME, Drive, VmConfig, format_size

if TYPE_CHECKING:
    from pvekit.lab.node import Node

_NEW = re.compile(r"(?P<storage>[^:/]+):(?P<size>\d+(\.\d+)?)")
_CLOUDINIT = re.compile(r"(?P<storage>[^:/]+):cloudinit")
_CLOUDINIT_FORMAT = "qcow2"
_FIXED = {"efidisk0": 528 << 10, "tpmstate0": 4 << 20}  # bytes, whatever size is asked for


def wanted(values: Mapping[str, str]) -> dict[str, Drive]:
    """Return the drives among the options, in the order in which they are made.

    The real order is that of a hash. Here disks are made last slot first, so that nobody learns to
    trust that scsi0 is disk-0.
    """
    drives = {k: Drive.parse(v) for k, v in values.items() if DRIVE_NAME.fullmatch(k)}
    first = sorted(slot for slot, drive in drives.items() if _CLOUDINIT.fullmatch(drive.file))
    return {slot: drives[slot] for slot in [*first, *sorted(drives.keys() - {*first})[::-1]]}


def check(call: Call, drives: Mapping[str, Drive]) -> None:
    """Refuse what the program refuses before it starts to change anything."""
    for slot, drive in drives.items():
        new = _NEW.fullmatch(drive.file)
        if "import-from" in drive.properties and not (new and float(new["size"]) == 0):
            special = "use <storage ID>:0,import-from=<source>"
            raise call.refuse(**{slot: f"'import-from' requires special syntax - {special}"})
        if new:
            _check_content(call, new["storage"])
        elif drive.file.startswith("/") and not call.node.storages.by_path(drive.file):
            raise call.refuse(**{slot: f"unable to associate path '{drive.file}' to any storage"})
        elif drive.has_volume and not _CLOUDINIT.fullmatch(drive.file):
            storage, _, name = drive.file.partition(":")
            call.node.storages.check_name(call.node.storages.get(storage), name)


def _check_content(call: Call, storage: str) -> None:
    definition = call.node.storages.get(storage)
    if "images" not in definition.content:
        raise call.refuse(storage=f"storage '{storage}' does not support vm images")


@dataclass(frozen=True)
class DriveMaker:
    """Makes the drives of one VM."""

    volumes: Volumes
    vmid: int

    @property
    def _node(self) -> Node:
        return self.volumes.node

    async def make(self, slot: str, drive: Drive, config: VmConfig) -> Drive:
        """Return the drive as the configuration is to hold it, with its volume made."""
        if found := _CLOUDINIT.fullmatch(drive.file):
            result = await self._cloudinit(slot, found["storage"], drive, config)
        elif found := _NEW.fullmatch(drive.file):
            size = _FIXED.get(slot, int(float(found["size"]) * (1 << 30)))
            result = await self._new(found["storage"], size, drive)
            if config.is_template:
                result = Drive(await self.volumes.make_base(result.file), result.properties)
        else:
            return self._existing(drive, config.values.get(slot, ""))
        await self.volumes.say(f"{slot}: successfully created disk '{result}'\n")
        return result

    async def _cloudinit(self, slot: str, storage: str, drive: Drive, config: VmConfig) -> Drive:
        attached = config.cloudinit_slot()
        if attached and attached != slot:
            raise Failure(f"{slot} - cloud-init drive is already attached at '{attached}'")
        definition = self._node.storages.usable(storage)
        image_format = drive.properties.get("format", _CLOUDINIT_FORMAT)
        wish = Wish(
            storage,
            self.vmid,
            image_format if definition.path else "raw",
            f"vm-{self.vmid}-cloudinit",
        )
        volid = await self.volumes.allocate(wish, CLOUDINIT_SIZE)
        return Drive(volid, _kept(drive)).having(media="cdrom")

    async def _new(self, storage: str, size: int, drive: Drive) -> Drive:
        wish = Wish(storage, self.vmid, drive.properties.get("format", ""))
        if "import-from" in drive.properties:
            origin = drive.properties["import-from"]
            source = await self._import_source(origin)
            if not origin.startswith("/") and self._node.storages.get(storage).path:
                wish = replace(wish, format=wish.format or source.format)
            volid = await self.volumes.copy(source, wish)
        else:
            volid = await self.volumes.allocate(wish, size, Disk(size))
        made = format_size(self.volumes.get(volid).size)
        return Drive(volid, _kept(drive)).having(size=made)

    async def _import_source(self, source: str) -> Source:
        storages = self._node.storages
        if source.startswith("/"):
            volid = storages.by_path(source)
            path = source
        else:
            await self.volumes.say(f"create full clone of drive ({source})\n")
            volid, path = source, storages.path(source)
        volume = storages.find(volid) if volid else None
        if volume is not None and volume.disk is not None:
            return Source(path, volume.format, volume.disk)
        if not self._node.machine.files.is_file(path):
            raise Failure(f"can't find file '{source}'")
        return file_source(self._node, path)

    def _existing(self, drive: Drive, present: str) -> Drive:
        if not drive.has_volume:
            return drive
        storages = self._node.storages
        if drive.file.partition(":")[0] in storages.defined():
            storages.usable(drive.file.partition(":")[0])
        if not storages.exists(drive.file):
            raise Failure(f"volume '{drive.file}' does not exist")
        before = Drive.parse(present)
        if before.file == drive.file and "size" in before.properties:
            return drive.having(size=before.properties["size"])
        if drive.is_cloudinit:
            return drive
        volume = storages.find(drive.file)
        path = "" if volume else storages.path(drive.file)
        size = volume.size if volume else self._node.machine.files.stat(path).size
        return drive.having(size=format_size(size))


def file_source(node: Node, path: str) -> Source:
    """Return an image file as QEMU sees it; any other file is a raw disk of its size."""
    data = node.machine.files.read(path)
    disk = read_image(data) or Disk(len(data), iso=read_iso(data))
    return Source(path, "raw" if path.endswith(".raw") else "qcow2", disk)


def _kept(drive: Drive) -> dict[str, str]:
    return {k: v for k, v in drive.properties.items() if k not in {"format", "import-from"}}


def default_boot(config: VmConfig) -> str:
    """Return the boot order of a new VM: its first disk, first CD and first network card."""
    order = []
    for cdrom in (False, True):
        slots = [slot for slot, drive in config.drives() if drive.is_cdrom == cdrom]
        order += sorted(filter(_bootable, slots), key=_rank)[:1]
    nets = sorted((key for key in config.values if re.fullmatch(r"net\d+", key)), key=_number)
    return boot_text([*order, *nets[:1]])


def boot_text(order: Iterable[str]) -> str:
    """Return a boot order as the configuration holds it."""
    devices = ";".join(order)
    # An empty value is read back from the file as one blank.
    return f"order={devices}" if devices else " "


def _bootable(slot: str) -> bool:
    return not slot.startswith(("efidisk", "tpmstate"))


def _rank(slot: str) -> tuple[int, int]:
    kind = slot.rstrip("0123456789")
    return ("ide", "scsi", "virtio", "sata").index(kind), _number(slot)


def _number(key: str) -> int:
    return int(key.lstrip("abcdefghijklmnopqrstuvwxyz"))
