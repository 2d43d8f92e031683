"""The cluster file system: ``/etc/pve``, one content as each member of a PVE cluster sees it.

What it computes on reading (``.vmlist``, ``.members``, ``.version``, ``.rrd``) has the formats of
the real one. It allows one configuration per vmid over the whole cluster, has no symbolic links
but its own four, decides modes itself, and is read-only without quorum.
"""

from __future__ import annotations

import asyncio
import errno
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pvekit.lab.clusterlog import ClusterLog
from pvekit.lab.membership import Member, Membership
from pvekit.lab.memorytree import MemoryTree
from pvekit.lab.tree import fault
from pvekit.lab.vmlist import VmList

__all__ = ["ClusterFileSystem", "Member", "Membership"]

LOCK_SECONDS = 120.0
"""How long the directory of a lock that nobody renews stays."""

_LONGEST_WAIT = 1.0
GUEST = re.compile(r"nodes/([^/]+)/(qemu-server|lxc)/([1-9]\d+)\.conf")
LOCK = re.compile(r"priv/lock/[^/]+")
TYPES = {"qemu-server": "qemu", "lxc": "lxc"}
_COUNTED = (
    *("corosync.conf", "corosync.conf.new", "storage.cfg", "user.cfg", "domains.cfg"),
    *("notifications.cfg", "priv/notifications.cfg", "priv/shadow.cfg", "priv/acme/plugins.cfg"),
    *("priv/tfa.cfg", "priv/token.cfg", "datacenter.cfg", "vzdump.cron", "vzdump.conf"),
    *("jobs.cfg", "ha/crm_commands", "ha/manager_status", "ha/resources.cfg", "ha/groups.cfg"),
    *("ha/fence.cfg", "status.cfg", "replication.cfg", "ceph.conf", "sdn/vnets.cfg"),
    *("sdn/zones.cfg", "sdn/controllers.cfg", "sdn/subnets.cfg", "sdn/ipams.cfg"),
    *("sdn/mac-cache.json", "sdn/pve-ipam-state.json", "sdn/dns.cfg", "sdn/.running-config"),
    *("virtual-guest/cpu-models.conf", "virtual-guest/profiles.cfg", "firewall/cluster.fw"),
    *("mapping/directory.cfg", "mapping/pci.cfg", "mapping/usb.cfg"),
)
_DIRECTORIES = (
    *("nodes", "priv", "priv/lock", "priv/acme", "firewall", "ha", "mapping", "sdn"),
    "virtual-guest",
)


@dataclass
class _Lock:
    """A directory below ``priv/lock``: which member made it, and since when it is as it is."""

    writer: str
    since: float


@dataclass(frozen=True)
class _Told:
    """What a member told last, when, and after which state of its guests."""

    time: float
    state: object
    text: str


