"""Volumes, and the space that they take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from pvekit.lab.guests.disk import Disk
from pvekit.lab.images import SYSTEM, written
from pvekit.lab.storages.naming import parent_of


@dataclass(frozen=True)
class Snapshot:
    """What a volume was like: its size in bytes and its content."""

    name: str
    size: int
    disk: Disk | None
    created: float = 0.0

    def to_data(self) -> dict[str, Any]:
        """Return the snapshot as JSON data."""
        return {**vars(self), "disk": None if self.disk is None else self.disk.to_data()}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Snapshot:
        """Return the snapshot that :meth:`to_data` described."""
        return cls(**{**data, "disk": Disk.from_data(data["disk"]) if data["disk"] else None})


@dataclass
class Volume:
    """A disk image on a storage; ``name`` is the part of the volume id after the storage.

    ``size`` is in bytes; a cloud-init drive has no ``disk``: it is generated at each start.
    ``snapshots`` are oldest first.
    """

    name: str
    vmid: int
    size: int
    format: str
    disk: Disk | None = None
    created: float = 0.0
    snapshots: list[Snapshot] = field(default_factory=list)

    @property
    def used(self) -> int:
        """The bytes that it takes on thin storage."""
        return min(self.size, written(self.disk))

    @property
    def file(self) -> str:
        """Where the image lies below the directory for images, on a storage of files."""
        return "/".join(self.name.split("/")[-2:])

    def snapshot(self, name: str) -> Snapshot | None:
        """Return a snapshot by name."""
        return next((snapshot for snapshot in self.snapshots if snapshot.name == name), None)

    def to_data(self) -> dict[str, Any]:
        """Return the volume as JSON data."""
        disk = None if self.disk is None else self.disk.to_data()
        return {**vars(self), "disk": disk, "snapshots": [s.to_data() for s in self.snapshots]}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Volume:
        """Return the volume that :meth:`to_data` described."""
        disk = None if data["disk"] is None else Disk.from_data(data["disk"])
        snapshots = [Snapshot.from_data(entry) for entry in data.get("snapshots", ())]
        return cls(**{**data, "disk": disk, "snapshots": snapshots})


class VolumeTable(MutableMapping[str, Volume]):
    """The volumes of one pool by name, found by their owner and their base image too."""

    def __init__(self, volumes: Mapping[str, Volume] | None = None) -> None:
        self._volumes: dict[str, Volume] = {}
        self._owned: dict[int, dict[str, Volume]] = {}
        self._files: dict[str, str] = {}
        self._children: dict[str, set[str]] = {}
        self.update(volumes or {})

    def __getitem__(self, name: str) -> Volume:
        return self._volumes[name]

    def __setitem__(self, name: str, volume: Volume) -> None:
        if name in self._volumes:
            del self[name]
        self._volumes[name] = volume
        self._owned.setdefault(volume.vmid, {})[name] = volume
        self._files["/".join(name.split("/")[-2:])] = name
        if parent := parent_of(name):
            self._children.setdefault(parent, set()).add(name)

    def __delitem__(self, name: str) -> None:
        volume = self._volumes.pop(name)
        for owned in (self._owned.get(volume.vmid, {}), *self._owned.values()):
            if owned.pop(name, None) is not None:
                break
        self._files.pop("/".join(name.split("/")[-2:]), None)
        if parent := parent_of(name):
            self._children[parent].discard(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._volumes)

    def __len__(self) -> int:
        return len(self._volumes)

    def owned(self, vmid: int) -> list[Volume]:
        """Return the volumes of one VM, oldest first."""
        return list(self._owned.get(vmid, {}).values())

    def children(self, name: str) -> list[str]:
        """Return the names of the linked clones that live on a base image."""
        return sorted(self._children.get(name, ()))

    def at(self, file: str) -> Volume | None:
        """Return the volume whose image file has this path below the images' directory."""
        name = self._files.get(file)
        return None if name is None else self._volumes[name]

    def directory(self, vmid: int) -> list[str]:
        """Return the names of the image files in a VM's directory."""
        return [volume.file.rpartition("/")[2] for volume in self.owned(vmid)]

    def written(self) -> int:
        """Return the bytes that all volumes take on thin storage; most of them are few."""
        used = 0
        for volume in self._volumes.values():
            disk = volume.disk
            if disk is None:
                continue
            if disk.patterns or disk.raw:
                used += volume.used
            elif disk.files:
                used += min(SYSTEM, volume.size)
        return used

    def owners(self) -> list[int]:
        """Return the ids of the VMs that have volumes here."""
        return [vmid for vmid, owned in self._owned.items() if owned]
