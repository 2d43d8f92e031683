"""The drives of a VM, made: new disks, imports, CDs, cloud-init drives, EFI and TPM states."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pvekit.lab.commands.conversion import Conversion
from pvekit.lab.commands.drives import CLOUDINIT, NEW_DISK
from pvekit.lab.commands.volumes import CLOUDINIT_SIZE, Source, Volumes, Wish
from pvekit.lab.failure import Failure
from pvekit.lab.features import format_of, has_feature
from pvekit.lab.guests.disk import Disk
from pvekit.lab.images import read_image_file
from pvekit.lab.vmconfig import Drive, VmConfig, format_size

if TYPE_CHECKING:
    from pvekit.lab.node import Node
    from pvekit.lab.process import Process

_EFI_SIZES = {"2m": 128 << 10, "4m": 528 << 10}
_TPM_SIZE = 4 << 20
_EFI_CODE = "/usr/share/pve-edk2-firmware"
_NOT_KEPT = frozenset({"format", "import-from"})


@dataclass(frozen=True)
class DriveMaker:
    """Makes the drives of one VM, one at a time; what failed is removed again."""

    volumes: Volumes
    vmid: int
    process: Process

    @property
    def _node(self) -> Node:
        return self.volumes.node

    async def make(self, slot: str, drive: Drive, config: VmConfig) -> Drive:
        """Return the drive as the configuration is to hold it, with its volume made."""
        before = len(self.volumes.made)
        try:
            return await self._make(slot, drive, config)
        except Failure:
            await self.take_back(before)
            raise

    async def take_back(self, since: int = 0) -> None:
        """Remove the volumes that were made, all or those after the first ones."""
        made = self.volumes.made[since:]
        del self.volumes.made[since:]
        for volid in made:
            if self._node.storages.find(volid) is not None:
                await self.volumes.free(volid)

    async def _make(self, slot: str, drive: Drive, config: VmConfig) -> Drive:
        if drive.file in {"none", "cdrom"}:
            return Drive(drive.file, {k: v for k, v in drive.properties.items() if k != "size"})
        if found := CLOUDINIT.fullmatch(drive.file):
            result = await self._cloudinit(slot, found["storage"], drive, config)
        elif found := NEW_DISK.fullmatch(drive.file):
            size = int(float(found["size"]) * (1 << 20)) << 10
            result = await self._new(slot, found["storage"], size, drive, config)
        else:
            return self._existing(slot, drive, config)
        await self.volumes.say(f"{slot}: successfully created disk '{result}'\n")
        return result

    # Cloud-init drives

    async def _cloudinit(self, slot: str, storage: str, drive: Drive, config: VmConfig) -> Drive:
        _check_other_cloudinit(slot, config)
        definition = self._node.storages.get(storage)
        image_format = drive.properties.get("format", "qcow2" if definition.path else "raw")
        wish = Wish(storage, self.vmid, image_format, f"vm-{self.vmid}-cloudinit")
        volid = await self.volumes.allocate(wish, CLOUDINIT_SIZE)
        return Drive(volid, _kept(drive)).having(media="cdrom")

    # New disks

    async def _new(
        self, slot: str, storage: str, size: int, drive: Drive, config: VmConfig
    ) -> Drive:
        asked = drive.properties.get("format", "")
        if "import-from" in drive.properties:
            volid = await self._import(slot, storage, asked, drive)
        elif slot == "efidisk0":
            volid = await self._efi(storage, asked, drive)
        else:
            tpm = slot == "tpmstate0"
            wish = Wish(storage, self.vmid, "raw" if tpm else asked)
            size = fixed_size(slot, drive) if tpm else size
            volid = await self.volumes.allocate(wish, size, Disk(size))
        made = format_size(self.volumes.get(volid).size)
        if config.is_template and "import-from" not in drive.properties:
            volid = await self.volumes.make_base(volid)
        return Drive(volid, _kept(drive)).having(size=made)

    async def _efi(self, storage: str, asked: str, drive: Drive) -> str:
        """Make a volume that holds the firmware's initial variables."""
        size = fixed_size("efidisk0", drive)
        source = Source(f"{_EFI_CODE}/OVMF_VARS.fd", "raw", Disk(size))
        wish = Wish(storage, self.vmid, asked)
        return await Conversion(self.volumes, self.process).run(source, wish)

    async def _import(self, slot: str, storage: str, asked: str, drive: Drive) -> str:
        origin = drive.properties["import-from"]
        if origin.startswith("/"):
            source = self._import_path(origin)
            wish = Wish(storage, self.vmid, supported(self._node, storage, asked))
        else:
            source = await self._import_volume(origin)
            hint = asked or format_of(origin)
            wish = Wish(storage, self.vmid, supported(self._node, storage, hint))
        if slot == "tpmstate0":
            wish = replace(wish, format="raw")
        return await Conversion(self.volumes, self.process).run(source, wish)

    def _import_path(self, path: str) -> Source:
        storages = self._node.storages
        volid = storages.by_path(path)
        volume = storages.find(volid) if volid else None
        if volume is not None and volume.disk is not None:
            return Source(path, volume.format, volume.disk)
        if not self._node.machine.files.exists(path):
            raise Failure(f"can't find file '{path}'")
        return file_source(self._node, path)

    async def _import_volume(self, volid: str) -> Source:
        storages = self._node.storages
        path = storages.path(volid)
        storages.usable(volid.partition(":")[0])
        volume = storages.find(volid)
        if volume is None and not self._node.machine.files.is_file(path):
            raise Failure(f"could not get size of {volid}")
        if Drive(volid).is_cloudinit:
            raise Failure("cannot import from cloudinit disk")
        owner = self._owner(volume.vmid) if volume is not None else ""
        if volume is not None and not has_feature(storages, "copy", volid):
            raise Failure(f"cannot import from '{volid}' - full clone feature is not supported")
        slot = self._slot_at(volume.vmid, volid) if volume is not None and owner else ""
        await self.volumes.say(f"create full clone of drive {slot}{' ' * bool(slot)}({volid})\n")
        if volume is not None:
            return Source(path, volume.format, volume.disk or Disk(volume.size))
        return file_source(self._node, path)

    def _owner(self, vmid: int) -> str:
        owner = self._node.cluster.owner(vmid)
        if owner is not None and owner[0] != self._node.name:
            raise Failure(f"owner VM {vmid} not on local node")
        return owner[0] if owner else ""

    def _slot_at(self, vmid: int, volid: str) -> str:
        drives = self._node.config(vmid).drives()
        return next((slot for slot, drive in drives if drive.file == volid), "")

    # Volumes and files that are there already

    def _existing(self, slot: str, drive: Drive, config: VmConfig) -> Drive:
        storages, files = self._node.storages, self._node.machine.files
        if not drive.has_volume:
            if not files.exists(drive.file):
                raise Failure(f"volume {drive.file} does not exist")
            return drive.having(size=format_size(files.stat(drive.file).size))
        if drive.is_cloudinit:
            _check_other_cloudinit(slot, config)
        storages.usable(drive.file.partition(":")[0])
        if not storages.exists(drive.file):
            raise Failure(f"volume '{drive.file}' does not exist")
        volume = storages.find(drive.file)
        size = volume.size if volume else files.stat(storages.path(drive.file)).size
        if not size:
            raise Failure(f"volume {drive.file} does not exist")
        return drive.having(size=format_size(size))


