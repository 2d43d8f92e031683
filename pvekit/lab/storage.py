"""Storages: their definitions in ``storage.cfg``, the volumes on them, and how these are named."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pvekit.lab.failure import Failure
from pvekit.lab.files import FileSystem
from pvekit.lab.guests.disk import Disk

CONFIG = "/etc/pve/storage.cfg"
_WRITTEN = 1 << 30  # bytes that a system disk takes on thin storage, whatever its size
_FILE_CONTENT = {"iso": "template/iso", "vztmpl": "template/cache", "snippets": "snippets"} | {
    "backup": "dump",
    "import": "import",
}
_BLOCK_IMAGE = re.compile(r"(?:(?P<base>base-\d+-[^/]+)/)?(?P<name>(vm|base)-\d+-[^/\s]+)")
_DIR_IMAGE = re.compile(
    r"(?:(?P<base>\d+/base-\S+?)/)?(?P<vmid>\d+)/(?P<name>[^/]+\.(raw|qcow2|vmdk))"
)


@dataclass(frozen=True)
class Definition:
    """One section of ``storage.cfg``."""

    id: str
    type: str
    options: Mapping[str, str]

    @property
    def content(self) -> frozenset[str]:
        """The content types it may hold."""
        return frozenset(self.options.get("content", "images,rootdir").split(","))

    @property
    def shared(self) -> bool:
        """Whether all nodes see the same volumes."""
        return self.type == "rbd" or self.options.get("shared") == "1"

    @property
    def disabled(self) -> bool:
        """Whether it is switched off."""
        return "disable" in self.options

    @property
    def path(self) -> str:
        """The directory of a storage of files, or nothing."""
        return self.options.get("path", "")

    def on(self, node: str) -> bool:
        """Return whether a node has it."""
        return "nodes" not in self.options or node in self.options["nodes"].split(",")


def parse(text: str) -> dict[str, Definition]:
    """Read ``storage.cfg``."""
    found: dict[str, Definition] = {}
    options: dict[str, str] = {}
    for line in text.splitlines():
        if head := re.fullmatch(r"(\w+):\s*(\S+)\s*", line):
            options = {}
            found[head[2]] = Definition(head[2], head[1], options)
        elif words := line.split(None, 1):
            options[words[0]] = words[1].strip() if len(words) > 1 else "1"
    return found


@dataclass
class Volume:
    """A disk image on a storage; ``name`` is the part of the volume id after the storage.

    ``size`` is in bytes; a cloud-init drive has no ``disk``: it is generated at each start.
    """

    name: str
    vmid: int
    size: int
    format: str
    disk: Disk | None = None
    created: float = 0.0

    @property
    def used(self) -> int:
        """The bytes that it takes on thin storage."""
        written = _WRITTEN if self.disk is not None and self.disk.files else 0
        return min(self.size, written)

    def to_data(self) -> dict[str, Any]:
        """Return the volume as JSON data."""
        disk = None if self.disk is None else self.disk.to_data()
        return {**vars(self), "disk": disk}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Volume:
        """Return the volume that :meth:`to_data` described."""
        disk = None if data["disk"] is None else Disk.from_data(data["disk"])
        return cls(**{**data, "disk": disk})


@dataclass
class Pool:
    """The space behind a storage, shared by all nodes that see the same.

    ``total`` is in bytes; ``copies`` counts the copies onto it that run now.
    """

    total: int
    volumes: dict[str, Volume] = field(default_factory=dict)
    copies: int = 0

    @property
    def used(self) -> int:
        """Bytes in use."""
        return sum(volume.used for volume in self.volumes.values())


def image_name(definition: Definition, vmid: int, name: str, image_format: str) -> str:
    """Return the part of the volume id after the storage, for a name such as vm-100-disk-0."""
    if definition.path:
        return f"{vmid}/{name}.{image_format}"
    return name


def parent_of(name: str) -> str:
    """Return the base image that a linked clone's name begins with, or nothing."""
    found = _DIR_IMAGE.fullmatch(name) or _BLOCK_IMAGE.fullmatch(name)
    return found["base"] or "" if found else ""


def short_name(name: str) -> str:
    """Return vm-100-disk-0 for any name of that volume."""
    return name.rpartition("/")[2].partition(".")[0]


