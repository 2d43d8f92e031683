"""``pvesm status``, ``list``, ``alloc``, ``free`` and ``path``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pvekit.lab import status as figures
from pvekit.lab.commands.api import content_of
from pvekit.lab.commands.call import Call, Handler
from pvekit.lab.commands.volumes import Volumes, Wish
from pvekit.lab.failure import Failure
from pvekit.lab.guests.disk import Disk
from pvekit.lab.process import NotSimulated
from pvekit.lab.storage import Definition


async def status(call: Call) -> None:
    """Show all storages: a dead or switched-off one has no figures."""
    if call.on("format"):
        raise NotSimulated("--format")
    wanted, content = call.get("storage"), call.get("content")
    defined = call.node.storages.defined()
    if wanted and wanted not in defined:
        raise call.refuse(storage="No such storage.")
    elsewhere = call.get("target", call.node.name) != call.node.name
    rows = [
        figures.storage(call.node, definition)
        for name, definition in sorted(defined.items())
        if wanted in {"", name}
        and (not content or content in definition.content)
        and (definition.shared or not elsewhere)
    ]
    if call.on("enabled"):
        rows = [row for row in rows if row["enabled"]]
    await call.process.say(_status_table(rows))


def _status_table(rows: list[dict[str, Any]]) -> str:
    width = max((len(row["storage"]) for row in rows), default=0) + 1
    head = ("Name", "Type", "Status", "Total", "Used", "Available", "%")
    shape = f"{{:<{width}}} {{:>10}} {{:>10}} {{:>15}} {{:>15}} {{:>15}} {{:>8}}\n"
    lines = [shape.format(*head)]
    for row in rows:
        share = f"{100 * row['used'] / row['total']:.2f}%" if row["total"] else "N/A"
        sizes = [row[key] >> 10 for key in ("total", "used", "avail")]
        state = "active" if row["active"] else "disabled"
        lines.append(shape.format(row["storage"], row["type"], state, *sizes, share))
    return "".join(lines)


async def list_volumes(call: Call) -> None:
    """Show a storage's volumes and files."""
    definition = call.node.storages.usable(call.values["storage"])
    kind, vmid = call.get("content"), call.get("vmid")
    rows = [
        entry
        for entry in content_of(call, definition)
        if kind in {"", entry["content"]} and vmid in {"", str(entry.get("vmid", ""))}
    ]
    width = max((len(row["volid"]) for row in rows), default=5)
    size = max((len(str(row["size"])) for row in rows), default=0)
    shape = f"{{:<{width}}} {{:<7}} {{:<9}} {{:>{max(size, 4)}}} {{}}\n"
    lines = [shape.format("Volid", "Format", "Type", "Size", "VMID")]
    for row in rows:
        cells = (row["volid"], row["format"], row["content"], row["size"], row.get("vmid", ""))
        lines.append(shape.format(*cells).rstrip() + "\n")
    await call.process.say("".join(lines))


async def alloc(call: Call) -> None:
    """Make an empty volume; the size is in KiB unless it ends in M or G."""
    definition = call.node.storages.usable(call.values["storage"])
    size = _kibibytes(call.values["size"]) << 10
    name, image_format = _name(definition, call.values["filename"], call.get("format"))
    wish = Wish(definition.id, int(call.values["vmid"]), image_format, name)
    volid = await Volumes(call.node, call.process.say).allocate(wish, size, Disk(size))
    await call.process.say(f"successfully created '{volid}'\n")


def _kibibytes(text: str) -> int:
    factors = {"M": 1 << 10, "G": 1 << 20}
    return int(text.rstrip("MG")) * factors.get(text[-1], 1)


def _name(definition: Definition, filename: str, wanted: str) -> tuple[str, str]:
    if not filename or not definition.path:
        return filename, wanted
    found = re.fullmatch(r"(\S+)\.(raw|qcow2|vmdk)", filename)
    if found is None:
        raise Failure(f"unable to parse volume filename '{filename}'", 25)
    return found[1], found[2]


async def free(call: Call) -> None:
    """Remove a volume; one that is gone already is no error."""
    volid = call.values["volume"]
    if ":" not in volid:
        volid = f"{call.get('storage')}:{volid}"
    definition = call.node.storages.usable(volid.partition(":")[0])
    call.node.storages.check_name(definition, volid.partition(":")[2])
    async with call.worker("imgdel", volid.replace(":", "@")) as say:
        await _free(call, volid, Volumes(call.node, say))
        await say(f"Removed volume '{volid}'\n")


async def _free(call: Call, volid: str, volumes: Volumes) -> None:
    if call.node.storages.find(volid) is None and call.node.storages.exists(volid):
        call.node.machine.files.unlink(call.node.storages.path(volid))
        return
    await volumes.free(volid)


async def path(call: Call) -> None:
    """Show where a volume is, be it there or not."""
    call.node.storages.usable(call.values["volume"].partition(":")[0])
    await call.process.say(f"{call.node.storages.path(call.values['volume'])}\n")


HANDLERS: Mapping[str, Handler] = {
    "alloc": alloc,
    "free": free,
    "list": list_volumes,
    "path": path,
    "status": status,
}
READING = frozenset({"list", "path", "status"})
SECONDS = 0.5  # measured: pvesm is quicker to start than qm
