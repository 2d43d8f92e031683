"""``pvesm``: storages and what lies on them."""

from __future__ import annotations

from collections.abc import Mapping

from pvekit.lab.api import prune, scan, storage_config, storage_content, storage_state
from pvekit.lab.api.backup import config_in
from pvekit.lab.api.routes import Method
from pvekit.lab.commands.call import Call, Handler
from pvekit.lab.storages import pruning

_PREVIEW = (
    "NOTE: this is only a preview and might not be what a subsequent prune call does, if backups "
    "are removed/added in the meantime.\n\n"
)
_API = {"8.4": (11, 2), "9.2": (13, 4)}


async def status(call: Call) -> None:
    """Show all storages: a dead or switched-off one has no figures."""
    await call.process.say(storage_state.table(await storage_state.index(call)))


async def list_volumes(call: Call) -> None:
    """Show a storage's volumes and files."""
    rows = await storage_content.index(call)
    await call.process.say(storage_state.volumes_table(rows))


async def alloc(call: Call) -> None:
    """Make an empty volume."""
    volid = await storage_content.allocate(call)
    await call.process.say(f"successfully created '{volid}'\n")


async def path(call: Call) -> None:
    """Show where a volume is, be it there or not."""
    await call.process.say(f"{call.node.storages.path(call.values['volume'])}\n")


async def add(call: Call) -> None:
    """Define a storage."""
    await storage_config.create(call)


async def change(call: Call) -> None:
    """Change a definition."""
    await storage_config.update(call)


def _lines(method: Method, *columns: str) -> Handler:
    async def shown(call: Call) -> None:
        rows = await method(call)
        first = max((len(row[columns[0]]) for row in rows), default=0)
        for row in rows:
            cells = [row[column] for column in columns]
            if len(cells) > 1:
                cells[0] = f"{cells[0]:<{first}}"
            await call.process.say(" ".join(cells) + "\n")

    return shown


async def extract_config(call: Call) -> None:
    """Show the configuration of the guest in a backup."""
    volid = call.values["volume"]
    call.node.storages.split(volid)
    await call.process.say(f"{config_in(call, volid)}\n")


async def prune_backups(call: Call) -> None:
    """Remove old backups, or only show which."""
    if call.on("dry-run"):
        rows = await prune.preview(call)
        await call.process.say(_PREVIEW + pruning.table(rows))
    else:
        await prune.prune(call)


async def api_info(call: Call) -> None:
    """Show the version of the storage plugins' interface."""
    version, age = _API[call.node.capacity.pve]
    await call.process.say(f"APIVER {version}\nAPIAGE {age}\n")


HANDLERS: Mapping[str, Handler] = {
    "add": add,
    "alloc": alloc,
    "apiinfo": api_info,
    "extractconfig": extract_config,
    "free": storage_content.delete,
    "list": list_volumes,
    "path": path,
    "prune-backups": prune_backups,
    "remove": storage_config.delete,
    "scan cifs": _lines(scan.other),
    "scan glusterfs": _lines(scan.other),
    "scan iscsi": _lines(scan.other),
    "scan lvm": _lines(scan.lvm, "vg"),
    "scan lvmthin": _lines(scan.lvmthin, "lv"),
    "scan nfs": _lines(scan.nfs, "path", "options"),
    "scan pbs": _lines(scan.pbs),
    "scan zfs": _lines(scan.zfs, "pool"),
    "set": change,
    "status": status,
}
READING = frozenset(
    [
        *("apiinfo", "extractconfig", "list", "path", "status"),
        *(name for name in HANDLERS if name.startswith("scan ")),
    ]
)