class Storages:
    """The storages as one node sees them; ``pools`` are the spaces behind them, by storage id."""

    def __init__(
        self, node: str, files: FileSystem, pools: dict[str, Pool], now: Callable[[], float]
    ) -> None:
        self.node = node
        self.pools = pools
        self._files = files
        self._now = now

    def defined(self) -> dict[str, Definition]:
        """Return all definitions, by storage id."""
        return parse(self._files.read(CONFIG).decode())

    def get(self, storage: str) -> Definition:
        """Return a definition; the program dies if there is none."""
        definition = self.defined().get(storage)
        if definition is None:
            raise Failure(f"storage '{storage}' does not exist")
        return definition

    def usable(self, storage: str) -> Definition:
        """Return a definition that is switched on and on this node; else the program dies."""
        definition = self.get(storage)
        if definition.disabled:
            raise Failure(f"storage '{storage}' is disabled")
        if not definition.on(self.node):
            raise Failure(f"storage '{storage}' is not available on node '{self.node}'")
        return definition

    def active(self) -> Iterator[Definition]:
        """Return the definitions that are usable here."""
        for definition in self.defined().values():
            if not definition.disabled and definition.on(self.node):
                yield definition

    def pool(self, storage: str) -> Pool:
        """Return the space behind a storage; one that was just defined is empty."""
        return self.pools.setdefault(storage, Pool(total=32 << 30))

    def find(self, volid: str) -> Volume | None:
        """Return an image by volume id."""
        storage, _, name = volid.partition(":")
        return self.pool(storage).volumes.get(name) if storage in self.defined() else None

    def exists(self, volid: str) -> bool:
        """Return whether there is an image or a file of this volume id."""
        storage, _, name = volid.partition(":")
        definition = self.get(storage)
        if definition.path and not _DIR_IMAGE.fullmatch(name):
            return self._files.is_file(self.path(volid))
        return self.find(volid) is not None

    def check_name(self, definition: Definition, name: str) -> None:
        """Die unless a name can be that of a volume on this storage."""
        if not definition.path:
            if not _BLOCK_IMAGE.fullmatch(name):
                kind = "lvm" if definition.type == "lvmthin" else definition.type
                raise Failure(f"unable to parse {kind} volume name '{name}'")
        elif not _DIR_IMAGE.fullmatch(name) and name.partition("/")[0] not in _FILE_CONTENT:
            raise Failure(f"unable to parse directory volume name '{name}'")

    def path(self, volid: str) -> str:
        """Return where a volume is found in the node's file system (or for QEMU, with rbd)."""
        storage, _, name = volid.partition(":")
        definition = self.get(storage)
        self.check_name(definition, name)
        if definition.path:
            kind, _, rest = name.partition("/")
            if kind in _FILE_CONTENT:
                return f"{definition.path}/{_FILE_CONTENT[kind]}/{rest}"
            found = _DIR_IMAGE.fullmatch(name)
            assert found is not None  # noqa: S101 - check_name saw to it
            return f"{definition.path}/images/{found['vmid']}/{found['name']}"
        if definition.type == "rbd":
            pool = definition.options.get("pool", "rbd")
            image = name.rpartition("/")[2]
            return f"rbd:{pool}/{image}:conf=/etc/pve/ceph.conf:id=admin"
        return f"/dev/{definition.options.get('vgname', 'pve')}/{name}"

    def by_path(self, path: str) -> str:
        """Return the volume id of a path, or nothing if no storage owns it."""
        for definition in self.active():
            for name in self.pool(definition.id).volumes:
                if self.path(f"{definition.id}:{name}") == path:
                    return f"{definition.id}:{name}"
            for kind, directory in _FILE_CONTENT.items():
                base = f"{definition.path}/{directory}/"
                if definition.path and path.startswith(base) and self._files.is_file(path):
                    return f"{definition.id}:{kind}/{path.removeprefix(base)}"
        return ""

    def free_name(self, storage: str, vmid: int) -> str:
        """Return the first vm-ID-disk-N that no volume has, base images counted."""
        taken = {short_name(volume.name) for volume in self.pool(storage).volumes.values()}
        numbers = (n for n in range(1000) if f"vm-{vmid}-disk-{n}" not in taken)
        return next(f"vm-{vmid}-disk-{n}" for n in numbers if f"base-{vmid}-disk-{n}" not in taken)

    def add(self, storage: str, volume: Volume) -> str:
        """Put a volume on a storage and return its id; the program dies if the name is taken."""
        volumes = self.pool(storage).volumes
        if volume.name in volumes:
            raise Failure(f"disk image '{self.path(f'{storage}:{volume.name}')}' already exists")
        volume.created = self._now()
        volumes[volume.name] = volume
        return f"{storage}:{volume.name}"

    def remove(self, volid: str) -> Volume | None:
        """Take a volume away, if it is there."""
        storage, _, name = volid.partition(":")
        return self.pool(storage).volumes.pop(name, None)

    def children(self, volid: str) -> list[str]:
        """Return the linked clones that cannot live without a base image."""
        storage, _, name = volid.partition(":")
        return [other for other in self.pool(storage).volumes if parent_of(other) == name]

    def owned(self, storage: str, vmid: int) -> list[str]:
        """Return the ids of all images of a VM on one storage."""
        volumes = self.pool(storage).volumes.values()
        return [f"{storage}:{volume.name}" for volume in volumes if volume.vmid == vmid]

    def files(self, definition: Definition) -> Iterator[tuple[str, str, int]]:
        """Return (content type, volume id, bytes) of the files on a storage of files."""
        for kind, directory in _FILE_CONTENT.items():
            base = f"{definition.path}/{directory}"
            if not definition.path or kind not in definition.content:
                continue
            if not self._files.is_dir(base):
                continue
            for name in self._files.names(base):
                path = f"{base}/{name}"
                if self._files.is_file(path):
                    yield kind, f"{definition.id}:{kind}/{name}", self._files.stat(path).size
