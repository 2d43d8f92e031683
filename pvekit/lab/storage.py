"""The storages as one node sees them: which are usable, what lies on them, and where."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pvekit.lab.failure import Failure
from pvekit.lab.files import FileSystem
from pvekit.lab.memorytree import MemoryTree
from pvekit.lab.storages import reach
from pvekit.lab.storages.definition import CONFIG, Definition, defined, parse
from pvekit.lab.storages.naming import (
    image_name,
    is_image,
    listed_format,
    parent_of,
    parse_name,
    path_of,
    short_name,
)
from pvekit.lab.storages.pool import Pool
from pvekit.lab.storages.volume import Snapshot, Volume, VolumeTable
from pvekit.lab.tree import Usage

__all__ = [
    "CONFIG",
    "Definition",
    "Pool",
    "Snapshot",
    "Storages",
    "Volume",
    "VolumeTable",
    "defined",
    "image_name",
    "parent_of",
    "parse",
    "short_name",
]
_VOLUME_ID = re.compile(r"(?P<storage>[A-Za-z][A-Za-z0-9\-_.]*[A-Za-z0-9]):(?P<name>.+)")
_FILE_CONTENT = ("iso", "vztmpl", "snippets", "backup", "import")


@dataclass(frozen=True)
class Figures:
    """The size and use of a storage in bytes."""

    total: int = 0
    used: int = 0
    active: bool = False

    @property
    def free(self) -> int:
        """The bytes that are left."""
        return max(0, self.total - self.used)


class Storages:
    """The storages as one node sees them.

    ``pools`` are the spaces that exist, by what they are: ``lvmthin:pve/data``, ``dir:/srv/x``.
    ``down`` tells whether a storage's server does not answer at present.
    """

    def __init__(
        self,
        node: str,
        files: FileSystem,
        pools: dict[str, Pool],
        now: Callable[[], float],
        down: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.node = node
        self.pools = pools
        self._now = now
        self._down = down
        self.machine_files = files
        self._parsed: tuple[bytes, dict[str, Definition]] = (b"", {})
        self._mounted: dict[str, Pool] = {}
        files.usages["/"] = self._root_usage

    # Definitions

    def defined(self) -> dict[str, Definition]:
        """Return all definitions, by storage id."""
        text = self.machine_files.read(CONFIG) if self.machine_files.exists(CONFIG) else b""
        if text != self._parsed[0] or not self._parsed[1]:
            self._parsed = text, parse(text.decode())
        return self._parsed[1]

    def get(self, storage: str) -> Definition:
        """Return a definition; the program dies if there is none."""
        definition = self.defined().get(storage)
        if definition is None:
            raise Failure(f"storage '{storage}' does not exist")
        return definition

    def enabled(self, storage: str) -> Definition:
        """Return a definition that is switched on and on this node; else the program dies."""
        definition = self.get(storage)
        if definition.disabled:
            raise Failure(f"storage '{storage}' is disabled")
        if not definition.on(self.node):
            raise Failure(f"storage '{storage}' is not available on node '{self.node}'")
        return definition

    def usable(self, storage: str) -> Definition:
        """Return an enabled definition, made ready for use; else the program dies."""
        definition = self.enabled(storage)
        self.activate(definition)
        return definition

    def active(self) -> Iterator[Definition]:
        """Return the definitions that are enabled here."""
        for definition in self.defined().values():
            if not definition.disabled and definition.on(self.node):
                yield definition

    def activate(self, definition: Definition) -> None:
        """Make a storage ready for use; the program dies if it is not there."""
        reach.check(definition, exists=self.exists_here(definition))
        if definition.kind.family == "files":
            reach.check_mounted(definition, self.machine_files)
            self._mount(definition)
            reach.make_directories(definition, self.machine_files)

    def exists_here(self, definition: Definition) -> bool:
        """Return whether what a storage is made of is there and answers."""
        if definition.kind.remote and self._down(definition.id):
            return False
        key = reach.key(definition)
        return key.startswith("dir:") or key in self.pools

    # Space

    def pool(self, storage: str) -> Pool:
        """Return the space behind a storage; one that was just defined is empty."""
        return self._pool(self.get(storage))

    def _pool(self, definition: Definition) -> Pool:
        key = reach.key(definition)
        if key not in self.pools and not key.startswith("dir:"):
            return Pool(0)
        pool = self.pools.setdefault(key, Pool(0))
        pool.adopt()
        return pool

    def figures(self, definition: Definition) -> Figures:
        """Return the size and use of a storage, as its plugin computes them."""
        if not self.exists_here(definition):
            return Figures()
        pool = self._pool(definition)
        if definition.kind.family != "files" or pool.total:
            return Figures(pool.total, pool.used, active=True)
        usage = self._root_usage()
        return Figures(usage.total, usage.used, active=True)

    def _root_usage(self) -> Usage:
        """Return the figures of the root file system, images included."""
        own = [p for key, p in self.pools.items() if key.startswith("dir:") and not p.total]
        root = self.machine_files.root
        used = root.used + sum(pool.used for pool in own)
        return Usage("/dev/mapper/pve-root", root.total, used)

    # Files

    def _mount(self, definition: Definition) -> None:
        pool, place = self._pool(definition), definition.path
        if definition.kind.mounted and pool.tree is None:
            pool.tree = MemoryTree(self._now, pool.total)
        if definition.kind.mounted and self._mounted.get(place) is not pool:
            assert pool.tree is not None  # noqa: S101 - made just above
            self.machine_files.mount(place, pool.tree)
            self.machine_files.usages[place] = lambda: Usage(
                reach.source(definition), pool.total, pool.used
            )
            self._mounted[place] = pool
        elif pool.total:
            self.machine_files.usages[place] = lambda: Usage(
                "/dev/mapper/pve-vmdata", pool.total, pool.used
            )
        images = definition.directory("images")
        if self._mounted.get(images) is not pool and "images" in definition.kind.content:
            self.machine_files.mount(images, pool.shown(self._now))
            self._mounted[images] = pool

    def mount_all(self) -> None:
        """Show the images of all storages of files; needed after a restart of the lab."""
        self._mounted = {}
        for definition in self.active():
            if definition.kind.family == "files" and self.exists_here(definition):
                self._mount(definition)

    def files(self, definition: Definition) -> Iterator[tuple[str, str, int]]:
        """Return (content type, volume id, bytes) of the files on a storage of files."""
        for kind in _FILE_CONTENT:
            if not definition.path or kind not in definition.content:
                continue
            base = definition.directory(kind)
            for name in self.machine_files.names(base) if self.machine_files.is_dir(base) else ():
                path = f"{base}/{name}"
                if listed_format(kind, name) and self.machine_files.is_file(path):
                    yield kind, f"{definition.id}:{kind}/{name}", self.machine_files.stat(path).size

    # Volumes

    def split(self, volid: str) -> tuple[Definition, str]:
        """Take a volume id apart; the program dies if it is none."""
        found = _VOLUME_ID.fullmatch(volid)
        if found is None:
            raise Failure(f"unable to parse volume ID '{volid}'")
        return self.get(found["storage"]), found["name"]

    def find(self, volid: str) -> Volume | None:
        """Return an image by volume id."""
        storage, _, name = volid.partition(":")
        definition = self.defined().get(storage)
        if definition is None:
            return None
        return self._pool(definition).volumes.get(name)

    def exists(self, volid: str) -> bool:
        """Return whether there is an image or a file of this volume id."""
        definition, name = self.split(volid)
        if definition.path and not is_image(name):
            return self.machine_files.is_file(self.path(volid))
        return self.find(volid) is not None

    def check_name(self, definition: Definition, name: str) -> None:
        """Die unless a name can be that of a volume on this storage."""
        parse_name(definition, name)

    def path(self, volid: str) -> str:
        """Return where a volume is found in the node's file system (or for QEMU, with rbd)."""
        return path_of(*self.split(volid))

    def by_path(self, path: str) -> str:
        """Return the volume id of a path, or nothing if no storage owns it."""
        for definition in self.active():
            if definition.kind.family == "files":
                found = self._file_at(definition, path)
            else:
                name = path.rpartition("/")[2].partition(":")[0]
                volumes = self._pool(definition).volumes
                exact = next((v for v in volumes if v.rpartition("/")[2] == name), "")
                same = exact and path_of(definition, exact) == path
                found = f"{definition.id}:{exact}" if same else ""
            if found:
                return found
        return ""

    def _file_at(self, definition: Definition, path: str) -> str:
        images = definition.directory("images") + "/"
        if path.startswith(images):
            volume = self._pool(definition).volumes.at(path.removeprefix(images))
            return f"{definition.id}:{volume.name}" if volume else ""
        for kind in _FILE_CONTENT:
            base = f"{definition.directory(kind)}/"
            if path.startswith(base) and self.machine_files.is_file(path):
                return f"{definition.id}:{kind}/{path.removeprefix(base)}"
        return ""

    def free_name(self, storage: str, vmid: int) -> str:
        """Return the first vm-ID-disk-N that no volume has, base images counted."""
        taken = {short_name(volume.name) for volume in self.pool(storage).volumes.owned(vmid)}
        for number in range(1000):
            names = {f"{kind}-{vmid}-disk-{number}" for kind in ("vm", "base", "subvol", "basevol")}
            if not names & taken:
                return f"vm-{vmid}-disk-{number}"
        raise Failure(f"unable to allocate an image name for VM {vmid} in storage '{storage}'")

    def add(self, storage: str, volume: Volume) -> str:
        """Put a volume on a storage and return its id; the program dies if the name is taken."""
        definition, volumes = self.get(storage), self.pool(storage).volumes
        taken = volumes.at(volume.file) if definition.path else volumes.get(volume.name)
        if taken is not None:
            raise Failure(reach.taken(definition, volume.name))
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
        parts = 2 if self.get(storage).path else 1
        return self.pool(storage).volumes.children("/".join(name.split("/")[-parts:]))

    def owned(self, storage: str, vmid: int) -> list[str]:
        """Return the ids of all images of a VM on one storage; the program dies if it is dead."""
        definition = self.get(storage)
        reach.check_list(definition, self, exists=self.exists_here(definition))
        return [f"{storage}:{volume.name}" for volume in self._pool(definition).volumes.owned(vmid)]
