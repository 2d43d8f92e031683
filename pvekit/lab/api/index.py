"""The directories of the API: what they list where nothing of the site's state is below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pvekit.lab.api.routes import Method
from pvekit.lab.api.version import VERSIONS
from pvekit.lab.commands.call import Call
from pvekit.lab.options import ApiTree, api

# As the methods themselves list it; other directories list all that is below, by name.
_LISTED: Mapping[str, str] = {
    "/": "version cluster nodes storage access pools",
    "/cluster": (
        "acme backup backup-info ceph config firewall ha jobs log mapping metrics nextid "
        "notifications options replication resources status tasks sdn"
    ),
    "/cluster/config": "nodes totem join qdevice apiversion",
    "/cluster/sdn": "vnets zones controllers ipams dns",
    "/nodes/{node}": (
        "aplinfo apt capabilities ceph certificates config disks dns firewall hardware hosts "
        "journal lxc netstat network qemu query-url-metadata replication report rrd rrddata scan "
        "services spiceshell startall status stopall storage subscription suspendall syslog tasks "
        "termproxy time version vncshell vzdump wakeonlan sdn"
    ),
    "/nodes/{node}/qemu/{vmid}": (
        "config cloudinit pending status unlink vncproxy termproxy migrate resize move rrd "
        "rrddata monitor agent snapshot spiceproxy sendkey firewall mtunnel remote_migrate"
    ),
    "/nodes/{node}/tasks/{upid}": "log status",
}


def index(template: str) -> Method | None:
    """Return the method that lists a directory, or None if it must look at the site."""
    if not any(_is_directory(api(version), template) for version in VERSIONS):
        return None

    async def listed(call: Call) -> Any:  # noqa: ANN401 - any JSON
        tree = api(call.node.capacity.pve)
        info = tree.info(template, "get")
        names = _names(tree, template)
        return [{info.child: name} for name in names] if info and info.child else None

    return listed


def _is_directory(tree: ApiTree, template: str) -> bool:
    info = tree.info(template, "get")
    names = tree.children(template)
    return bool(info and info.child and names) and not any(n.startswith("{") for n in names)


def _names(tree: ApiTree, template: str) -> list[str]:
    if template in _LISTED:
        return _LISTED[template].split()
    return sorted(tree.children(template))
