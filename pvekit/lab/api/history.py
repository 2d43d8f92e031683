"""``rrddata``: what the nodes told over time, as far as the lab knows it.

The lab keeps no history. Since a thing exists, its present figures stand for the past ones; what
VMs used is made up, the same for a VM and a moment each time, and as if they were
``history_days`` older.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pvekit.lab import usage
from pvekit.lab.api.routes import Route
from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.reports import reported

Entry = dict[str, Any]
_ARCHIVES_8 = {
    "hour": (60, 70),
    "day": (1800, 70),
    "week": (10800, 70),
    "month": (43200, 70),
    "year": (604800, 70),
}
_ARCHIVES_9 = {
    "hour": (60, 60),
    "day": (60, 1440),
    "week": (1800, 336),
    "month": (1800, 1440),
    "year": (21600, 1440),
    "decade": (604800, 570),
}
"""Seconds between two rows, and how many rows there are."""
_HOUR = 3600
_VM = (
    *("cpu", "disk", "diskread", "diskwrite", "maxcpu", "maxdisk", "maxmem", "mem"),
    *("netin", "netout"),
)
_OFF = ("disk", "maxcpu", "maxdisk", "maxmem")
_NO_PRESSURE = {
    f"pressure{what}{kind}": 0 for what in ("cpu", "io", "memory") for kind in ("full", "some")
}


def _rows(call: Call, figures: Callable[[int], Entry], seconds: float) -> Sequence[Entry]:
    """Return one row per step; what was told in the last ``seconds`` has figures."""
    archives = _ARCHIVES_9 if _is_nine(call) else _ARCHIVES_8
    step, points = archives.get(call.values["timeframe"], archives["year"])
    now = call.node.machine.clock.now()
    last = int(now) // step * step
    times = [last - step * back for back in range(points - 1, -1, -1)]
    return [{"time": time, **(figures(time) if now - time < seconds else {})} for time in times]


def _is_nine(call: Call) -> bool:
    return call.node.capacity.pve.startswith("9")


def _missing(key: str) -> Failure:
    place = f"/var/lib/rrdcached/db/{key}"
    why = f"rrd_fetch_r failed: opening '{place}': No such file or directory"
    return Failure(f"RRD error: rrdcached@unix:/var/run/rrdcached.sock: {why}", 22)


def _directory(call: Call, kind: str) -> str:
    return f"pve-{kind}-9.0" if _is_nine(call) else f"pve2-{kind}"


async def of_vm(call: Call) -> Sequence[Entry]:
    """Return the history of a VM; there is none until it was told of."""
    cluster = call.node.cluster
    entry = reported(cluster).vm(call.vmid, call.node.name)
    if "maxmem" not in entry:
        raise _missing(f"{_directory(call, 'vm')}/{call.vmid}")
    runs = entry["status"] == "running"
    known = _VM if runs else _OFF
    told = {key: entry[key] for key in known}
    highest = call.values.get("cf", "AVERAGE") == "MAX"

    def figures(time: int) -> Entry:
        if not runs:
            return told
        memory = usage.memory(call.vmid, time, highest=highest)
        used = {
            "cpu": usage.cpu(call.vmid, time, highest=highest),
            "mem": float(int(told["maxmem"] * memory)),
        }
        if not _is_nine(call):
            return {**told, **used}
        waited = _waited(call, time)
        pressure = {"pressurememorysome": waited, "pressurememoryfull": waited}
        return {**told, **used, "memhost": used["mem"], **_NO_PRESSURE, **pressure}

    lived = call.node.capacity.history_days * usage.DAY_SECONDS
    return _rows(call, figures, cluster.age(call.vmid) + lived)


def _waited(call: Call, time: int) -> float:
    """Return the percentage of its time that a VM's processes waited for memory."""
    fault = call.node.world.faults.holds("vm-pressure", str(call.vmid))
    if fault is None:
        return 0
    since = call.node.machine.clock.now() - fault.number_of("ago", 0.0)
    if "ago" in fault.detail and not since - _HOUR <= time <= since:
        return 0
    return fault.number_of("percent", 5.0)


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
    return _rows(call, lambda _: figures, entry.get("uptime", 0))


ROUTES = (
    Route("get", "/nodes/{node}/qemu/{vmid}/rrddata", of_vm),
    Route("get", "/nodes/{node}/rrddata", of_node),
)
