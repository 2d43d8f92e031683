"""``/nodes`` and what each node tells of itself."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

from pvekit.lab import status as figures
from pvekit.lab.api.routes import Route
from pvekit.lab.api.version import VERSIONS
from pvekit.lab.commands.call import Call
from pvekit.lab.reports import reported

Entry = dict[str, Any]
_KERNEL = "#1 SMP PREEMPT_DYNAMIC PMX"
_FLAGS = (
    "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse "
    "sse2 ss ht syscall nx pdpe1gb rdtscp lm constant_tsc rep_good nopl xtopology cpuid pni "
    "pclmulqdq vmx ssse3 fma cx16 pcid sse4_1 sse4_2 x2apic movbe popcnt aes xsave avx f16c rdrand "
    "hypervisor lahf_lm abm fsgsbase bmi1 avx2 smep bmi2 erms invpcid rdseed adx smap"
)
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END", re.DOTALL)


async def nodes(call: Call) -> list[Entry]:
    """Return all nodes of the PVE cluster, as they told last."""
    reports = reported(call.node.cluster)
    names = [member.name for member in reversed(call.node.cluster.members)]
    return [
        {**reports.node(name, call.node.name), "ssl_fingerprint": _fingerprint(call, name)}
        for name in names
    ]


def _fingerprint(call: Call, name: str) -> str:
    files = call.node.machine.files
    found = _CERTIFICATE.search(files.read(f"/etc/pve/nodes/{name}/pve-ssl.pem"))
    data = base64.b64decode(found[1]) if found else b""
    return hashlib.sha256(data).digest().hex(":").upper()


async def status(call: Call) -> Entry:
    """Return how the node is doing."""
    node = call.node
    total, used = node.capacity.memory_mb << 20, figures.memory_used(node)
    full, commit = VERSIONS[node.capacity.pve]
    kernel = node.machine.kernel
    memory = {"free": total - used, "total": total, "used": used}
    if node.capacity.pve.startswith("9"):
        memory["available"] = total - used
    return {
        "boot-info": {"mode": "efi", "secureboot": 0},
        "cpu": 0.01,
        "cpuinfo": _processors(node.capacity.cpus),
        "current-kernel": {
            "machine": "x86_64",
            "release": kernel,
            "sysname": "Linux",
            "version": _KERNEL,
        },
        "idle": 0,
        "ksm": {"shared": 0},
        "kversion": f"Linux {kernel} {_KERNEL}",
        "loadavg": ["0.10", "0.10", "0.10"],
        "memory": memory,
        "pveversion": f"pve-manager/{full}/{commit}",
        "rootfs": _root(call),
        "swap": {"free": 0, "total": 0, "used": 0},
        "uptime": int(node.machine.uptime()),
        "wait": 0,
    }


def _processors(count: int) -> Entry:
    return {
        "cores": count,
        "cpus": count,
        "flags": _FLAGS,
        "hvm": "1",
        "mhz": "2600.000",
        "model": "Intel(R) Xeon(R) Processor",
        "sockets": 1,
        "user_hz": 100,
    }


def _root(call: Call) -> Entry:
    usage = figures.storage(call.node, call.node.storages.get("local"))
    total, used, left = usage["total"], usage["used"], usage["avail"]
    return {"avail": left, "free": total - used, "total": total, "used": used}


async def containers(call: Call) -> list[Entry]:
    """Return the containers that lie there as files, without more."""
    owners = call.node.cluster.guests().items()
    mine = [vmid for vmid, owner in owners if owner == (call.node.name, "lxc")]
    return [{"vmid": vmid, "status": "stopped", "type": "lxc"} for vmid in sorted(mine)]


async def netstat(call: Call) -> list[Entry]:
    """Return the counters of the running VMs' network cards; the lab counts no traffic."""
    return [
        {"dev": f"net{nic.index}", "in": "0", "out": "0", "vmid": str(vmid)}
        for vmid, guest in sorted(call.node.guests.items())
        for nic in guest.hardware.nics
    ]


ROUTES = (
    Route("get", "/nodes", nodes),
    Route("get", "/nodes/{node}/lxc", containers),
    Route("get", "/nodes/{node}/netstat", netstat),
    Route("get", "/nodes/{node}/status", status),
)
