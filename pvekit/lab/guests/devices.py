"""A guest's disks as its kernel names them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pvekit.lab.files import FileSystem
from pvekit.lab.guests.disk import Disk, Iso

_ORDER = ("scsi", "sata", "ide", "virtio")


@dataclass(frozen=True)
class Block:
    """A disk in the guest: ``name`` is the kernel's, such as ``sda``."""

    name: str
    slot: str
    disk: Disk


class Devices:
    """The disks and CDs of a powered-on VM; ``root`` is the slot of the disk that it boots from.

    ``files`` are the guest's own, whose ``/dev`` follows what is plugged in.
    """

    def __init__(
        self, disks: Mapping[str, Disk], isos: Mapping[str, Iso], root: str, files: FileSystem
    ) -> None:
        self.root = root
        self._isos = dict(isos)
        self._files = files
        self._disks: dict[str, Disk] = {}
        self._names: dict[str, str] = {}
        for slot in sorted(disks, key=_rank):
            if not slot.startswith(("efidisk", "tpmstate")):
                self._add(slot, disks[slot])

    def _add(self, slot: str, disk: Disk) -> None:
        stem = "vd" if slot.startswith("virtio") else "sd"
        taken = set(self._names.values())
        free = (f"{stem}{chr(ord('a') + number)}" for number in range(26))
        self._disks[slot] = disk
        self._names[slot] = next((name for name in free if name not in taken), f"{stem}aa")

    def attach(self, slot: str, disk: Disk) -> None:
        """Plug a disk in; it gets the first free name of its kind."""
        self._add(slot, disk)
        self.make_nodes()

    def detach(self, slot: str) -> None:
        """Pull a disk or a CD drive out."""
        self._isos.pop(slot, None)
        self._disks.pop(slot, None)
        self._names.pop(slot, None)
        self.make_nodes()

    def change_cd(self, slot: str, iso: Iso | None) -> None:
        """Put another CD into a drive, or none."""
        self._isos.pop(slot, None)
        if iso is not None:
            self._isos[slot] = iso

    def make_nodes(self) -> None:
        """Bring ``/dev`` up to date with the disks that are there."""
        names = set(self._names.values())
        there = {path.rpartition("/")[2] for path in self._files.glob("/dev/[sv]d?")}
        for name in names - there:
            self._files.root.mknod(f"dev/{name}")
        for name in there - names:
            self._files.unlink(f"/dev/{name}")

    def visible_isos(self) -> dict[str, Iso]:
        """Return the CDs that the kernel sees: a cloud kernel has no driver for IDE and SATA."""
        names = self._files.names("/boot") if self._files.is_dir("/boot") else []
        without_ata = any(name.startswith("vmlinuz") and "-cloud-" in name for name in names)
        return {
            slot: iso
            for slot, iso in self._isos.items()
            if not (without_ata and slot.startswith(("ide", "sata")))
        }

    def blocks(self) -> Iterator[Block]:
        """Return all disks, by name."""
        for slot, name in sorted(self._names.items(), key=lambda entry: entry[1]):
            yield Block(name, slot, self._disks[slot])


def _rank(slot: str) -> tuple[int, int]:
    kind = slot.rstrip("0123456789")
    place = _ORDER.index(kind) if kind in _ORDER else len(_ORDER)
    return place, int(slot.removeprefix(kind) or "0")
