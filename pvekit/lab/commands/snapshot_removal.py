"""How a snapshot is removed: step by step under a lock of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from pvekit.lab import snapshots
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.guards import check_lock
from pvekit.lab.commands.volume_snapshots import VolumeSnapshots
from pvekit.lab.commands.volumes import Volumes
from pvekit.lab.failure import Failure
from pvekit.lab.snapshots import Snapshot
from pvekit.lab.vmconfig import Drive, VmConfig

_LOCK = "snapshot-delete"


@dataclass
class Removal:
    """One snapshot that is removed."""

    call: Call
    volumes: Volumes
    name: str

    async def run(self, *, force: bool = False) -> None:
        """Remove it; with ``force`` from the configuration even if a disk refuses."""
        self._existing(self.call.node.config(self.call.vmid))
        await self._change(self._lock, "")
        await self._change(self._mark, _LOCK)
        await self._remove(None, force=force, lock=_LOCK)

    async def undo(self, done: Sequence[str]) -> None:
        """Remove what a snapshot left that failed: it has the slots ``done``."""
        await self._change(self._mark, "snapshot")
        await self._remove(done, force=True, lock="snapshot")

    async def _remove(self, done: Sequence[str] | None, *, force: bool, lock: str) -> None:
        snapshot = self._existing(self.call.node.config(self.call.vmid))
        if snapshot.vmstate:
            await self._guarded(self.volumes.free(snapshot.vmstate), force=force)
            if not force:
                await self._change(lambda config: self._without(config, "vmstate"), lock)
        for slot, drive in list(snapshot.drives()):
            if not drive.has_volume or drive.is_cdrom:
                continue
            if done is None or slot in done:
                work = VolumeSnapshots(self.volumes, drive.file).delete(self.name)
                await self._guarded(work, force=force)
        await self._change(self._forget, lock)

    async def _guarded(self, work: Awaitable[None], *, force: bool) -> None:
        try:
            await work
        except Failure as failure:
            if not force:
                raise
            await self.volumes.say(f"{failure.message}\n")

    async def _change(self, change: Callable[[VmConfig], None], lock: str) -> None:
        node, vmid = self.call.node, self.call.vmid
        async with node.locking.config(vmid, self.volumes.say):
            config = node.config(vmid)
            if lock and config.lock != lock:
                raise Failure(f"encountered invalid lock, expected '{lock}'")
            change(config)
            node.save(vmid, config)

    def _existing(self, config: VmConfig) -> Snapshot:
        snapshot = snapshots.find(config, self.name)
        if snapshot is None:
            raise Failure(f"snapshot '{self.name}' does not exist")
        return snapshot

    def _lock(self, config: VmConfig) -> None:
        check_lock(config)
        config.values["lock"] = _LOCK

    def _mark(self, config: VmConfig) -> None:
        if config.is_template:
            raise Failure("you can't delete a snapshot if vm is a template")
        self._existing(config)
        known = snapshots.parse(config)
        known[self.name].values["snapstate"] = "delete"
        snapshots.store(config, known)

    def _without(self, config: VmConfig, key: str) -> None:
        known = snapshots.parse(config)
        known[self.name].values.pop(key, None)
        snapshots.store(config, known)

    def _forget(self, config: VmConfig) -> None:
        gone = self._existing(config)
        known = snapshots.parse(config)
        del known[self.name]
        for values in (config.values, *(snapshot.values for snapshot in known.values())):
            if values.get("parent") == self.name:
                values.pop("parent")
                if gone.parent:
                    values["parent"] = gone.parent
        config.values.pop("lock", None)
        snapshots.store(config, known)
        self._keep_disks(config, gone)

    def _keep_disks(self, config: VmConfig, gone: Snapshot) -> None:
        """Note the disks that only this snapshot named as unused."""
        used = {volid for _, volid in config.volumes()} | set(snapshots.volumes(config))
        for _, drive in gone.drives():
            if _is_volume(drive) and drive.file not in used:
                config.add_unused(drive.file)


def _is_volume(drive: Drive) -> bool:
    return drive.has_volume and not drive.is_cdrom
