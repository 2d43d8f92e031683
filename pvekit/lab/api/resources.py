"""``/cluster/resources``: everything in the PVE cluster, as old as the last reports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pvekit.lab.access import store
from pvekit.lab.access.model import UserConfig
from pvekit.lab.api.routes import Route
from pvekit.lab.commands.call import Call
from pvekit.lab.ha.state import states as ha_states
from pvekit.lab.node import Node
from pvekit.lab.reports import Reports, reported
from pvekit.lab.sdn.local import zone_states

Entry = dict[str, Any]
_SERVICES = {"qemu": "vm", "lxc": "ct"}
_SUMS = ("mem", "maxmem")


async def resources(call: Call) -> list[Entry]:
    """Return pools, VMs, nodes, storages and zones, or those of one type."""
    kind = call.get("type")
    reports = reported(call.node.cluster)
    users = await store.read(call)
    pools: dict[str, Entry] = {}
    if not kind:
        pools = {
            name: {"id": f"/pool/{name}", "pool": name, "type": "pool"} for name in users.pools
        }
    found = list(pools.values())
    if kind in {"", "vm"}:
        found += _vms(call, reports, users, pools)
    # Perl lists what is in a hash in no order: clients must not rely on one.
    names = [member.name for member in reversed(call.node.cluster.members)]
    if kind in {"", "node"}:
        found += [reports.node(name, call.node.name) for name in names]
    if kind in {"", "storage"}:
        found += _storages(call, reports, names)
    if kind in {"", "sdn"}:
        found += [entry for name in names for entry in _zones(call.node.peers[name])]
    return found


def _vms(
    call: Call, reports: Reports, users: UserConfig, pools: dict[str, Entry]
) -> Iterator[Entry]:
    states = ha_states(call.node)
    owners = call.node.cluster.guests()
    pool_of = {vmid: name for name, pool in users.pools.items() for vmid in pool.vms}
    for vmid in sorted(owners, key=str):
        name, kind = owners[vmid]
        entry = reports.vm(vmid, name, kind)
        if vmid in pool_of:
            entry["pool"] = pool_of[vmid]
            _add_up(pools.get(pool_of[vmid]), entry)
        if (service := f"{_SERVICES[kind]}:{vmid}") in states:
            entry["hastate"] = states[service]
        yield entry


def _add_up(pool: Entry | None, entry: Entry) -> None:
    """Add a running VM's figures to those of its pool."""
    if pool is None or not entry.get("uptime"):
        return
    cpus = pool.get("maxcpu", 0)
    load = pool.get("cpu", 0) * cpus + entry["cpu"] * entry["maxcpu"]
    pool |= {key: pool.get(key, 0) + entry[key] for key in _SUMS}
    pool["maxcpu"] = cpus + entry["maxcpu"]
    pool["cpu"] = load / pool["maxcpu"]
    pool["uptime"] = max(pool.get("uptime", 0), entry["uptime"])


def _storages(call: Call, reports: Reports, names: list[str]) -> Iterator[Entry]:
    for definition in call.node.storages.defined().values():
        for name in names:
            if definition.disabled or not definition.on(name):
                continue
            yield {
                "content": ",".join(sorted(definition.content)),
                "id": f"storage/{name}/{definition.id}",
                "node": name,
                "plugintype": definition.type,
                "shared": int(definition.shared),
                "storage": definition.id,
                "type": "storage",
                **reports.storage(name, definition.id),
            }


def _zones(node: Node) -> Iterator[Entry]:
    for zone, state in {"localnetwork": "ok", **zone_states(node)}.items():
        yield {
            "id": f"sdn/{node.name}/{zone}",
            "node": node.name,
            "sdn": zone,
            "status": state,
            "type": "sdn",
        }


ROUTES = (Route("get", "/cluster/resources", resources),)
