"""A simulated Proxmox VE site: its nodes, their shared cluster file system, time and faults."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pvekit.lab import bridges, rrd
from pvekit.lab.backup import jobs
from pvekit.lab.clock import Clock, SkewedClock, clock_of
from pvekit.lab.cluster_start import fill, install
from pvekit.lab.commands.cloudinit import drive_iso
from pvekit.lab.commands.registry import pve_programs
from pvekit.lab.faults import Faults
from pvekit.lab.guests.guest import Guest
from pvekit.lab.guests.images import Internet
from pvekit.lab.guests.world import World
from pvekit.lab.ha import config as ha
from pvekit.lab.ha import crm
from pvekit.lab.hostprograms import host_programs
from pvekit.lab.locking import CONFIG_LOCKS, STORAGE_LOCKS, Locking
from pvekit.lab.log import Log
from pvekit.lab.machine import Machine
from pvekit.lab.membertree import MemberTree
from pvekit.lab.node import Capacity, Node
from pvekit.lab.outages import Outages
from pvekit.lab.pmxcfs import ClusterFileSystem, Member, Membership
from pvekit.lab.programs import COREUTILS
from pvekit.lab.storage import Pool, Storages
from pvekit.lab.storages import hardware
from pvekit.lab.storages.hardware import StorageKind
from pvekit.lab.tree import Usage


@dataclass(frozen=True)
class SiteSpec:
    """What a site is built like; ``pve`` is the version whose programs it speaks.

    ``network`` is the network of the nodes' own addresses (a /24 without its last number), and
    ``domain`` where their full names end (default: after the cluster's name).
    ``history_days`` are days before its making that each VM has records of.
    """

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
    cluster_name: str = "lab"
    network: str = "192.168.64"
    domain: str = ""
    history_days: int = 0


class Site:
    """All nodes of the lab; on a standalone site each node is a world of its own.

    ``clusters`` are the PVE clusters' file systems: one, or one per standalone node.
    """

    def __init__(
        self, spec: SiteSpec, *, log: Log | None = None, clock: Clock | None = None
    ) -> None:
        self.spec = spec
        self.log = log or Log()
        self.clock = clock or clock_of(spec.profile)
        self.chance = random.Random(spec.seed or None)  # noqa: S311 - no secrets come from it
        self.faults = Faults(self.log, self.chance)
        self.world = World(
            self.clock,
            self.log,
            self.faults,
            Internet(self.faults, figures=self.clock.figures),
        )
        self.nodes: dict[str, Node] = {}
        self.clusters: list[ClusterFileSystem] = []
        self._build()
        self.faults.know(self.nodes)
        self.outages = Outages(self.nodes, self.faults, self.clock)

    def _build(self) -> None:
        members = [
            Member(f"pve{number}", number, f"{self.spec.network}.{number}")
            for number in range(1, self.spec.nodes + 1)
        ]
        groups = [members] if self.spec.clustered else [[member] for member in members]
        for group in groups:
            self._build_cluster(group)

    def _build_cluster(self, members: Sequence[Member]) -> None:
        nodes: dict[str, Node] = {}
        membership = Membership(
            name=self.spec.cluster_name if self.spec.clustered else "",
            members=members,
            up=lambda name: name not in nodes or nodes[name].machine.up,
            cut_off=lambda name: self.faults.holds("quorum-lost", name) is not None,
        )
        self.faults.watch(membership.forget)
        cluster = ClusterFileSystem(
            membership=membership,
            now=self.clock.now,
            status=lambda name: rrd.lines([nodes[name]], self.spec.pve),
            running=lambda name: tuple(nodes[name].guests),
            status_seconds=lambda: self.clock.figures.status_interval * self.clock.scale,
        )
        fill(cluster, hardware.CONFIGS[self.spec.storage], self._domain, self.world.host_keys)
        self.clusters.append(cluster)
        shared = hardware.shared_pools(self.spec.storage, self.spec.storage_gb)
        machines = {member.name: self._machine(member, cluster) for member in members}
        first = machines[members[0].name]
        for name, machine in machines.items():
            nodes[name] = self._node(machine, cluster, shared, first)
            machine.power_watchers.append(membership.forget)
        for node in nodes.values():
            node.peers |= nodes
        self.nodes |= nodes

    @property
    def _domain(self) -> str:
        return self.spec.domain or f"{self.spec.cluster_name}.lan"

    def _machine(self, member: Member, cluster: ClusterFileSystem) -> Machine:
        clock = SkewedClock(self.clock.scale, self.clock.figures, self.clock)
        machine = Machine(member.name, clock, self.log, COREUTILS)
        for path in (CONFIG_LOCKS, STORAGE_LOCKS, "/run/qemu-server"):
            machine.files.mkdir(path, parents=True)
            machine.runtime_directories.append(machine.files.resolve(path))
        for path in ("images", "template/iso", "template/cache", "dump", "snippets"):
            machine.files.mkdir(f"/var/lib/vz/{path}", parents=True)
        for path in ("/sys/class/net/eno1", jobs.STATES):
            machine.files.mkdir(path, parents=True)
        bridges.put(machine.files, "vmbr0")
        install(machine, member, cluster.members, self._domain, self.spec.pve)
        machine.files.mount("/etc/pve", MemberTree(cluster, member.name))
        machine.files.usages["/etc/pve"] = lambda: Usage("/dev/fuse", 128 << 20, cluster.tree.used)
        return machine

    def _node(
        self,
        machine: Machine,
        cluster: ClusterFileSystem,
        shared: Mapping[str, Pool],
        first: Machine,
    ) -> Node:
        pools = {**hardware.local_pools(self.spec.storage, self.spec.storage_gb), **shared}
        node = Node(
            name=machine.hostname,
            machine=machine,
            cluster=cluster,
            storages=Storages(
                machine.hostname, machine.files, pools, self.clock.now, self._storage_down
            ),
            locking=Locking(machine, self.faults, first),
            world=self.world,
            capacity=Capacity(
                self.spec.memory_mb, self.spec.cpus, self.spec.pve, self.spec.history_days
            ),
            chance=self.chance,
        )
        node.tasks.announce = lambda pid, text, failed: cluster.log.note(
            node.name, pid, text, error=failed
        )
        machine.programs |= host_programs(node, self.guest_at, self.node_at)
        machine.programs |= pve_programs(node, virt_customize=self.spec.virt_customize)
        return node

    def _storage_down(self, storage: str) -> bool:
        return self.faults.holds("storage-down", storage) is not None

    def _pools(self) -> dict[str, dict[str, Pool]]:
        return {name: node.storages.pools for name, node in self.nodes.items()}

    def node_at(self, address: str) -> Node | None:
        """Return the node that an address of the nodes' network is."""
        for cluster in self.clusters:
            for member in cluster.members:
                if member.address == address:
                    return self.nodes.get(member.name)
        return None

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
            if node.machine.files.exists(ha.RESOURCES):
                crm.wake(node)

    def to_data(self) -> dict[str, Any]:
        """Return the whole state as JSON data."""
        nodes = {name: node.to_data() for name, node in self.nodes.items()}
        return {
            "spec": asdict(self.spec),
            "clusters": [cluster.to_data() for cluster in self.clusters],
            "nodes": nodes,
            "pools": hardware.to_data(self._pools().items()),
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
        hardware.restore(site._pools(), data["pools"])
        for node in site.nodes.values():
            node.storages.mount_all()
        site.world.network.restore(data["leases"])
        site.world.internet.restore(**data["internet"])
        site.faults.restore(data["faults"])
        site.chance.seed()  # a seed would give the identities of before once more
        return site
