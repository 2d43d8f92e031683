"""What of a VM is in its backup: the disks, and what is left out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pvekit.lab.backup.archive import Image
from pvekit.lab.failure import Failure
from pvekit.lab.guests.disk import Disk
from pvekit.lab.vmconfig import Drive, VmConfig, format_size

if TYPE_CHECKING:
    from pvekit.lab.node import Node
    from pvekit.lab.tasks import Say


@dataclass
class Contents:
    """The disks that are backed up; ``info`` says a line."""

    node: Node
    info: Say
    images: list[Image] = field(default_factory=list)

    async def choose(self, config: VmConfig) -> None:
        """Take the VM's disks in, and say which are left out."""
        if config.name:
            await self.info(f"VM Name: {config.name}")
        for slot, drive in config.drives():
            if drive.is_cdrom or drive.is_cloudinit or not drive.has_volume:
                continue
            if drive.properties.get("backup", "1") in ("0", "no", "off"):
                await self.info(f"exclude disk '{slot}' '{drive.file}' (backup=no)")
            elif slot == "efidisk0" and config.values.get("bios") != "ovmf":
                why = "efidisks can only be backed up when BIOS is set to 'ovmf'"
                await self.info(f"excluding '{slot}' ({why})")
            else:
                await self._include(slot, drive)

    async def _include(self, slot: str, drive: Drive) -> None:
        size = f" {format_size(drive.size_bytes)}" if "size" in drive.properties else ""
        await self.info(f"include disk '{slot}' '{drive.file}'{size}")
        storages, storage = self.node.storages, drive.file.partition(":")[0]
        storages.usable(storage)
        volume = storages.find(drive.file)
        if volume is None:
            raise Failure(f"no such volume '{drive.file}'")
        disk = volume.disk or Disk(volume.size)
        self.images.append(Image(slot, storage, volume.format, disk.copy()))

    async def tell_left_out(self, config: VmConfig) -> None:
        """Say what of the configuration is not in the backup."""
        for key, value in sorted(config.values.items()):
            if re.fullmatch(r"unused\d+", key):
                await self.info(f"skip unused drive '{value}' (not included into backup)")
        if config.sections:
            await self.info("snapshots found (not included into backup)")
        if config.pending:
            await self.info("pending configuration changes found (not included into backup)")
