"""The part of a migration in which the VM runs: its disks and memory follow it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pvekit.lab.amounts import render_bytes
from pvekit.lab.commands.mirror import Mirroring
from pvekit.lab.commands.transfer import make_alike
from pvekit.lab.failure import Failure
from pvekit.lab.tasks import Copy

if TYPE_CHECKING:
    from pvekit.lab.commands.migration import Migration
    from pvekit.lab.commands.migration_plan import Local

_DOWNTIME = 100  # milliseconds


@dataclass(frozen=True)
class Live:
    """The running VM of a migration, and its disks that move with it."""

    migration: Migration
    moving: Sequence[Local]

    async def run(self) -> None:
        """Bring disks and memory over, up to the moment at which the target can go on."""
        log, vmid = self.migration.log, self.migration.call.vmid
        target = self.migration.call.values["target"]
        await log(f"starting VM {vmid} on remote node '{target}'")
        for local in self.moving:
            await self._allocate(local)
        await log("start remote tunnel")
        await log("ssh tunnel ver 1")
        if self.moving:
            await self._mirror()
        await self._move_memory()
        if self.moving:
            await self._complete()

    async def _allocate(self, local: Local) -> None:
        node = self.migration.call.node
        there = node.peers[self.migration.call.values["target"]]
        source = node.storages.find(local.volid)
        if source is None:
            raise Failure(f"volume '{local.volid}' does not exist")
        new = make_alike(there, source, local)
        self.migration.names[local.volid] = new
        await self.migration.log(f"volume '{local.volid}' is '{new}' on the target")

    async def _mirror(self) -> None:
        log, call = self.migration.log, self.migration.call
        await log("starting storage migration")
        there = call.node.peers[call.values["target"]]
        for local in self.moving:
            socket = f"nbd:unix:/run/qemu-server/{call.vmid}_nbd.migrate"
            await log(f"{local.slot}: start migration to {socket}:exportname=drive-{local.slot}")
            await self.migration.say(f"drive mirror is starting for drive-{local.slot}\n")
            copy = Copy(call.node.machine.clock, there.storages.pool(local.target), call.bandwidth)
            telling = Mirroring(f"drive-{local.slot}", copy.pace())
            await copy.run(local.size, self.migration.say, telling)
            await self.migration.say("all 'mirror' jobs are ready\n")
        await log("switching mirror jobs to actively synced mode")
        for local in self.moving:
            job = f"drive-{local.slot}"
            await self.migration.say(
                f"{job}: switching to actively synced mode\n"
                f"{job}: successfully switched to actively synced mode\n"
            )

    async def _move_memory(self) -> None:
        log, vmid = self.migration.log, self.migration.call.vmid
        socket = f"unix:/run/qemu-server/{vmid}.migrate"
        memory = self.migration.config.memory_mb << 20
        for line in (
            f"starting online/live migration on {socket}",
            "set migration capabilities",
            f"migration downtime limit: {_DOWNTIME} ms",
            f"migration cachesize: {render_bytes(_cache(memory), 1)}",
            "set migration parameters",
            f"start migrate command to {socket}",
        ):
            await log(line)
        clock = self.migration.call.node.machine.clock
        speed = done = int(clock.figures.live_migration) << 20
        while done < memory:
            told = f"transferred {render_bytes(done, 1)} of {render_bytes(memory, 1)} VM-state"
            await log(f"migration active, {told}, {render_bytes(speed, 1)}/s")
            await clock.sleep(1)
            done += speed
        await clock.sleep(min(1.0, memory / speed))
        await log(
            f"average migration speed: {render_bytes(speed, 1)}/s - downtime {_DOWNTIME // 2} ms"
        )
        await log(f"migration completed, transferred {render_bytes(memory, 1)} VM-state")
        await log("migration status: completed")

    async def _complete(self) -> None:
        say = self.migration.say
        await say("all 'mirror' jobs are ready\n")
        jobs = sorted(f"drive-{local.slot}" for local in self.moving)
        for job in jobs:
            await say(f"{job}: Completing block job...\n{job}: Completed successfully.\n")
        for job in jobs:
            await say(f"{job}: mirror-job finished\n")

    async def resume(self) -> None:
        """Let the guest go on at the target: it does not notice."""
        call = self.migration.call
        if self.moving:
            await self.migration.log("stopping NBD storage migration server on target.")
        call.node.hand_over(call.vmid, call.node.peers[call.values["target"]])


def _cache(memory: int) -> int:
    """Return a tenth of the memory, rounded up to a power of two."""
    tenth, size = memory // 10, 1
    while size < tenth:
        size *= 2
    return size
