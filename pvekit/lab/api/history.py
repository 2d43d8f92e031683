"""``rrddata``: what the nodes told over time, as far as the lab knows it.

The lab keeps no history: since a thing exists, its present figures stand for the past ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pvekit.lab.api.routes import Route
from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.reports import reported

Entry = dict[str, Any]
_POINTS = 70
_STEPS = {"hour": 60, "day": 1800, "week": 10800, "month": 43200, "year": 604800}
_VM = (
    *("cpu", "disk", "diskread", "diskwrite", "maxcpu", "maxdisk", "maxmem", "mem"),
    *("netin", "netout"),
)
_OFF = ("disk", "maxcpu", "maxdisk", "maxmem")


def _rows(call: Call, figures: Mapping[str, Any], seconds: float) -> Sequence[Entry]:
    """Return one row per step; what was told in the last ``seconds`` has figures."""
    step = _STEPS.get(call.values["timeframe"], _STEPS["year"])
    now = call.node.machine.clock.now()
    last = int(now) // step * step
    times = [last - step * back for back in range(_POINTS - 1, -1, -1)]
    return [{"time": time, **(figures if now - time < seconds else {})} for time in times]


def _missing(key: str) -> Failure:
    place = f"/var/lib/rrdcached/db/{key}"
    why = f"rrd_fetch_r failed: opening '{place}': No such file or directory"
    return Failure(f"RRD error: rrdcached@unix:/var/run/rrdcached.sock: {why}", 22)


def _directory(call: Call, kind: str) -> str:
    return f"pve-{kind}-9.0" if call.node.capacity.pve.startswith("9") else f"pve2-{kind}"


async def of_vm(call: Call) -> Sequence[Entry]:
    """Return the history of a VM; there is none until it was told of."""
    cluster = call.node.cluster
    entry = reported(cluster).vm(call.vmid, call.node.name)
    if "maxmem" not in entry:
        raise _missing(f"{_directory(call, 'vm')}/{call.vmid}")
    known = _VM if entry["uptime"] else _OFF
    return _rows(call, {key: entry[key] for key in known}, cluster.age(call.vmid))


async def of_node(call: Call) -> Sequence[Entry]:
    """Return the history of a node, since it was booted."""
    name = call.values["node"]
    entry = reported(call.node.cluster).node(name, call.node.name)
    if "maxmem" not in entry:
        raise _missing(f"{_directory(call, 'node')}/{name}")
    figures = {
        "cpu": entry.get("cpu", 0),
        "iowait": 0,
        "loadavg": 0.1,
        "maxcpu": entry["maxcpu"],
        "memtotal": entry["maxmem"],
        "memused": entry.get("mem", 0),
        "netin": 0,
        "netout": 0,
        "roottotal": entry["maxdisk"],
        "rootused": entry.get("disk", 0),
        "swaptotal": 0,
        "swapused": 0,
    }
    return _rows(call, figures, entry.get("uptime", 0))


ROUTES = (
    Route("get", "/nodes/{node}/qemu/{vmid}/rrddata", of_vm),
    Route("get", "/nodes/{node}/rrddata", of_node),
)
