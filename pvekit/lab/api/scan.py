"""``/nodes/NODE/scan``: what storage there is that could be used."""

from __future__ import annotations

from typing import Any

from pvekit.lab.api.routes import Route
from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.process import NotSimulated
from pvekit.lab.storages import reach

Entry = dict[str, Any]
_SCAN = "/nodes/{node}/scan"
_LVS = (
    "/sbin/lvs --separator : --noheadings --units b --unbuffered --nosuffix "
    "--config 'report/time_format=\"%s\"' --options vg_name,lv_name,lv_size,lv_attr,pool_lv,"
    "data_percent,metadata_percent,snap_percent,uuid,tags,metadata_size,time"
)
_METHODS = ("cifs", "glusterfs", "iscsi", "lvm", "lvmthin", "nfs", "pbs", "zfs")


async def index(_: Call) -> list[Entry]:
    """Return what can be scanned for."""
    return [{"method": name} for name in _METHODS]


def _pools(call: Call, kind: str) -> list[str]:
    prefix = f"{kind}:"
    return sorted(
        key.removeprefix(prefix) for key in call.node.storages.pools if key.startswith(prefix)
    )


async def lvm(call: Call) -> list[Entry]:
    """Return the volume groups."""
    return [{"vg": name} for name in _pools(call, "lvm")]


async def lvmthin(call: Call) -> list[Entry]:
    """Return the thin pools of a volume group."""
    group = call.values["vg"]
    if group not in _pools(call, "lvm"):
        await call.process.complain(
            f'  Volume group "{group}" not found\n  Cannot process volume group {group}\n'
        )
        raise Failure(f"command '{_LVS} {group}' failed: exit code 5")
    found = [name.partition("/") for name in _pools(call, "lvmthin")]
    return [{"lv": pool} for vg, _, pool in found if vg == group]


async def zfs(call: Call) -> list[Entry]:
    """Return the file systems of the ZFS pools."""
    return [{"pool": name} for name in _pools(call, "zfs")]


async def nfs(call: Call) -> list[Entry]:
    """Return the exports of a server."""
    server = call.values["server"]
    found = [name.partition(":") for name in _pools(call, "nfs")]
    exports = [{"options": "*", "path": path} for host, _, path in found if host == server]
    if not exports:
        await call.process.complain("clnt_create: RPC: Unable to receive\n")
        command = f"/sbin/showmount --no-headers --exports {server}"
        raise Failure(f"command '{command}' failed: exit code 1")
    return exports


async def pbs(call: Call) -> list[Entry]:
    """Return the datastores of a backup server: no such server is simulated."""
    raise Failure(reach.datastores_error(call.values["server"], call.get("port", "8007")), 2)


async def other(call: Call) -> list[Entry]:
    """Refuse to scan for what the lab has not."""
    raise NotSimulated(f"scan of {call.command.name}")


ROUTES = (
    Route("get", _SCAN, index),
    Route("get", f"{_SCAN}/lvm", lvm),
    Route("get", f"{_SCAN}/lvmthin", lvmthin),
    Route("get", f"{_SCAN}/zfs", zfs),
    Route("get", f"{_SCAN}/nfs", nfs),
    Route("get", f"{_SCAN}/pbs", pbs),
    *(Route("get", f"{_SCAN}/{name}", other) for name in ("cifs", "glusterfs", "iscsi")),
)
