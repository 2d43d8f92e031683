"""Lists that are empty as long as the file behind them is; the lab simulates no more of them."""

from __future__ import annotations

from typing import Any

from pvekit.lab.api.routes import Method, Route
from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.process import NotSimulated

_FILES = {
    "/cluster/jobs/realm-sync": "jobs.cfg",
    "/cluster/mapping/dir": "mapping/directory.cfg",
    "/cluster/mapping/pci": "mapping/pci.cfg",
    "/cluster/mapping/usb": "mapping/usb.cfg",
    "/cluster/metrics/server": "status.cfg",
    "/cluster/replication": "replication.cfg",
    "/nodes/{node}/replication": "replication.cfg",
}
_CEPH = (
    "/cluster/ceph/metadata",
    "/cluster/ceph/status",
    "/nodes/{node}/ceph/mgr",
    "/nodes/{node}/ceph/mon",
    "/nodes/{node}/ceph/osd",
    "/nodes/{node}/ceph/pool",
    "/nodes/{node}/ceph/status",
)


def _listing(path: str, file: str) -> Method:
    async def listed(call: Call) -> list[Any]:
        files = call.node.machine.files
        text = files.read(f"/etc/pve/{file}") if files.is_file(f"/etc/pve/{file}") else b""
        head = b"realm-sync:" if file == "jobs.cfg" else b""
        if text.strip() and head in text:
            raise NotSimulated(f"what {file} holds, for {path}")
        return []

    return listed


async def no_ceph(call: Call) -> None:
    """Refuse: the nodes run no Ceph of their own."""
    del call
    raise Failure("binary not installed: /usr/bin/ceph-mon")


ROUTES = (
    *(Route("get", path, _listing(path, file)) for path, file in _FILES.items()),
    *(Route("get", path, no_ceph) for path in _CEPH),
)
