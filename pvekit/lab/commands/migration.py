"""A migration under way: the volumes go first, then the configuration, and a running VM with it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from pvekit.lab import snapshots
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.guards import check_lock
from pvekit.lab.commands.live import Live
from pvekit.lab.commands.migration_plan import (
    Local,
    Scan,
    StorageMap,
    check_content,
    local_resources,
    referenced,
)
from pvekit.lab.commands.transfer import Transfer
from pvekit.lab.commands.volumes import Volumes
from pvekit.lab.dates import stamp
from pvekit.lab.failure import Failure
from pvekit.lab.tasks import Say
from pvekit.lab.vmconfig import VmConfig, format_size
from pvekit.lab.workers import INTERRUPTED, was_killed

_SCANNING = "Problem found while scanning volumes - "


@dataclass
class Migration:
    """One migration; ``names`` are the new volume ids by the old ones."""

    call: Call
    say: Say
    online: bool
    config: VmConfig = field(default_factory=VmConfig)
    names: dict[str, str] = field(default_factory=dict)
    began: float = 0.0

    async def run(self) -> None:
        """Move the VM; after a failure it stays where it was."""
        self.began = self.call.node.machine.clock.now()
        try:
            async with self.call.node.locking.config(self.call.vmid, self.say):
                self._prepare()
                await self._phases()
        except Failure as failure:
            lasted = f"(duration {self._duration()})"
            await self.fail(f"migration aborted {lasted}: {failure.message}")
            raise Failure("migration aborted") from failure
        await self.log(f"migration finished successfully (duration {self._duration()})")

    # Words

    async def log(self, text: str, level: str = "") -> None:
        """Say lines with the time in front."""
        now = stamp(self.call.node.machine.clock.now())
        lines = [f"{now} {level}{line}\n" for line in text.split("\n") if line.strip()]
        await self.say("".join(lines))

    async def fail(self, text: str) -> None:
        """Say that something went wrong."""
        await self.log(text, "ERROR: ")

    def _duration(self) -> str:
        seconds = int(self.call.node.machine.clock.now() - self.began)
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"

    # Before anything is changed

    @property
    def _mapping(self) -> StorageMap:
        given = self.call.get("targetstorage")
        return StorageMap.parse(given) if given else StorageMap()

    def _prepare(self) -> None:
        node, vmid = self.call.node, self.call.vmid
        self.config = node.config(vmid)
        check_lock(self.config)
        if node.guest(vmid) and not self.online:
            raise Failure("can't migrate running VM without --online")
        self.online = node.guest(vmid) is not None
        tied = local_resources(self.config)
        if tied and not self.call.on("force"):
            raise Failure(f"can't migrate VM which uses local devices: {', '.join(tied)}")
        peer = node.peers[self.call.values["target"]]
        for volid in referenced(self.config):
            definition = node.storages.enabled(volid.partition(":")[0])
            there = definition.id if definition.shared else self._mapping.target(definition.id)
            check_content(peer, volid, there)
        if not node.cluster.online(peer.name):
            raise Failure("Can't connect to destination address using public key")

    # The phases

    async def _phases(self) -> None:
        node, target = self.call.node, self.call.values["target"]
        address = next(m.address for m in node.cluster.members if m.name == target)
        if self.online and node.capacity.pve.startswith("9"):
            why = "active connections might get dropped"
            await self.log(f"conntrack state migration not supported or disabled, {why}")
        volumes: list[Local] = []
        try:
            words = f"starting migration of VM {self.call.vmid} to node '{target}' ({address})"
            await self.log(words)
            self._save(lock="migrate")
            volumes = await self._scan()
            await self._copy([local for local in volumes if not local.online])
            if self.online:
                moving = [local for local in volumes if local.online]
                await Live(self, moving).run()
        except Failure as failure:
            await self._go_back(failure)
            raise
        except asyncio.CancelledError:
            if was_killed(self.call.process):
                raise
            interrupted = Failure(INTERRUPTED)
            await self._go_back(interrupted)
            raise interrupted from None
        await self._finish(volumes)

    def _save(self, *, lock: str = "") -> None:
        self.config.values.pop("lock", None)
        if lock:
            self.config.values["lock"] = lock
        self.call.node.save(self.call.vmid, self.config)

    async def _scan(self) -> list[Local]:
        call = self.call
        scan = Scan(
            call.node,
            call.vmid,
            self.config,
            self._mapping,
            call.values["target"],
            self.online,
            call.on("with-local-disks"),
        )
        volumes, lines = scan.run()
        for line in [*lines, *(problems := scan.check(volumes))]:
            await self.log(line)
        if problems:
            raise Failure(f"{_SCANNING}can't migrate VM - check log")
        try:
            scan.check_kinds(volumes)
        except Failure as failure:
            raise Failure(f"{_SCANNING}{failure.message}") from failure
        await self._update_sizes(volumes)
        return volumes

    async def _update_sizes(self, volumes: Sequence[Local]) -> None:
        """Write the sizes that the disks have, so that the target makes them alike."""
        sizes = {local.volid: local.size for local in volumes}
        for slot, drive in list(self.config.drives()):
            size = sizes.get(drive.file, 0)
            if not size or drive.size_bytes == size or slot in {"efidisk0", "tpmstate0"}:
                continue
            old, new = format_size(drive.size_bytes), format_size(size)
            if "size" in drive.properties:
                told = f"size of disk '{drive.file}' updated from {old} to {new}"
                await self.log(f"drive '{slot}': {told}")
            if not drive.is_cdrom:
                self.config.values[slot] = str(drive.having(size=new))
        self._save(lock="migrate")

    async def _copy(self, volumes: Sequence[Local]) -> None:
        if volumes:
            await self.log("copying local disk images")
        for local in volumes:
            try:
                new = await Transfer(self, local).run()
            except Failure as failure:
                words = f"storage migration for '{local.volid}' to storage '{local.target}' failed"
                raise Failure(f"{words} - {failure.message}") from failure
            self.names[local.volid] = new
            await self.log(f"volume '{local.volid}' is '{new}' on the target")

    async def _go_back(self, failure: Failure) -> None:
        await self.fail(failure.message)
        await self.log("aborting phase 1 - cleanup resources")
        self._save()
        peer = self.call.node.peers[self.call.values["target"]]
        for volid in self.names.values():
            peer.storages.remove(volid)

    async def _finish(self, volumes: Sequence[Local]) -> None:
        """Let the target have the configuration, and remove what was copied from here."""
        node, vmid, target = self.call.node, self.call.vmid, self.call.values["target"]
        snapshots.rename_volumes(self.config, self.names)
        self._save(lock="migrate")
        there = node.config_path(vmid).replace(f"/{node.name}/", f"/{target}/")
        node.machine.files.rename(node.config_path(vmid), there)
        if self.online:
            await Live(self, [local for local in volumes if local.online]).resume()
        gone = Volumes(node, self.say)
        for local in volumes:
            await gone.free(local.volid)
        self._unlock()

    def _unlock(self) -> None:
        peer = self.call.node.peers[self.call.values["target"]]
        config = peer.config(self.call.vmid)
        config.values.pop("lock", None)
        peer.save(self.call.vmid, config)
