"""A simulated Proxmox VE site: its nodes, their shared cluster file system, time and faults."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pvekit.lab import status
from pvekit.lab.clock import PROFILES, Clock
from pvekit.lab.commands.cloudinit import drive_iso
from pvekit.lab.commands.registry import pve_programs
from pvekit.lab.faults import Faults
from pvekit.lab.guests.guest import Guest
from pvekit.lab.guests.images import Internet
from pvekit.lab.guests.world import World
from pvekit.lab.locking import CONFIG_LOCKS, STORAGE_LOCKS, Locking
from pvekit.lab.log import Log
from pvekit.lab.machine import Machine
from pvekit.lab.node import Capacity, Node
from pvekit.lab.pmxcfs import ClusterFileSystem, Member, MemberTree
from pvekit.lab.programs import COREUTILS
from pvekit.lab.storage import Pool, Storages, Volume

StorageKind = Literal["lvmthin", "dir", "rbd"]

_LOCAL = "dir: local\n\tpath /var/lib/vz\n\tcontent iso,vztmpl,backup\n\n"
_THIN = "lvmthin: local-lvm\n\tthinpool data\n\tvgname pve\n\tcontent rootdir,images\n\n"
_DIR = "dir: local-lvm\n\tpath /var/lib/local-lvm\n\tcontent images,rootdir\n\n"
_RBD = "rbd: ceph\n\tcontent images,rootdir\n\tkrbd 0\n\tpool ceph\n\n"
_STORAGE_CFG = {"lvmthin": _LOCAL + _THIN, "dir": _LOCAL + _DIR, "rbd": _LOCAL + _THIN + _RBD}
_CLUSTER_NAME = "lab"


@dataclass(frozen=True)
class SiteSpec:
    """What a site is built like; ``pve`` is the version whose programs it speaks."""

    nodes: int = 2
    clustered: bool = True
    storage: StorageKind = "lvmthin"
    profile: str = "immediate"
    seed: int = 0
    virt_customize: bool = False
    memory_mb: int = 65536
    cpus: int = 16
    storage_gb: int = 500
    pve: str = "8.4"


class Site:
    """All nodes of the lab; on a standalone site each node is a world of its own.

    ``clusters`` are the PVE clusters' file systems: one, or one per standalone node.
    """

    def __init__(
        self, spec: SiteSpec, *, log: Log | None = None, clock: Clock | None = None
    ) -> None:
        self.spec = spec
        self.log = log or Log()
        self.clock = clock or PROFILES[spec.profile]
        self.faults = Faults(self.log)
        self.world = World(self.clock, self.log, self.faults, Internet(self.faults))
        self.chance = random.Random(spec.seed or None)  # noqa: S311 - no secrets come from it
        self.nodes: dict[str, Node] = {}
        self.clusters: list[ClusterFileSystem] = []
        self._build()

    def _build(self) -> None:
        members = [
            Member(f"pve{number}", number, f"192.168.64.{number}")
            for number in range(1, self.spec.nodes + 1)
        ]
        groups = [members] if self.spec.clustered else [[member] for member in members]
        for group in groups:
            self._build_cluster(group)

    def _build_cluster(self, members: Sequence[Member]) -> None:
        cluster = ClusterFileSystem(
            name=_CLUSTER_NAME if self.spec.clustered else "",
            members=members,
            now=self.clock.now,
            quorate=lambda: self.faults.holds("quorum-lost") is None,
            online=lambda _: True,
            status=lambda: status.rrd(nodes, self.spec.pve),
        )
        text = _STORAGE_CFG[self.spec.storage].encode()
        cluster.tree.write("storage.cfg", text)
        self.clusters.append(cluster)
        shared = {"ceph": Pool(self.spec.storage_gb << 30)}
        machines = {member.name: self._machine(member, cluster) for member in members}
        first = machines[members[0].name]
        nodes = [self._node(machine, cluster, shared, first) for machine in machines.values()]
        for node in nodes:
            node.peers |= {peer.name: peer for peer in nodes}
        self.nodes |= {node.name: node for node in nodes}

    def _machine(self, member: Member, cluster: ClusterFileSystem) -> Machine:
        machine = Machine(member.name, self.clock, self.log, COREUTILS)
        for path in (CONFIG_LOCKS, STORAGE_LOCKS, "/run/qemu-server"):
            machine.files.mkdir(path, parents=True)
            machine.runtime_directories.append(machine.files.resolve(path))
        for path in ("images", "template/iso", "template/cache", "dump", "snippets"):
            machine.files.mkdir(f"/var/lib/vz/{path}", parents=True)
        machine.files.mkdir("/sys/class/net/vmbr0/bridge", parents=True)
        machine.files.mkdir("/etc/network", parents=True)
        machine.files.write("/etc/network/interfaces", _interfaces(member.address).encode())
        machine.files.mount("/etc/pve", MemberTree(cluster, member.name))
        return machine

    def _node(
        self,
        machine: Machine,
        cluster: ClusterFileSystem,
        shared: Mapping[str, Pool],
        first: Machine,
    ) -> Node:
        local = {"local": Pool(94 << 30), "local-lvm": Pool(self.spec.storage_gb << 30)}
        pools = {**local, **shared}
        node = Node(
            name=machine.hostname,
            machine=machine,
            cluster=cluster,
            storages=Storages(machine.hostname, machine.files, pools, self.clock.now),
            locking=Locking(machine, self.faults, first),
            world=self.world,
            capacity=Capacity(self.spec.memory_mb, self.spec.cpus, self.spec.pve),
            chance=self.chance,
        )
        machine.programs |= pve_programs(node, virt_customize=self.spec.virt_customize)
        return node

    def guest_at(self, address: str) -> Guest | None:
        """Return the running guest that answers at an address of the guests' network."""
        for node in self.nodes.values():
            for guest in node.guests.values():
                if address in guest.addresses:
                    return guest
        return None

    def resume(self) -> None:
        """Power on the VMs that ran when the state was saved; needs a running event loop."""
        for node in self.nodes.values():
            for vmid in node.running:
                config = node.config(vmid)
                node.power_on(vmid, config, drive_iso(node, vmid, config))
            node.running = []

    def to_data(self) -> dict[str, Any]:
        """Return the whole state as JSON data."""
        nodes = {name: node.to_data() for name, node in self.nodes.items()}
        return {
            "spec": asdict(self.spec),
            "clusters": [cluster.to_data() for cluster in self.clusters],
            "nodes": nodes,
            "pools": _pools_data(self.nodes),
            "leases": self.world.network.to_data(),
            "internet": self.world.internet.to_data(),
            "faults": self.faults.to_data(),
        }

    @classmethod
    def from_data(
        cls, data: Mapping[str, Any], *, log: Log | None = None, clock: Clock | None = None
    ) -> Site:
        """Build the site that :meth:`to_data` described; call :meth:`resume` then."""
        site = cls(SiteSpec(**data["spec"]), log=log, clock=clock)
        for cluster, kept in zip(site.clusters, data["clusters"], strict=True):
            cluster.restore(kept)
        for name, node in site.nodes.items():
            node.restore(data["nodes"][name])
        for kept in data["pools"]:
            _restore_pool(site.nodes, kept)
        site.world.network.restore(data["leases"])
        site.world.internet.restore(**data["internet"])
        site.faults.restore(data["faults"])
        site.chance.seed()  # a seed would give the identities of before once more
        return site


def _pools_data(nodes: Mapping[str, Node]) -> list[dict[str, Any]]:
    """Return every pool once, with the nodes that see it."""
    found: dict[int, dict[str, Any]] = {}
    for name, node in nodes.items():
        for storage, pool in node.storages.pools.items():
            volumes = [volume.to_data() for volume in pool.volumes.values()]
            entry = {"storage": storage, "total": pool.total, "volumes": volumes, "nodes": []}
            found.setdefault(id(pool), entry)["nodes"].append(name)
    return list(found.values())


def _restore_pool(nodes: Mapping[str, Node], data: Mapping[str, Any]) -> None:
    volumes = map(Volume.from_data, data["volumes"])
    pool = Pool(data["total"], {volume.name: volume for volume in volumes})
    for name in data["nodes"]:
        nodes[name].storages.pools[data["storage"]] = pool


def _interfaces(address: str) -> str:
    return (
        "auto lo\niface lo inet loopback\n\niface eno1 inet manual\n\nauto vmbr0\n"
        f"iface vmbr0 inet static\n\taddress {address}/24\n\tgateway 192.168.64.254\n"
        "\tbridge-ports eno1\n\tbridge-stp off\n\tbridge-fd 0\n"
    )