@dataclass
class ClusterFileSystem:
    """The content that all members share; a standalone node is its only member.

    ``status`` gives a member's lines of ``.rrd``, ``status_seconds`` is how old they may be; where
    that is nothing, they are as old as the last change of its guests, of which ``running`` gives
    those that are on, but at most a second.
    ``lazy`` makes the content of files that are made when they are first looked into; ``daemons``
    are the services that work for the whole cluster now, such as ``ha``.
    """

    membership: Membership
    now: Callable[[], float]
    status: Callable[[str], Iterable[str]]
    status_seconds: Callable[[], float] = lambda: 0.0
    running: Callable[[str], object] = lambda _: None
    lazy: dict[str, Callable[[], bytes]] = field(default_factory=dict)
    tree: MemoryTree = field(init=False)
    log: ClusterLog = field(init=False)
    vms: VmList = field(default_factory=VmList)
    versions: dict[str, int] = field(default_factory=dict)
    born: dict[str, float] = field(default_factory=dict)
    daemons: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    started: float = 0.0
    _locks: dict[str, _Lock] = field(default_factory=dict)
    _figures: dict[str, _Told] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.started = self.now()
        self.log = ClusterLog(self.now)
        self.tree = MemoryTree(self.now, total=128 << 20)
        for path in _DIRECTORIES:
            self.tree.mkdir(path)
        for member in self.members:
            for path in ("", "/qemu-server", "/lxc", "/openvz", "/priv"):
                self.tree.mkdir(f"nodes/{member.name}{path}")

    @property
    def name(self) -> str:
        """The PVE cluster's name, empty on a standalone node."""
        return self.membership.name

    @property
    def members(self) -> tuple[Member, ...]:
        """The nodes of the PVE cluster."""
        return tuple(self.membership.members)

    def quorate(self, viewer: str = "") -> bool:
        """Tell whether a member has quorum; without a name: whether any part has."""
        return self.membership.quorate(viewer)

    def online(self, name: str, viewer: str = "") -> bool:
        """Tell whether a member is online, as another one sees it."""
        return self.membership.online(name, viewer)

    def guests(self) -> Mapping[int, tuple[str, str]]:
        """Return (node, type) of all VMs (``qemu``) and containers (``lxc``) by vmid."""
        return self.vms.owners()

    def owner(self, vmid: int) -> tuple[str, str] | None:
        """Return (node, type) of one VM or container."""
        return self.vms.owner(vmid)

    def age(self, vmid: int) -> float:
        """Return for how many seconds a vmid has had a configuration."""
        return self.now() - self.born.get(str(vmid), 0.0)

    def materialize(self, path: str) -> None:
        """Make the files that are made when one of them is first looked into: they fit together."""
        if path in self.lazy:
            for name, make in self.lazy.items():
                self.tree.write(name, make())
            self.lazy.clear()

    def changed(self, path: str) -> None:
        """Count a change of a file: that it was written, moved here or removed."""
        self.versions[path] = self.versions.get(path, 0) + 1
        found = GUEST.fullmatch(path)
        if found is None:
            return
        node, kind, vmid = found[1], TYPES[found[2]], int(found[3])
        if self._is_file(path):
            self.vms.put(vmid, node, kind)
            self.born.setdefault(found[3], self.now())
        elif self.vms.owner(vmid) == (node, kind):
            self.vms.remove(vmid)
            self.born.pop(found[3], None)

    def _is_file(self, path: str) -> bool:
        try:
            return self.tree.stat(path).kind == "file"
        except OSError:
            return False

    def figures(self) -> str:
        """Return the content of ``.rrd``: what each member that is up told last."""
        for member in self.members:
            if self.online(member.name) and self._is_due(member.name):
                text = "".join(f"{line}\n" for line in self.status(member.name))
                self._figures[member.name] = _Told(self.now(), self._state(member.name), text)
        return "".join(told.text for told in self._figures.values())

    def _state(self, name: str) -> object:
        return self.vms.changes.get(name, 0), self.running(name)

    def _is_due(self, name: str) -> bool:
        told = self._figures.get(name)
        if told is None:
            return True
        age, limit = self.now() - told.time, self.status_seconds()
        if limit:
            return age >= limit
        return age >= _LONGEST_WAIT or told.state != self._state(name)

    def vmlist_text(self) -> str:
        """Return the content of ``.vmlist``."""
        return self.vms.text()

    def versions_text(self) -> str:
        """Return the content of ``.version``."""
        counts = {
            "starttime": int(self.started),
            "clinfo": self.membership.version(),
            "vmlist": self.vms.version,
            **{path: self.versions.get(path, 0) for path in _COUNTED},
        }
        lines = "".join(f'"{name}": {count},\n' for name, count in counts.items())
        return f'{{\n{lines}"kvstore": {{\n}}\n}}\n'

    def note_lock(self, path: str, writer: str) -> None:
        """Note that a member made a lock's directory, or renewed it."""
        self._locks[path] = _Lock(writer, self.now())

    def renew_lock(self, path: str, writer: str, when: float) -> None:
        """Set the time of a lock's directory: only its maker may, and only forward."""
        lock = self._locks.get(path)
        if (lock and lock.writer != writer) or int(when) < int(self.tree.stat(path).mtime):
            raise fault(errno.EACCES, path)
        self.tree.touch(path, when)
        self.note_lock(path, writer)

    def release_lock(self, path: str) -> None:
        """Answer the wish to be given a lock: its directory goes if nobody renewed it in time."""
        lock = self._locks.setdefault(path, _Lock("", self.now()))
        if self.now() - lock.since >= LOCK_SECONDS and not self.tree.names(path):
            self.tree.rmdir(path)
            del self._locks[path]

    def to_data(self) -> dict[str, Any]:
        """Return the content as JSON data."""
        locks = {path: [lock.writer, lock.since] for path, lock in self._locks.items()}
        return {
            "tree": self.tree.to_data(),
            "vms": self.vms.to_data(),
            "versions": self.versions,
            "locks": locks,
            "lazy": sorted(self.lazy),
            "log": self.log.to_data(),
            "born": self.born,
        }

    def restore(self, data: Mapping[str, Any]) -> None:
        """Take over the content from :meth:`to_data`."""
        self.tree.load(data["tree"])
        self.vms = VmList()
        for member in self.members:
            for directory, kind in TYPES.items():
                for name in self.tree.names(f"nodes/{member.name}/{directory}"):
                    if re.fullmatch(r"[1-9]\d+\.conf", name):
                        self.vms.put(int(name.removesuffix(".conf")), member.name, kind)
        self.vms.restore(data["vms"])
        self.versions = dict(data["versions"])
        self._locks = {path: _Lock(*lock) for path, lock in data["locks"].items()}
        self.lazy = {path: make for path, make in self.lazy.items() if path in data["lazy"]}
        self.log.restore(data["log"])
        self.born = dict(data["born"])
