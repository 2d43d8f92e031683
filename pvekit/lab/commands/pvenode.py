"""``pvenode``: a node's own settings, tasks and VMs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pvekit.lab.access.store import text_of
from pvekit.lab.api import bulk, nodefiles, tasks
from pvekit.lab.commands.answers import show
from pvekit.lab.commands.call import Call, Handler

_TASKS = "/nodes/{node}/tasks"
_COLUMNS = ("upid", "type", "id", "user", "starttime", "endtime", "status")


def _here(call: Call, **more: str) -> Call:
    return replace(call, values={**call.values, "node": call.node.name, **more})


async def get_config(call: Call) -> None:
    """Show the node's settings as their file has them."""
    path = f"/etc/pve/nodes/{call.node.name}/config"
    wanted = call.get("property")
    for line in text_of(call.node, path).splitlines():
        if not wanted or line.startswith(f"{wanted}:"):
            await call.process.say(f"{line}\n")


async def set_config(call: Call) -> None:
    """Change the node's settings."""
    await nodefiles.set_config(_here(call))


async def list_tasks(call: Call) -> None:
    """Show tasks as a table; whatever did not end well is an error."""
    rows = await tasks.tasks(_here(call))
    for row in rows:
        row["status"] = "OK" if row.get("status") == "OK" else "ERROR"
    await show(call, rows, f"get {_TASKS}", _COLUMNS)


async def show_task(call: Call) -> None:
    """Show the status of one task."""
    await show(call, await tasks.status(_here(call)), f"get {_TASKS}/{{upid}}/status")


async def show_log(call: Call) -> None:
    """Show the log of one task."""
    for row in await tasks.log(_here(call, limit="1000000")):
        await call.process.say(f"{row['t']}\n")


HANDLERS: Mapping[str, Handler] = {
    "config get": get_config,
    "config set": set_config,
    "startall": bulk.start_all,
    "stopall": bulk.stop_all,
    "task list": list_tasks,
    "task log": show_log,
    "task status": show_task,
    "wakeonlan": bulk.wake,
}
READING = frozenset({"config get", "task list", "task log", "task status"})
