"""Looking at nodes: how each stands, what it has, what is free."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from pvekit.errors import NotFound, PvekitError
from pvekit.inventory.model import Inventory, NodeState
from pvekit.operations.desk import Desk
from pvekit.plan import Ask
from pvekit.run.gather import gather
from pvekit.shell import Command, Query
from pvekit.ssh.endpoint import Endpoint
from pvekit.ssh.hostkeys import KnownHosts

_GIB = 1 << 30


@dataclass(frozen=True)
class Row:
    """A node as it is listed: memory in MiB, free space of its active storages in GiB.

    ``status`` is online, offline, no-quorum, or unreachable (pvekit itself gets no answer).
    """

    node: str
    status: str
    pve_version: str
    cpus: int | None
    memory_used_mb: int | None
    memory_mb: int | None
    vms: int
    storage_free_gb: Mapping[str, int]


def rows(desk: Desk) -> list[Row]:
    """Return all nodes, those of the configuration first."""
    inventory = desk.inventory()
    versions = _versions(desk, [n.alias for n in inventory.nodes if n.configured and n.online])
    found = sorted(inventory.nodes, key=lambda node: (not node.configured, node.alias))
    return [_row(node, inventory, versions.get(node.alias, "")) for node in found]


def detail(desk: Desk, endpoint: Endpoint) -> dict[str, object]:
    """Return all about one configured node, as data; raises :class:`NotFound` for another."""
    inventory = desk.inventory()
    node = inventory.node(endpoint.alias)
    if node is None:
        raise NotFound(f"There is no node {endpoint.alias!r}.", hint="See `pvekit node list`.")
    version = _versions(desk, [node.alias] if node.online else []).get(node.alias, "")
    known = KnownHosts(endpoint.known_hosts).keys(endpoint.host, endpoint.port)
    domain = inventory.domain(node.domain)
    return {
        **asdict(_row(node, inventory, version)),
        "pve_node": node.name,
        "pve_cluster": node.domain if domain and domain.clustered else "",
        "address": f"{endpoint.host} port {endpoint.port}",
        "user": endpoint.user,
        "jump": str(endpoint.jump or ""),
        "host_keys": [str(key) for key in known],
        "bridges": sorted(node.bridges),
        "tools": sorted(node.tools),
        "image_dir_free_gb": _gib(node.image_dir_free_bytes),
        "guests": [f"{vm.vmid} {vm.name}".strip() for vm in inventory.guests_on(node)],
    }


def _row(node: NodeState, inventory: Inventory, version: str) -> Row:
    free = node.memory_free_mb
    used = None if node.memory_mb is None or free is None else node.memory_mb - free
    return Row(
        node=node.alias,
        status=_status(node, inventory),
        pve_version=version,
        cpus=node.cpus,
        memory_used_mb=used,
        memory_mb=node.memory_mb,
        vms=inventory.vm_count(node),
        storage_free_gb={
            storage.id: storage.states[node.name].free // _GIB
            for storage in inventory.storages
            if storage.domain == node.domain and node.name in storage.states
        },
    )


def _status(node: NodeState, inventory: Inventory) -> str:
    domain = inventory.domain(node.domain)
    if node.configured and not node.boot_id:
        return "unreachable" if domain is None or node.online else "offline"
    if not node.online:
        return "offline"
    return "online" if domain is None or domain.quorate else "no-quorum"


def _gib(size: int | None) -> int | None:
    return None if size is None else size // _GIB


def _versions(desk: Desk, aliases: list[str]) -> dict[str, str]:
    """Return the version of Proxmox VE on each node that tells it."""
    query = Query(Command(("pveversion",)), _version)
    questions = {alias: Ask(alias, query) for alias in aliases}
    told = gather(desk.site, questions, desk.clock, desk.policy)
    return {alias: text for alias, text in told.items() if not isinstance(text, PvekitError)}


def _version(out: str) -> str:
    found = re.match(r"pve-manager/([^/\s]+)", out)
    return found[1] if found else ""
