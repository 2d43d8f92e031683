"""Which volumes a migration takes along, and why one may be impossible."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pvekit.lab import formats, snapshots
from pvekit.lab.commands.qm_destroy import owner_of
from pvekit.lab.failure import Failure
from pvekit.lab.features import format_of
from pvekit.lab.lists import split_list
from pvekit.lab.options import Spec
from pvekit.lab.storage import parent_of
from pvekit.lab.vmconfig import UNUSED_NAME, Drive, VmConfig

if TYPE_CHECKING:
    from pvekit.lab.node import Node

_MIGRATABLE = frozenset({"dir", "btrfs", "zfspool", "lvmthin", "lvm"})
_WITH_SNAPSHOTS = frozenset({"zfspool"})
_LOCAL_DEVICE = re.compile(r"(usb|hostpci|serial|parallel)\d+")
_KINDS = {"iso": "iso", "vztmpl": "vztmpl", "backup": "backup", "import": "import"}


@dataclass(frozen=True)
class StorageMap:
    """Which storage of the target takes the place of one here."""

    entries: Mapping[str, str] = field(default_factory=dict)
    default: str = ""
    identity: bool = True

    @classmethod
    def parse(cls, text: str) -> StorageMap:
        """Read ``--targetstorage``; raises :class:`ValueError`."""
        entries: dict[str, str] = {}
        default, identity = "", False
        for entry in split_list(text):
            source, colon, target = entry.partition(":")
            if entry == "1":
                identity = True
            elif colon:
                _check_ids(entry, source, target)
                if source in entries:
                    raise ValueError(f"duplicate mapping for source '{source}'")
                entries[source] = target
            else:
                _check_ids(entry, entry)
                if default:
                    raise ValueError("default target ID can only be provided once")
                default = entry
        if identity and (entries or default):
            raise ValueError("identity mapping cannot be combined with other mappings")
        return cls(entries, default, identity)

    def target(self, storage: str) -> str:
        """Return the storage that takes the place of one."""
        return self.entries.get(storage) or self.default or storage

    def all_targets(self) -> list[str]:
        """Return all storages that are named as targets."""
        return [*self.entries.values(), *([self.default] if self.default else [])]


def _check_ids(entry: str, *names: str) -> None:
    for name in names:
        try:
            formats.check(Spec(format="pve-storage-id"), name, "")
        except formats.Invalid as invalid:
            why = str(invalid).removeprefix("invalid format - ").strip()
            raise ValueError(f"entry '{entry}' contains invalid ID - {why}\n") from invalid


def local_resources(config: VmConfig) -> list[str]:
    """Return the options that tie a VM to its node's hardware."""
    found = []
    for key, value in config.values.items():
        tied = _LOCAL_DEVICE.fullmatch(key) and value != "socket" and "spice" not in value
        if (tied and "mapping=" not in value) or key == "ivshmem":
            found.append(key)
    return sorted(found)


def referenced(config: VmConfig) -> list[str]:
    """Return the volumes of a VM's drives, CDs too."""
    return [drive.file for _, drive in config.drives() if drive.has_volume]


@dataclass
class Local:
    """A volume on a storage that only this node sees."""

    volid: str
    ref: str
    target: str
    size: int
    slot: str = ""
    error: str = ""
    online: bool = False

    @property
    def told(self) -> str:
        """The line that says that it was found."""
        if self.ref == "generated":
            return f"found generated disk '{self.volid}' (in current VM config)"
        words = {"snapshot": "referenced by snapshot(s)", "pending": "pending change"}
        return f"found local disk '{self.volid}' ({words.get(self.ref, self.ref)})"


@dataclass(frozen=True)
class _Use:
    """How a configuration uses a volume."""

    volid: str
    ref: str
    slot: str = ""
    cdrom: bool = False
    state: bool = False


