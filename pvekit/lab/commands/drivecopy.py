"""A VM's own drive copied to another storage: by the emulator while it runs, else by a tool."""

from __future__ import annotations

from dataclasses import dataclass

from pvekit.lab.commands.call import Call
from pvekit.lab.commands.conversion import Conversion
from pvekit.lab.commands.drivemaking import fixed_size, supported
from pvekit.lab.commands.mirror import Mirrors
from pvekit.lab.commands.volumes import CLOUDINIT_SIZE, Source, Volumes, Wish
from pvekit.lab.features import format_of
from pvekit.lab.guests.disk import Disk
from pvekit.lab.guests.hardware import hardware
from pvekit.lab.vmconfig import Drive, VmConfig, format_size


@dataclass(frozen=True)
class DriveCopy:
    """The copying of one drive within its VM."""

    call: Call
    config: VmConfig
    volumes: Volumes

    async def run(self, slot: str, drive: Drive, storage: str, asked: str) -> Drive:
        """Return the drive with its new volume, in the format that was asked for or its own."""
        node = self.call.node
        old = node.storages.get(drive.file.partition(":")[0])
        hint = asked or (format_of(drive.file) if old.path else "raw")
        await self.volumes.say(f"create full clone of drive {slot} ({drive.file})\n")
        wish = Wish(storage, self.call.vmid, supported(node, storage, hint))
        if drive.is_cloudinit:
            wish = Wish(storage, wish.vmid, wish.format, f"vm-{wish.vmid}-cloudinit")
            volid = await self.volumes.allocate(wish, CLOUDINIT_SIZE)
        elif node.guest(self.call.vmid) is not None and slot not in {"efidisk0", "tpmstate0"}:
            volid = await self._mirror(slot, drive, wish)
        else:
            volid = await self._convert(slot, drive, wish)
        kept = {key: value for key, value in drive.properties.items() if key != "format"}
        return Drive(volid, kept).having(size=format_size(self.volumes.get(volid).size))

    async def _convert(self, slot: str, drive: Drive, wish: Wish) -> str:
        volume = self.volumes.get(drive.file)
        disk = volume.disk or Disk(volume.size)
        if slot in {"efidisk0", "tpmstate0"}:
            disk = disk.copy(fixed_size(slot, drive))
        if slot == "tpmstate0":
            wish = Wish(wish.storage, wish.vmid, "raw")
        source = Source(self.call.node.storages.path(drive.file), volume.format, disk)
        return await Conversion(self.volumes, self.call.process).run(
            source, wish, self.call.bandwidth
        )

    async def _mirror(self, slot: str, drive: Drive, wish: Wish) -> str:
        guest = self.call.node.guests[self.call.vmid]
        volume = self.volumes.get(drive.file)
        volid = await self.volumes.allocate(wish, volume.size, Disk(volume.size))
        pool = self.call.node.storages.pool(wish.storage)
        mirrors = Mirrors(guest, self.volumes.say, hardware(self.config.values).agent)
        await mirrors.start(slot, volume.size, pool, self.call.bandwidth)
        await mirrors.ready()
        job = f"drive-{slot}"
        await self.volumes.say(
            f"{job}: Completing block job...\n{job}: Completed successfully.\n"
            f"{job}: mirror-job finished\n"
        )
        guest.flush()
        made = self.volumes.get(volid)
        made.disk = (volume.disk or Disk(volume.size)).copy(made.size)
        self.call.node.plug(self.call.vmid, slot, Drive(volid, drive.properties))
        return volid
