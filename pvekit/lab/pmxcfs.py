"""The cluster file system: ``/etc/pve``, one content as each member of a PVE cluster sees it.

What it computes on reading (``.vmlist``, ``.members``, ``.version``, ``.rrd``) has the formats of
the real one (8.4, read on a two-node cluster). It allows one configuration per vmid over the
whole cluster, has no symbolic links, and is read-only without quorum.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pvekit.lab.tree import MemoryTree, Stat, fault

MAX_FILE = 512 * 1024  # bytes
_GUEST = re.compile(r"nodes/([^/]+)/(qemu-server|lxc)/([1-9]\d+)\.conf")
_LOCAL = ("qemu-server", "lxc", "openvz", "local")
_TYPES = {"qemu-server": "qemu", "lxc": "lxc"}


@dataclass(frozen=True)
class Member:
    """A node of the PVE cluster."""

    name: str
    number: int
    address: str


@dataclass
class ClusterFileSystem:
    """The content that all members share; a standalone node is its only member.

    ``name`` is the PVE cluster's, empty on a standalone node. ``quorate`` says whether the
    cluster has quorum now, ``online`` whether a member is up, ``status`` gives the lines of
    ``.rrd``.
    """

    name: str
    members: Sequence[Member]
    now: Callable[[], float]
    quorate: Callable[[], bool]
    online: Callable[[str], bool]
    status: Callable[[], Iterable[str]]
    tree: MemoryTree = field(init=False)
    versions: dict[str, int] = field(default_factory=dict)
    changes: int = 1
    born: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tree = MemoryTree(self.now, total=128 << 20)
        for path in ("nodes", "priv", "priv/lock", "firewall", "ha", "mapping", "sdn"):
            self.tree.mkdir(path)
        for member in self.members:
            for path in ("", "/qemu-server", "/lxc", "/openvz", "/priv"):
                self.tree.mkdir(f"nodes/{member.name}{path}")
        for path in ("user.cfg", "datacenter.cfg", "storage.cfg"):
            self.tree.write(path, b"")

    def guests(self) -> dict[int, tuple[str, str]]:
        """Return (node, type) of all VMs (``qemu``) and containers (``lxc``) by vmid."""
        found: dict[int, tuple[str, str]] = {}
        for member in self.members:
            for directory, kind in _TYPES.items():
                for name in self.tree.names(f"nodes/{member.name}/{directory}"):
                    if re.fullmatch(r"[1-9]\d+\.conf", name):
                        found[int(name.removesuffix(".conf"))] = (member.name, kind)
        return found

    def age(self, vmid: int) -> float:
        """Return for how many seconds a vmid has had a configuration."""
        return self.now() - self.born.get(str(vmid), 0.0)

    def changed(self, path: str) -> None:
        """Count a change of a file."""
        self.changes += 1
        found = _GUEST.fullmatch(path)
        if found and int(found[3]) not in self.guests():
            self.born.pop(found[3], None)
        elif found:
            self.born.setdefault(found[3], self.now())
        self.versions[path] = self.versions.get(path, 0) + 1

    def to_data(self) -> dict[str, Any]:
        """Return the content as JSON data."""
        return {
            "tree": self.tree.to_data(),
            "versions": self.versions,
            "changes": self.changes,
            "born": self.born,
        }

    def restore(self, data: Mapping[str, Any]) -> None:
        """Take over the content from :meth:`to_data`."""
        self.tree.load(data["tree"])
        self.versions = dict(data["versions"])
        self.changes = data["changes"]
        self.born = dict(data["born"])


class MemberTree:
    """One member's view of the cluster file system, to be mounted at ``/etc/pve``."""

    def __init__(self, shared: ClusterFileSystem, node: str) -> None:
        self._shared = shared
        self._tree = shared.tree
        self._node = node
        self._computed: Mapping[str, Callable[[], str]] = {
            ".members": self._members,
            ".rrd": self._rrd,
            ".version": self._version,
            ".vmlist": self._vmlist,
        }

    def _real(self, path: str) -> str:
        first, slash, rest = path.partition("/")
        if first not in _LOCAL:
            return path
        base = f"nodes/{self._node}" + ("" if first == "local" else f"/{first}")
        return f"{base}{slash}{rest}"

    def stat(self, path: str) -> Stat:
        """Describe a file or directory; the mode has no write bit without quorum."""
        if path in self._computed:
            size = len(self.read(path))
            return Stat("file", size, 0o440, self._shared.now())
        real = self._real(path)
        stat = self._tree.stat(real)
        private = bool(re.match(r"(nodes/[^/]+/)?priv(/|$)", real))
        mode = (0o700, 0o600) if private else (0o755, 0o640)
        shown = mode[0] if stat.kind == "directory" else mode[1]
        if not self._shared.quorate():
            shown &= 0o555
        return replace(stat, mode=shown)

    def read(self, path: str) -> bytes:
        """Return a file's content."""
        if path in self._computed:
            return self._computed[path]().encode()
        return self._tree.read(self._real(path))

    def names(self, path: str) -> list[str]:
        """Return a directory's entries, sorted."""
        names = self._tree.names(self._real(path))
        return names if path else sorted([*names, *_LOCAL, *self._computed])

    def _writable(self, path: str) -> str:
        if path in self._computed or not self._shared.quorate():
            raise fault(errno.EACCES, path)
        return self._real(path)

    def _claim(self, path: str, *, leaving: str = "") -> None:
        """Refuse a second configuration of a vmid anywhere in the cluster."""
        found = _GUEST.fullmatch(path)
        if found is None:
            return
        left = _GUEST.fullmatch(leaving)
        owner = self._shared.guests().get(int(found[3]))
        moves = left is not None and left[3] == found[3]
        if owner and owner != (found[1], _TYPES[found[2]]) and not moves:
            raise fault(errno.EEXIST, path)

    def write(
        self,
        path: str,
        data: bytes,
        *,
        append: bool = False,
        exclusive: bool = False,
        mode: int | None = None,  # noqa: ARG002 - the real one decides modes itself
    ) -> None:
        """Create or change a file; ``exclusive`` is atomic over the whole PVE cluster."""
        real = self._writable(path)
        if len(data) > MAX_FILE:
            raise fault(errno.EFBIG, path)
        self._claim(real)
        self._tree.write(real, data, append=append, exclusive=exclusive)
        self._shared.changed(real)

    def mkdir(self, path: str, mode: int = 0o755) -> None:
        """Create a directory, which is as atomic as exclusive creation."""
        self._tree.mkdir(self._writable(path), mode)
        self._shared.changes += 1

    def rmdir(self, path: str) -> None:
        """Remove an empty directory."""
        self._tree.rmdir(self._writable(path))
        self._shared.changes += 1

    def unlink(self, path: str) -> None:
        """Remove a file."""
        real = self._writable(path)
        self._tree.unlink(real)
        self._shared.changed(real)

    def rename(self, source: str, target: str) -> None:
        """Move a file; raises EEXIST if the target's vmid has a configuration elsewhere."""
        old, new = self._writable(source), self._writable(target)
        self._claim(new, leaving=old)
        self._tree.rename(old, new)
        self._shared.changed(new)

    def chmod(self, path: str, mode: int) -> None:
        """Refuse every mode but those that the file system shows itself."""
        real = self._writable(path)
        shown = self.stat(path).mode
        if mode not in {shown, shown | 0o044 if not real.startswith("priv") else shown}:
            raise fault(errno.EPERM, path)

    def touch(self, path: str, when: float) -> None:
        """Set the time of a file or directory."""
        self._tree.touch(self._writable(path), when)

    def _members(self) -> str:
        shared = self._shared
        head = f'{{\n"nodename": "{self._node}",\n"version": {4 if shared.name else 0}'
        if not shared.name:
            return f"{head}\n}}\n"
        count = len(shared.members)
        nodes = ",\n".join(
            f'  "{member.name}": {{ "id": {member.number}, "online": '
            f'{int(shared.online(member.name))}, "ip": "{member.address}"}}'
            for member in shared.members
        )
        return (
            f'{head},\n"cluster": {{ "name": "{shared.name}", "version": {count}, '
            f'"nodes": {count}, "quorate": {int(shared.quorate())} }},\n'
            f'"nodelist": {{\n{nodes}\n  }}\n}}\n'
        )

    def _vmlist(self) -> str:
        entries = ",\n".join(
            f'"{vmid}": {{ "node": "{node}", "type": "{kind}", "version": {self._changes(vmid)} }}'
            for vmid, (node, kind) in reversed(self._shared.guests().items())
        )
        ids = f"\n{entries}" if entries else ""
        return f'{{\n"version": {self._shared.changes},\n"ids": {{{ids}}}\n\n}}\n'

    def _changes(self, vmid: int) -> int:
        ends = f"/{vmid}.conf"
        return max(
            (n for path, n in self._shared.versions.items() if path.endswith(ends)), default=1
        )

    def _version(self) -> str:
        return (
            f'{{\n"starttime": 1,\n"clinfo": 1,\n"vmlist": {self._shared.changes},\n'
            '"corosync.conf": 1,\n"storage.cfg": 1,\n"user.cfg": 1,\n"datacenter.cfg": 1\n}\n'
        )

    def _rrd(self) -> str:
        return "".join(f"{line}\n" for line in self._shared.status())
