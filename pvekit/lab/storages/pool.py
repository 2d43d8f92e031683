"""The space behind a storage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pvekit.lab.memorytree import MemoryTree
from pvekit.lab.storages.filetree import ImageTree
from pvekit.lab.storages.volume import Volume, VolumeTable


@dataclass
class Pool:
    """The space behind a storage, shared by all nodes that see the same.

    ``total`` is in bytes; ``copies`` counts the copies onto it that run now. ``thick`` volumes
    take their whole size. ``tree`` holds the other files of a storage that is mounted; ``images``
    shows the volumes of a storage of files as such.
    """

    total: int
    volumes: VolumeTable = field(default_factory=VolumeTable)
    copies: int = 0
    thick: bool = False
    tree: MemoryTree | None = None
    images: ImageTree | None = None

    def shown(self, now: Callable[[], float]) -> ImageTree:
        """Return the volumes as files."""
        if self.images is None:
            self.images = ImageTree(now, self.volumes)
        return self.images

    def adopt(self) -> None:
        """Note the image files that programs wrote meanwhile."""
        if self.images is not None:
            self.images.adopt()

    @property
    def used(self) -> int:
        """Bytes in use."""
        other = 0 if self.tree is None else self.tree.used
        if self.thick:
            return other + self.promised
        return other + self.volumes.written()

    @property
    def promised(self) -> int:
        """The bytes that all volumes would take if they were full."""
        return sum(volume.size for volume in self.volumes.values())

    def to_data(self) -> dict[str, Any]:
        """Return the pool as JSON data."""
        return {
            "total": self.total,
            "thick": self.thick,
            "tree": None if self.tree is None else self.tree.to_data(),
            "volumes": [volume.to_data() for volume in self.volumes.values()],
        }

    def restore(self, data: Mapping[str, Any]) -> None:
        """Take over what :meth:`to_data` gave."""
        volumes = map(Volume.from_data, data["volumes"])
        self.total, self.thick = data["total"], data["thick"]
        self.volumes = VolumeTable({volume.name: volume for volume in volumes})
        self.images = None
        if self.tree is not None and data["tree"] is not None:
            self.tree.load(data["tree"])
