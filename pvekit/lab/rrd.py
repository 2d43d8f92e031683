"""What each node's status daemon tells the others, line by line, as ``/etc/pve/.rrd`` shows it."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator

from pvekit.lab import status
from pvekit.lab.node import Node
from pvekit.lab.vmconfig import VmConfig

_KEYS_8 = ("pve2.3-vm", "pve2-node", "pve2-storage")
_KEYS_9 = ("pve-vm-9.0", "pve-node-9.0", "pve-storage-9.0")


def lines(nodes: Iterable[Node], version: str) -> Iterator[str]:
    """Return the lines of nodes; PVE 9 names its keys otherwise and tells more."""
    nine = version.startswith("9")
    of_vm, of_node, of_storage = _KEYS_9 if nine else _KEYS_8
    for node in nodes:
        if node.world.faults.holds("status-stopped", node.name):
            continue
        now = node.machine.clock.now()
        since = _since(node, now)
        for vmid in node.vmids():
            if node.cluster.age(vmid) >= since:
                yield f"{of_vm}/{vmid}:{_vm(node, vmid, nine=nine)}"
        yield f"{of_node}/{node.name}:{_node(node, nine=nine)}"
        for definition in node.storages.active():
            facts = status.storage(node, definition)
            figures = f"{int(now)}:{facts['total']}:{facts['used']}"
            yield f"{of_storage}/{node.name}/{definition.id}:{figures}"


def _since(node: Node, now: float) -> float:
    """Return how long ago the daemon's last round was: never, where nothing takes time."""
    clock = node.machine.clock
    seconds = clock.figures.status_interval * min(clock.scale, 1.0)
    return now % seconds if seconds else 0.0


def _vm(node: Node, vmid: int, *, nine: bool) -> str:
    now = int(node.machine.clock.now())
    if not node.guest(vmid):
        data = node.cluster.tree.read(f"nodes/{node.name}/qemu-server/{vmid}.conf")
        head, tail = _off(data, vmid, node.capacity.cpus, nine=nine)
        return f"{head}:{now}:{tail}"
    config = node.config(vmid)
    facts = status.vm(node, vmid, config)
    words = [facts["uptime"], facts["name"], facts["qmpstatus"], int(config.is_template), now]
    words += [facts["cpus"], 0, facts["maxmem"], facts["mem"], facts["maxdisk"], 0, 0, 0, 0, 0]
    words += [facts["mem"], *[0] * 6] if nine else []
    return ":".join(map(str, words))


@functools.lru_cache(maxsize=1 << 15)
def _off(data: bytes, vmid: int, cpus: int, *, nine: bool) -> tuple[str, str]:
    """Return what is told of a VM that is off, before and after the moment.

    Only its configuration counts, so that thousands of VMs cost little.
    """
    config = VmConfig.parse(data.decode(errors="surrogateescape"))
    facts = status.configured(vmid, config, cpus)
    head = (0, facts["name"], "stopped", int(config.is_template))
    tail = [facts["cpus"], "U", facts["maxmem"], "U", facts["maxdisk"], 0, "U", "U", "U", "U"]
    tail += ["U"] * 7 if nine else []
    return ":".join(map(str, head)), ":".join(map(str, tail))


def _node(node: Node, *, nine: bool) -> str:
    entry = status.node_entry(node)
    now = int(node.machine.clock.now())
    free = entry["maxmem"] - entry["mem"]
    more = f":{free}:0:0:0:0:0:0" if nine else ""
    return (
        f"{entry['uptime']}::{now}:0.1:{entry['maxcpu']}:{entry['cpu']}:0:{entry['maxmem']}:"
        f"{entry['mem']}:0:0:{entry['maxdisk']}:{entry['disk']}:0:0{more}"
    )