@dataclass
class Scan:
    """The search for a VM's local volumes."""

    node: Node
    vmid: int
    config: VmConfig
    mapping: StorageMap
    target: str
    running: bool
    with_disks: bool
    errors: list[str] = field(default_factory=list)

    def run(self) -> tuple[list[Local], list[str]]:
        """Return the volumes, sorted, and the lines that say what was found."""
        found: dict[str, Local] = {}
        for use in self._uses():
            if (local := self._local(use)) is not None:
                known = found.setdefault(local.volid, local)
                known.error = known.error or local.error
        volumes = [found[volid] for volid in sorted(found)]
        lines = [local.told for local in volumes]
        for local in volumes:
            if local.ref == "attached" and self.running and not self.with_disks:
                option = "without with-local-disks option"
                local.error = f"can't live migrate attached local disks {option}"
            local.online = self.running and local.ref == "attached"
        return volumes, lines

    def check(self, volumes: Sequence[Local]) -> list[str]:
        """Return the lines that say what cannot be taken along."""
        lines = [f"can't migrate local disk '{v.volid}': {v.error}" for v in volumes if v.error]
        return [*lines, *self.errors]

    def check_kinds(self, volumes: Sequence[Local]) -> None:
        """Die if a storage's type or a linked clone stands against it."""
        for local in volumes:
            storage, _, name = local.volid.partition(":")
            kind = self.node.storages.get(storage).type
            if kind not in _MIGRATABLE:
                why = f"storage type '{kind}' not supported"
                raise Failure(f"can't migrate '{local.volid}' - {why}")
            if base := parent_of(name).rpartition("/")[2]:
                where = " at /usr/share/perl5/PVE/QemuMigrate.pm line 619."
                raise Failure(f"can't migrate '{local.volid}' as it's a clone of '{base}'{where}")

    def _uses(self) -> Iterator[_Use]:
        for slot, drive in self.config.drives():
            ref = "generated" if slot == "tpmstate0" else "attached"
            yield _Use(drive.file, ref, slot, drive.is_cdrom)
        for key, text in sorted(self.config.values.items()):
            if UNUSED_NAME.fullmatch(key):
                yield _Use(Drive.parse(text).file, "unused")
        for snapshot in snapshots.parse(self.config).values():
            for slot, drive in snapshot.drives():
                yield _Use(drive.file, "snapshot", slot, drive.is_cdrom)
            if snapshot.vmstate:
                yield _Use(snapshot.vmstate, "snapshot", state=True)
        for slot, drive in VmConfig(self.config.pending).drives():
            yield _Use(drive.file, "pending", slot, drive.is_cdrom)

    def _local(self, use: _Use) -> Local | None:
        if use.volid.startswith("/"):
            return Local(use.volid, "attached", "", 0, error="local file/device")
        if use.volid == "cdrom":
            self.errors.append("can't migrate local cdrom drive")
            return None
        if use.volid == "none":
            return None
        storage = use.volid.partition(":")[0]
        there = self.mapping.target(storage)
        local = Local(use.volid, use.ref, there, self._size(use.volid), use.slot)
        try:
            definition = self.node.storages.enabled(storage)
            if definition.shared:
                return None
            check_content(self.node.peers[self.target], use.volid, there)
            local.error = self._obstacle(use, local)
        except Failure as failure:
            local.error = failure.message
        return local

    def _size(self, volid: str) -> int:
        volume = self.node.storages.find(volid)
        return volume.size if volume else 0

    def _obstacle(self, use: _Use, local: Local) -> str:
        if use.cdrom:
            if not Drive(use.volid).is_cloudinit:
                return "local cdrom image"
            local.ref = "generated"
            return ""
        owner = owner_of(use.volid.partition(":")[2])
        if owner != self.vmid:
            return f"owned by other VM (owner = VM {owner})"
        if self.node.storages.find(use.volid) is None:
            return f"volume '{use.volid}' does not exist"
        if use.ref == "snapshot" and not use.state and (why := self._no_snapshots(use.volid)):
            return why
        return "referenced by linked clone(s)" if self.node.storages.children(use.volid) else ""

    def _no_snapshots(self, volid: str) -> str:
        if self.running:
            return "online storage migration not possible if non-replicated snapshot exists"
        kind = self.node.storages.get(volid.partition(":")[0]).type
        can = kind in _WITH_SNAPSHOTS or format_of(volid) == "qcow2"
        return "" if can else "non-migratable snapshot exists"


def check_content(node: Node, volid: str, storage: str) -> None:
    """Die unless a node's storage may hold what a volume is."""
    definition = node.storages.enabled(storage)
    kind = _KINDS.get(volid.partition(":")[2].partition("/")[0], "images")
    if kind not in definition.content:
        why = f"content type '{kind}' is not available on storage '{storage}'"
        raise Failure(f"{volid}: {why}")