def _check_other_cloudinit(slot: str, config: VmConfig) -> None:
    """Die if the VM has a cloud-init drive in another slot."""
    for values in (config.values, config.pending):
        attached = VmConfig({k: v for k, v in values.items() if k != slot}).cloudinit_slot()
        if attached:
            raise Failure(f"{slot} - cloud-init drive is already attached at '{attached}'")


def _kept(drive: Drive) -> dict[str, str]:
    return {k: v for k, v in drive.properties.items() if k not in _NOT_KEPT}


def fixed_size(slot: str, drive: Drive) -> int:
    """Return the size of an EFI disk or a TPM state in bytes: nobody may choose it."""
    return _TPM_SIZE if slot == "tpmstate0" else _EFI_SIZES[drive.properties.get("efitype", "2m")]


def supported(node: Node, storage: str, wanted: str) -> str:
    """Return the format of a copy: the one that is wanted if the storage knows it, or its own."""
    definition = node.storages.get(storage)
    known = wanted in definition.kind.formats and wanted != "subvol"
    return wanted if wanted and known else definition.default_format


def file_source(node: Node, path: str) -> Source:
    """Return an image file as QEMU sees it; any other file is a raw disk of its size."""
    image = read_image_file(node.machine.files.read(path), path)
    return Source(path, image.shape.format, image.disk)
