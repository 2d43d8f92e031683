"""``/nodes/NODE/storage`` and the state of one storage."""

from __future__ import annotations

from typing import Any

from pvekit.lab.api.routes import Route
from pvekit.lab.commands.call import Call
from pvekit.lab.storages.report import Report, report

Entry = dict[str, Any]
_STORAGE = "/nodes/{node}/storage/{storage}"
_BELOW = (
    *("content", "download-url", "file-restore", "import-metadata", "prunebackups", "rrd"),
    *("rrddata", "status", "upload"),
)


async def _report(call: Call) -> Report:
    found = report(call.node.storages, call.get("content"), formats=call.on("format"))
    for warning in found.warnings:
        await call.process.complain(warning if warning.endswith("\n") else f"{warning}\n")
    return found


async def index(call: Call) -> list[Entry]:
    """Return all storages as the node sees them, those that are switched off too."""
    found, wanted = await _report(call), call.get("storage")
    if wanted and wanted not in found.rows:
        raise call.refuse(storage="No such storage.")
    return [
        _with_share(row)
        for name, row in found.rows.items()
        if wanted in {"", name} and _is_shown(call, name)
    ]


def _is_shown(call: Call, name: str) -> bool:
    definition = call.node.storages.get(name)
    if call.on("enabled") and definition.disabled:
        return False
    target = call.get("target")
    if target in {"", call.node.name, "localhost"}:
        return True
    return definition.shared and definition.on(call.node.name) and definition.on(target)


def _with_share(row: Entry) -> Entry:
    return {**row, "used_fraction": row["used"] / row["total"]} if row["total"] else row


async def read(call: Call) -> Entry:
    """Return one storage's state."""
    found = await _report(call)
    row = found.rows.get(call.values["storage"])
    if row is None:
        raise call.refuse(storage="No such storage.")
    return {key: value for key, value in row.items() if key != "storage"}


async def below(_: Call) -> list[Entry]:
    """Return what can be asked of one storage."""
    return [{"subdir": name} for name in _BELOW]


def table(rows: list[Entry]) -> str:
    """Return the table of ``pvesm status``."""
    width = max((len(row["storage"]) for row in rows), default=0) + 1
    head = ("Name", "Type", "Status", "Total", "Used", "Available", "%")
    shape = f"{{:<{width}}} {{:>10}} {{:>10}} {{:>15}} {{:>15}} {{:>15}} {{:>8}}\n"
    lines = [shape.format(*head)]
    for row in sorted(rows, key=lambda row: str(row["storage"])):
        sizes = [row[key] // 1024 for key in ("total", "used", "avail")]
        state = "active" if row["active"] else "inactive"
        share = f"{100 * row['used'] / row['total'] if row['total'] else 0:.2f}%"
        if not row["enabled"]:
            state, share = "disabled", "N/A"
        lines.append(shape.format(row["storage"], row["type"], state, *sizes, share))
    return "".join(lines)


def volumes_table(rows: list[Entry]) -> str:
    """Return the table of ``pvesm list``: what belongs to a guest first."""
    width = max((len(row["volid"]) for row in rows), default=0)
    digits = max((len(str(row["size"])) for row in rows), default=1)
    shape = f"{{:<{width}}} {{:<7}} {{:<9}} {{:>{digits}}}"
    lines = [shape.format("Volid", "Format", "Type", "Size") + " VMID\n"]
    cells = ("volid", "format", "content", "size")
    owned = [row for row in rows if "vmid" in row]
    others = sorted((row for row in rows if "vmid" not in row), key=lambda row: str(row["format"]))
    for row in (*owned, *others):
        owner = f" {row['vmid']}" if "vmid" in row else ""
        lines.append(shape.format(*(row[key] for key in cells)) + f"{owner}\n")
    return "".join(lines)


ROUTES = (
    Route("get", "/nodes/{node}/storage", index),
    Route("get", _STORAGE, below),
    Route("get", f"{_STORAGE}/status", read),
)
