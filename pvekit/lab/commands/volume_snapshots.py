"""Snapshots of single volumes, as each type of storage makes them and what its tools print."""

from __future__ import annotations

from dataclasses import dataclass

from pvekit.lab.commands.volumes import Volumes
from pvekit.lab.failure import Failure
from pvekit.lab.features import format_of, has_feature
from pvekit.lab.storage import short_name
from pvekit.lab.storages.volume import Snapshot


@dataclass(frozen=True)
class VolumeSnapshots:
    """Works on one volume's snapshots."""

    volumes: Volumes
    volid: str

    @property
    def _type(self) -> str:
        return self.volumes.node.storages.get(self.volid.partition(":")[0]).type

    @property
    def _short(self) -> str:
        return short_name(self.volid.partition(":")[2])

    async def create(self, name: str) -> None:
        """Keep what the volume holds now."""
        volume = self.volumes.get(self.volid)
        if volume.snapshot(name):
            raise Failure(f"snapshot '{name}' already exists")
        disk = None if volume.disk is None else volume.disk.copy()
        now = self.volumes.node.machine.clock.now()
        volume.snapshots.append(Snapshot(name, volume.size, disk, now))
        if self._type == "lvmthin":
            await self._say(f'  Logical volume "{self._thin(name)}" created.\n')
        elif self._type == "rbd":
            await self._say("Creating snap: 100% complete...done.\n")

    async def delete(self, name: str) -> None:
        """Forget what was kept."""
        volume = self.volumes.get(self.volid)
        snapshot = volume.snapshot(name)
        if snapshot is None:
            raise Failure(self._missing(name))
        volume.snapshots.remove(snapshot)
        if self._type == "lvmthin":
            await self._say(f'  Logical volume "{self._thin(name)}" successfully removed.\n')
        elif self._type == "rbd":
            await self._say("Removing snap: 100% complete...done.\n")

    def check_rollback(self, name: str) -> None:
        """Die if the volume cannot go back: zfs goes back to the latest only."""
        volume = self.volumes.get(self.volid)
        if self._type == "zfspool":
            names = [snapshot.name for snapshot in volume.snapshots]
            if name not in names:
                why = f"snapshot '{name}' does not exist on '{self.volid}'"
                raise Failure(f"can't rollback, {why}")
            if names[-1] != name:
                why = f"'{name}' is not most recent snapshot on '{self.volid}'"
                raise Failure(f"can't rollback, {why}")
        elif not has_feature(self.volumes.node.storages, "snapshot", self.volid):
            image_format = format_of(self.volid)
            raise Failure(f"can't rollback snapshot for '{image_format}' volumes")

    async def rollback(self, name: str) -> None:
        """Let the volume hold again what it held."""
        volume = self.volumes.get(self.volid)
        snapshot = volume.snapshot(name)
        if snapshot is None:
            raise Failure(self._missing(name))
        volume.size = snapshot.size
        volume.disk = None if snapshot.disk is None else snapshot.disk.copy()
        if self._type == "lvmthin":
            await self._say(
                f'  Logical volume "{self._short}" successfully removed.\n'
                f'  Logical volume "{self._short}" created.\n'
            )
        elif self._type == "rbd":
            await self._say("Rolling back to snapshot: 100% complete...done.\n")

    def _missing(self, name: str) -> str:
        path = self.volumes.node.storages.path(self.volid)
        if self._type == "lvmthin":
            return f"lvremove snapshot 'pve/{self._thin(name)}' error: exit code 5"
        return f"command '/usr/bin/qemu-img snapshot -d {name} {path}' failed: exit code 1"

    def _thin(self, name: str) -> str:
        return f"snap_{self._short}_{name}"

    async def _say(self, text: str) -> None:
        await self.volumes.say(text)
