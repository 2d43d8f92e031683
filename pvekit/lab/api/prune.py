"""``/nodes/NODE/storage/STORAGE/prunebackups``."""

from __future__ import annotations

from typing import Any

from pvekit.lab.api.routes import Route
from pvekit.lab.commands.call import Call
from pvekit.lab.storage import Definition
from pvekit.lab.storages.listing import listing
from pvekit.lab.storages.pruning import KEEP_ALL, PERIODS, marked

Entry = dict[str, Any]
_PATH = "/nodes/{node}/storage/{storage}/prunebackups"


def _rules(call: Call, definition: Definition) -> dict[str, int]:
    text = call.get("prune-backups") or definition.options.get("prune-backups", "")
    given = {name: call.values[name] for name in (*PERIODS, KEEP_ALL) if name in call.values}
    if not given:
        pairs = (part.partition("=") for part in text.split(",") if part)
        given = {name: value for name, _, value in pairs}
    return {name: int(value) for name, value in given.items()}


async def preview(call: Call) -> list[Entry]:
    """Return all backups, each with the mark that pruning gives it."""
    definition = call.node.storages.enabled(call.values["storage"])
    rules = _rules(call, definition)
    vmid = int(call.get("vmid") or 0)
    rows = listing(call.node.storages, definition, "backup", vmid, frozenset())
    wanted = call.get("type")
    rows = [row for row in rows if wanted in {"", row.get("subtype")}]
    return marked(rows, rules)


async def prune(call: Call) -> None:
    """Remove the backups that need not be kept, as a task."""
    rows = await preview(call)
    storage, vmid = call.values["storage"], call.get("vmid")
    files = call.node.machine.files
    async with call.worker("prunebackups", f"{vmid}@{storage}" if vmid else storage) as say:
        for row in rows:
            if row["mark"] == "remove":
                await say(f"removing backup '{row['volid']}'\n")
                path = call.node.storages.path(row["volid"])
                for place in (path, f"{path}.notes", _log(path)):
                    if files.exists(place):
                        files.unlink(place)


def _log(path: str) -> str:
    head, _, name = path.rpartition("/")
    return f"{head}/{name.partition('.')[0]}.log"


ROUTES = (Route("get", _PATH, preview), Route("delete", _PATH, prune))
