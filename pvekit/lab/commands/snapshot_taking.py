"""How a snapshot is taken: noted under a lock, then disk after disk, then made valid."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from pvekit.lab import snapshots
from pvekit.lab.amounts import render_bytes
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.guards import check_lock
from pvekit.lab.commands.presence import agent_answers
from pvekit.lab.commands.snapshot_removal import Removal
from pvekit.lab.commands.vmstate import allocate
from pvekit.lab.commands.volume_snapshots import VolumeSnapshots
from pvekit.lab.commands.volumes import Volumes
from pvekit.lab.failure import Failure
from pvekit.lab.features import has_feature
from pvekit.lab.guests.hardware import hardware
from pvekit.lab.snapshots import Snapshot
from pvekit.lab.vmconfig import VmConfig
from pvekit.lab.workers import was_killed


@dataclass
class Taking:
    """One snapshot that is taken."""

    call: Call
    volumes: Volumes
    name: str

    async def run(self) -> None:
        """Take it; after a failure nothing of it stays."""
        snapshot = await self._prepare()
        done: list[str] = []
        try:
            await self._freeze(snapshot)
            for slot, drive in snapshot.drives():
                if drive.has_volume and not drive.is_cdrom:
                    await self.volumes.say(f"snapshotting 'drive-{slot}' ({drive.file})\n")
                    await VolumeSnapshots(self.volumes, drive.file).create(self.name)
                    done.append(slot)
        except Failure as failure:
            await self._clean_up(done)
            raise Failure(f"{failure.message}\n") from failure
        except asyncio.CancelledError:
            if was_killed(self.call.process):
                raise
            await self._clean_up(done)
            raise
        await self._commit()

    async def _prepare(self) -> Snapshot:
        node, vmid = self.call.node, self.call.vmid
        async with node.locking.config(vmid, self.volumes.say):
            config = node.config(vmid)
            known = self._check(config)
            snapshot = Snapshot(self.name, snapshots.frozen(config))
            if self.call.on("vmstate") and node.guest(vmid):
                snapshot.values |= await allocate(self.call, self.volumes, config, self.name)
            now = int(node.machine.clock.now())
            snapshot.values |= {"snapstate": "prepare", "snaptime": str(now)}
            snapshot.description = self.call.get("description")
            config.values["lock"] = "snapshot"
            snapshots.store(config, {**known, self.name: snapshot})
            node.save(vmid, config)
        return snapshot

    def _check(self, config: VmConfig) -> dict[str, Snapshot]:
        """Return the snapshots there are; the program dies if another one cannot be taken."""
        if config.is_template:
            raise Failure("you can't take a snapshot if it's a template")
        check_lock(config)
        known = snapshots.parse(config)
        if self.name in known:
            raise Failure(f"snapshot name '{self.name}' already used")
        disks = [drive.file for _, drive in config.drives() if _is_disk(drive.file, drive.is_cdrom)]
        if not all(has_feature(self.call.node.storages, "snapshot", volid) for volid in disks):
            raise Failure("snapshot feature is not available")
        return known

    async def _freeze(self, snapshot: Snapshot) -> None:
        guest = self.call.node.guest(self.call.vmid)
        if guest is None:
            return
        if snapshot.vmstate:
            await self._save_memory(snapshot)
        elif hardware(snapshot.values).agent:
            await agent_answers(self.call, self.volumes.say)
        guest.flush()

    async def _save_memory(self, snapshot: Snapshot) -> None:
        say, clock = self.volumes.say, self.call.node.machine.clock
        storage = snapshot.vmstate.partition(":")[0]
        await say(f"saving VM state and RAM using storage '{storage}'\n")
        pace = int(clock.figures.suspend_to_disk * (1 << 20))
        total = min(snapshot.config().memory_mb << 20, 2 * pace)
        seconds = 0
        for seconds in range(max(1, -(-total // pace))):
            done = max(512 << 10, seconds * pace)
            await say(f"{render_bytes(done)} in {seconds}s\n")
            await clock.sleep(1)
        await say(f"completed saving the VM state in {seconds + 1}s, saved {render_bytes(total)}\n")

    async def _commit(self) -> None:
        node, vmid = self.call.node, self.call.vmid
        async with node.locking.config(vmid, self.volumes.say):
            config = node.config(vmid)
            if config.lock != "snapshot":
                raise Failure("missing snapshot lock")
            known = snapshots.parse(config)
            if self.name not in known:
                raise Failure(f"snapshot '{self.name}' does not exist")
            if known[self.name].state != "prepare":
                raise Failure("wrong snapshot state")
            del known[self.name].values["snapstate"]
            del config.values["lock"]
            config.values["parent"] = self.name
            snapshots.store(config, known)
            node.save(vmid, config)

    async def _clean_up(self, done: list[str]) -> None:
        await self.volumes.say("snapshot create failed: starting cleanup\n")
        try:
            await Removal(self.call, self.volumes, self.name).undo(done)
        except Failure as failure:
            await self.volumes.say(f"{failure.message}\n")


def _is_disk(volid: str, is_cdrom: bool) -> bool:  # noqa: FBT001
    return not is_cdrom and volid != "none"
