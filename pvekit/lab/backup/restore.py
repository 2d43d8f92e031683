"""``qmrestore``: a VM made anew from a backup."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pvekit.lab import dates
from pvekit.lab.access import store
from pvekit.lab.backup import archive as archives
from pvekit.lab.backup import transfer
from pvekit.lab.backup.archive import Archive, Image
from pvekit.lab.commands.nets import with_new_mac
from pvekit.lab.commands.volumes import CLOUDINIT_SIZE, Volumes, Wish
from pvekit.lab.failure import Failure
from pvekit.lab.images import written
from pvekit.lab.process import NotSimulated
from pvekit.lab.vmconfig import Drive, VmConfig, format_size

if TYPE_CHECKING:
    from pvekit.lab.commands.call import Call
    from pvekit.lab.tasks import Say


async def restore(call: Call) -> None:
    """Restore a VM as a task; a failure leaves nothing of it."""
    if call.on("live-restore"):
        raise NotSimulated("--live-restore")
    pool = call.get("pool")
    if pool and pool not in store.load(call.node).pools:
        raise Failure(f"403 Permission check failed (pool '{pool}' does not exist)")
    if call.get("storage"):
        call.node.storages.get(call.get("storage"))
    path = _path(call, call.values["archive"])
    call.node.check_quorum()
    prefix = f"unable to restore VM {call.vmid} -"
    before = _before(call, prefix)
    async with call.worker("qmrestore") as say:
        try:
            async with call.node.locking.config(call.vmid, say, seconds=5):
                await _Restore(call, path, before, say).run()
        except Failure as failure:
            raise Failure(f"{prefix} {failure.message}", failure.status) from failure


def _path(call: Call, archive: str) -> str:
    if archive == "-":
        raise NotSimulated("an archive on stdin")
    storages, files = call.node.storages, call.node.machine.files
    if re.fullmatch(r"[A-Za-z][\w.-]*[A-Za-z0-9]:\S+", archive):
        storages.usable(storages.split(archive)[0].id)
        path = storages.path(archive)
        if not files.is_file(path):
            raise Failure(f"volume '{archive}' does not exist", 2)
        return path
    if not files.is_file(archive) or not archive.startswith("/"):
        raise Failure(f"can't find file '{archive}'", 2)
    return archive


def _before(call: Call, prefix: str) -> VmConfig | None:
    """Return the VM that is to be overwritten; the program dies if it may not be."""
    node, owner = call.node, call.node.cluster.owner(call.vmid)
    if owner is None:
        return None
    kind = "VM" if owner[1] == "qemu" else "CT"
    if not call.on("force") or owner != (node.name, "qemu"):
        raise Failure(f"{prefix} {kind} {call.vmid} already exists on node '{owner[0]}'")
    config = node.config(call.vmid)
    if config.lock:
        raise Failure(f"{prefix} VM is locked ({config.lock})")
    if config.values.get("protection") == "1":
        raise Failure(f"{prefix} - protection mode enabled")
    if node.guest(call.vmid):
        raise Failure(f"{prefix} vm is running")
    return config


@dataclass
class _Restore:
    """One restore; ``before`` is the VM that is overwritten."""

    call: Call
    path: str
    before: VmConfig | None
    say: Say

    async def run(self) -> None:
        node, vmid = self.call.node, self.call.vmid
        archive = self._read()
        volumes = Volumes(node, self.say)
        node.save(vmid, VmConfig({"lock": "create"}))
        try:
            await self._announce(archive)
            await self._make_room(archive, volumes)
            places = await self._allocate(archive, volumes)
            await self._extract(archive, places)
            config = self._config(archive, places)
            node.save(vmid, config)
            await self._rescan(config)
        except Failure:
            volumes.undo()
            node.forget(vmid)
            raise
        if pool := self.call.get("pool"):
            await store.add_vm_to_pool(node, vmid, pool, self.say)

    def _read(self) -> Archive:
        if not archives.is_archive_name(self.path):
            raise Failure(f"couldn't determine archive info from '{self.path}'")
        found = Archive.read(self.call.node.machine.files, self.path)
        if found is None:
            command = archives.reading_command(self.path, 0, self.call.process.pid)
            raise Failure(f"command 'set -o pipefail && {command}' failed: exit code 1")
        return found

    async def _announce(self, archive: Archive) -> None:
        limit = int(self.call.get("bwlimit") or 0)
        command = archives.reading_command(self.path, limit, self.call.process.pid)
        await self.say(f"restore vma archive: {command}\n")
        await self.say(f"CFG: size: {len(archive.config)} name: qemu-server.conf\n")
        for number, image in enumerate(archive.images, 1):
            size = image.disk.size_bytes
            name = f"drive-{image.slot}"
            await self.say(f"DEV: dev_id={number} size: {size} devname: {name}\n")
        await self.say(f"CTIME: {dates.local_time(archive.created)}\n")

    async def _make_room(self, archive: Archive, volumes: Volumes) -> None:
        """Remove the overwritten VM's disks that are restored; its others become unused."""
        if self.before is None:
            return
        slots = {image.slot for image in archive.images}
        for slot, drive in self.before.drives():
            if drive.has_volume and (slot in slots or drive.is_cloudinit):
                owner = volumes.node.storages.find(drive.file)
                if owner is not None and owner.vmid == self.call.vmid:
                    await volumes.free(drive.file)

    def _wish(self, storage: str, image_format: str, name: str = "") -> Wish:
        target = self.call.get("storage") or storage
        definition = self.call.node.storages.get(target)
        if "images" not in definition.content:
            raise Failure(f"Content type 'images' is not available on storage '{target}'")
        known = definition.kind.formats if definition.path else ("raw",)
        form = image_format if image_format in known else definition.default_format
        return Wish(target, self.call.vmid, form, name)

    async def _allocate(self, archive: Archive, volumes: Volumes) -> dict[str, str]:
        places = {}
        for image in archive.images:
            wish = self._wish(image.storage, image.format)
            places[image.slot] = await volumes.allocate(wish, image.disk.size_bytes)
            await self.say(f"new volume ID is '{places[image.slot]}'\n")
        for slot, drive in VmConfig.parse(archive.config).drives():
            if drive.is_cloudinit:
                storage, _, name = drive.file.partition(":")
                form = "qcow2" if name.endswith(".qcow2") else "raw"
                wish = self._wish(storage, form, f"vm-{self.call.vmid}-cloudinit")
                places[slot] = await volumes.allocate(wish, CLOUDINIT_SIZE)
                await self.say(f"new volume ID is '{places[slot]}'\n")
        return places

    async def _extract(self, archive: Archive, places: dict[str, str]) -> None:
        storages = self.call.node.storages
        for image in archive.images:
            path = storages.path(places[image.slot])
            zeros = int(storages.get(places[image.slot].partition(":")[0]).type == "lvm")
            await self.say(f"map 'drive-{image.slot}' to '{path}' (write zeros = {zeros})\n")
        await self._progress(archive.images)
        for image in archive.images:
            volume = storages.find(places[image.slot])
            if volume is not None:
                volume.disk = image.disk.copy()
        await self.say("rescan volumes...\n")

    async def _progress(self, images: tuple[Image, ...]) -> None:
        total = sum(image.disk.size_bytes for image in images)
        limit = self.call.bandwidth
        clock, passed = self.call.node.machine.clock, 0.0
        for percent in range(1, 101 if total else 1):
            passed += await transfer.wait(clock, total // 100, limit)
            done = total * percent // 100 // 65536 * 65536
            told = f"read {done} bytes, duration {int(passed)} sec"
            await self.say(f"progress {percent}% ({told})\n")
        if total:
            sparse = total - sum(min(written(i.disk), i.disk.size_bytes) for i in images)
            share = f"{100 * sparse / total:.3g}%"
            await self.say(f"total bytes read {total}, sparse bytes {sparse} ({share})\n")
            await self.say("space reduction due to 4K zero blocks 0%\n")

    def _config(self, archive: Archive, places: dict[str, str]) -> VmConfig:
        node = self.call.node
        text = re.sub(r"(?m)^#qmdump#.*\n", "", archive.config)
        config = VmConfig.parse(text)
        for slot, drive in config.drives():
            if slot in places:
                volume = node.storages.find(places[slot])
                size = format_size(volume.size) if volume else "0"
                properties = {k: v for k, v in drive.properties.items() if k != "format"}
                config.values[slot] = str(Drive(places[slot], properties).having(size=size))
        if config.values.get("vmgenid", "0") != "0":
            config.values["vmgenid"] = node.new_uuid()
        if self.call.on("unique"):
            self._renew(config)
        return config

    def _renew(self, config: VmConfig) -> None:
        node = self.call.node
        for key in [key for key in config.values if re.fullmatch(r"net\d+", key)]:
            config.values[key] = with_new_mac(node, config.values[key])
        before = config.values.get("smbios1", "")
        if "uuid=" in before:
            after = re.sub(r"uuid=[0-9a-fA-F-]+", f"uuid={node.new_uuid()}", before)
            config.values["smbios1"] = after

    async def _rescan(self, config: VmConfig) -> None:
        """Note the volumes of the id that nothing names."""
        node, vmid = self.call.node, self.call.vmid
        used = {volid for _, volid in config.volumes()}
        for definition in node.storages.active():
            for volid in node.storages.owned(definition.id, vmid):
                if volid not in used:
                    key = config.add_unused(volid)
                    said = f"VM {vmid} add unreferenced volume '{volid}' as '{key}' to config"
                    await self.say(f"{said}\n")
                    node.save(vmid, config)
