"""The data behind the API's paths, as ``pvesh get`` shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pvekit.lab import status as figures
from pvekit.lab import tasks as task_module
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.qm_show import config_json, pending_rows
from pvekit.lab.failure import Failure
from pvekit.lab.guests.hardware import hardware
from pvekit.lab.storage import Definition
from pvekit.lab.vmconfig import digest

Entry = dict[str, Any]

VERSIONS = {"8.4": ("8.4.21", "2606ac850d46da29"), "9.2": ("9.2.11", "5f2a94c678cf4b14")}


def version(call: Call) -> Entry:
    """``/version`` and ``/nodes/NODE/version``."""
    release = call.node.capacity.pve
    full, repository = VERSIONS[release]
    return {"release": release, "repoid": repository, "version": full}


def resources(call: Call) -> list[Entry]:
    """``/cluster/resources``: as old as pvestatd's last report."""
    kind = call.get("type")
    found: list[Entry] = []
    for node in call.node.peers.values():
        if kind in {"", "vm"}:
            found += [figures.vm_resource(node, vmid) for vmid in node.vmids()]
        if kind in {"", "node"}:
            found.append(figures.node_entry(node))
        if kind in {"", "storage"}:
            found += [_storage_resource(call, node.name, d) for d in node.storages.active()]
    return found


def _storage_resource(call: Call, node: str, definition: Definition) -> Entry:
    facts = figures.storage(call.node.peers[node], definition)
    return {
        "content": facts["content"],
        "disk": facts["used"],
        "id": f"storage/{node}/{definition.id}",
        "maxdisk": facts["total"],
        "node": node,
        "plugintype": definition.type,
        "shared": facts["shared"],
        "status": "available",
        "storage": definition.id,
        "type": "storage",
    }


def next_id(call: Call) -> str:
    """``/cluster/nextid``: reserves nothing."""
    taken = call.node.cluster.guests()
    if asked := call.get("vmid"):
        if int(asked) in taken:
            raise call.refuse(vmid=f"VM {asked} already exists")
        return asked
    lower, upper = _id_range(call)
    free = next((vmid for vmid in range(lower, upper) if vmid not in taken), None)
    if free is None:
        raise Failure(f"unable to get any free VMID in range [{lower}, {upper - 1}]")
    return str(free)


def _id_range(call: Call) -> tuple[int, int]:
    text = call.node.machine.files.read("/etc/pve/datacenter.cfg").decode()
    lower = re.search(r"^next-id:.*\blower=(\d+)", text, re.MULTILINE)
    upper = re.search(r"^next-id:.*\bupper=(\d+)", text, re.MULTILINE)
    return int(lower[1]) if lower else 100, int(upper[1]) if upper else 1000000


def cluster_status(call: Call) -> list[Entry]:
    """``/cluster/status``: a standalone node lists only itself."""
    cluster = call.node.cluster
    entries: list[Entry] = []
    if cluster.name:
        count = len(cluster.members)
        entries.append(
            {
                "id": "cluster",
                "name": cluster.name,
                "nodes": count,
                "quorate": int(cluster.quorate()),
                "type": "cluster",
                "version": count,
            }
        )
    entries += [
        {
            "id": f"node/{member.name}",
            "ip": member.address,
            "level": "",
            "local": int(member.name == call.node.name),
            "name": member.name,
            "nodeid": member.number if cluster.name else 0,
            "online": 1,
            "type": "node",
        }
        for member in cluster.members
    ]
    return entries


def nodes(call: Call) -> list[Entry]:
    """``/nodes``."""
    return [figures.node_entry(node) for node in call.node.peers.values()]


def pools(call: Call) -> list[Entry]:
    """``/pools``."""
    return [{"poolid": name} for name in call.node.pools()]


def storages(call: Call) -> list[Entry]:
    """``/storage``: the definitions."""
    text = call.node.machine.files.read("/etc/pve/storage.cfg").decode()
    return [
        {
            **definition.options,
            "digest": digest(text),
            "storage": definition.id,
            "type": definition.type,
        }
        for definition in call.node.storages.defined().values()
    ]


def node_status(call: Call) -> Entry:
    """``/nodes/NODE/status``."""
    node = call.node
    total, used = node.capacity.memory_mb << 20, figures.memory_used(node)
    root = figures.storage(node, node.storages.get("local"))
    full, repository = VERSIONS[node.capacity.pve]
    return {
        "boot-info": {"mode": "efi", "secureboot": 0},
        "cpu": 0.01,
        "cpuinfo": {
            "cores": node.capacity.cpus,
            "cpus": node.capacity.cpus,
            "hvm": "1",
            "model": "Intel(R) Xeon(R) Processor",
            "sockets": 1,
            "user_hz": 100,
        },
        "idle": 0,
        "ksm": {"shared": 0},
        "loadavg": ["0.10", "0.10", "0.10"],
        "memory": {"free": total - used, "total": total, "used": used},
        "pveversion": f"pve-manager/{full}/{repository}",
        "rootfs": {
            "avail": root["avail"],
            "free": root["avail"],
            "total": root["total"],
            "used": root["used"],
        },
        "swap": {"free": 0, "total": 0, "used": 0},
        "uptime": int(node.machine.uptime()),
        "wait": 0,
    }


def vms(call: Call) -> list[Entry]:
    """``/nodes/NODE/qemu``: read live."""
    return [_api_status(call, vmid) for vmid in call.node.vmids()]


def _api_status(call: Call, vmid: int) -> Entry:
    facts = figures.vm(call.node, vmid, call.node.config(vmid))
    del facts["qmpstatus"]
    return {**facts, "cpu": 0}


def containers(call: Call) -> list[Entry]:
    """``/nodes/NODE/lxc``: what lies there as files, without more."""
    owners = call.node.cluster.guests().items()
    mine = [vmid for vmid, owner in owners if owner == (call.node.name, "lxc")]
    return [{"vmid": vmid, "status": "stopped", "type": "lxc"} for vmid in sorted(mine)]


def networks(call: Call) -> list[Entry]:
    """``/nodes/NODE/network``: the bridges that the kernel has."""
    files = call.node.machine.files
    names = [path.split("/")[4] for path in files.glob("/sys/class/net/*/bridge")]
    bridges = [
        {"active": 1, "autostart": 1, "iface": name, "priority": 4, "type": "bridge"}
        for name in names
    ]
    wanted = call.get("type")
    return bridges if wanted in {"", "bridge", "any_bridge"} else []


def node_storages(call: Call) -> list[Entry]:
    """``/nodes/NODE/storage``."""
    return list(_node_storages(call))


def _node_storages(call: Call) -> Iterator[Entry]:
    wanted, content = call.get("storage"), call.get("content")
    for definition in call.node.storages.defined().values():
        skipped = wanted not in {"", definition.id} or not definition.on(call.node.name)
        if skipped or (content and content not in definition.content):
            continue
        facts = figures.storage(call.node, definition)
        share = facts["used"] / facts["total"] if facts["total"] else 0
        yield {**facts, "used_fraction": share}


def storage_status(call: Call) -> Entry:
    """``/nodes/NODE/storage/STORAGE/status``."""
    facts = figures.storage(call.node, call.node.storages.get(call.values["storage"]))
    del facts["storage"]
    return facts


def storage_content(call: Call) -> list[Entry]:
    """``/nodes/NODE/storage/STORAGE/content``."""
    definition = call.node.storages.usable(call.values["storage"])
    entries = list(content_of(call, definition))
    kind, vmid = call.get("content"), call.get("vmid")
    return [
        entry
        for entry in entries
        if kind in {"", entry["content"]} and vmid in {"", str(entry.get("vmid", ""))}
    ]


def content_of(call: Call, definition: Definition) -> Iterator[Entry]:
    """Return all volumes and files of a storage, images first, sorted by volume id."""
    volumes = call.node.storages.pool(definition.id).volumes
    for name, volume in sorted(volumes.items()):
        yield {
            "content": "images",
            "ctime": int(volume.created),
            "format": volume.format,
            "size": volume.size,
            "vmid": volume.vmid,
            "volid": f"{definition.id}:{name}",
        }
    for kind, volid, size in call.node.storages.files(definition):
        form = "iso" if kind == "iso" else volid.rpartition(".")[2]
        yield {"content": kind, "format": form, "size": size, "volid": volid}


def cluster_tasks(call: Call) -> list[Entry]:
    """``/cluster/tasks``: newest first."""
    found = [task.facts() for node in call.node.peers.values() for task in node.tasks.all]
    return sorted(found, key=lambda entry: entry["starttime"], reverse=True)


def tasks(call: Call) -> list[Entry]:
    """``/nodes/NODE/tasks``: finished ones, newest first; with ``--source active`` running ones."""
    source = call.get("source", "archive")
    found = []
    for task in reversed(call.node.tasks.all):
        active = not task.endtime
        failed = task.status != "OK"
        fits = source == "all" or active == (source == "active")
        if fits and (failed or not call.on("errors")) and call.get("vmid") in {"", task.id}:
            entry = task.facts()
            found.append({**entry, "status": "RUNNING"} if active else entry)
    return found[: int(call.get("limit", "50"))]


def _task(call: Call) -> task_module.Task:
    upid = call.values["upid"]
    if not task_module.is_upid(upid):
        raise call.refuse(upid="unable to parse worker upid")
    task = call.node.tasks.find(upid)
    if task is None:
        raise call.refuse(upid="no such task")
    return task


def task_status(call: Call) -> Entry:
    """``/nodes/NODE/tasks/UPID/status``: ``exitstatus`` is what tells success."""
    task = _task(call)
    entry = task.facts()
    ended = {"exitstatus": task.status, "status": "stopped"} if task.endtime else {}
    return {**entry, "status": "running", **ended}


def task_log(call: Call) -> list[Entry]:
    """``/nodes/NODE/tasks/UPID/log``."""
    lines = _task(call).lines
    start, limit = int(call.get("start", "0")), int(call.get("limit", "50"))
    numbered = list(enumerate(lines, start=1))[start : start + limit]
    return [{"n": number, "t": text} for number, text in numbered]


def vm_config(call: Call) -> Entry:
    """``/nodes/NODE/qemu/VMID/config``."""
    return dict(config_json(call.node.config_text(call.vmid), current=call.on("current")))


def vm_pending(call: Call) -> list[Entry]:
    """``/nodes/NODE/qemu/VMID/pending``."""
    rows = [dict(row) for row in pending_rows(call.node.config(call.vmid))]
    return [*rows, {"key": "digest", "value": digest(call.node.config_text(call.vmid))}]


def vm_status(call: Call) -> Entry:
    """``/nodes/NODE/qemu/VMID/status/current``."""
    config = call.node.config(call.vmid)
    facts = figures.vm(call.node, call.vmid, config)
    agent = {"agent": 1} if hardware(config.values).agent else {}
    return {**facts, **agent, "cpu": 0, "ha": {"managed": 0}}
