"""Tasks: ``/nodes/NODE/tasks`` and ``/cluster/tasks``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pvekit.lab.api.routes import Route
from pvekit.lab.commands.call import Call
from pvekit.lab.lists import split_list
from pvekit.lab.tasks import Task, is_upid
from pvekit.lab.workers import stop

_TASKS = "/nodes/{node}/tasks"
_PAGE = 50
_CLUSTER_PAGE = 25  # what each node tells the others
Entry = dict[str, Any]


async def cluster_tasks(call: Call) -> list[Entry]:
    """Return the last tasks of all nodes, newest first."""
    found = [
        task
        for node in call.node.peers.values()
        for task in node.tasks.all[-_CLUSTER_PAGE:]
        if node is call.node or call.node.cluster.online(node.name, call.node.name)
    ]
    return [_last(task) for task in sorted(found, key=lambda task: -task.starttime)]


def _last(task: Task) -> Entry:
    entry = task.facts()
    del entry["pid"], entry["pstart"]
    return {**entry, "saved": "1"} if task.endtime else {**entry, "saved": "0"}


async def tasks(call: Call) -> list[Entry]:
    """Return finished tasks, newest first; with ``--source active`` running ones."""
    start, limit = int(call.get("start", "0")), int(call.get("limit", "0")) or _PAGE
    return [_entry(task) for task in _chosen(call)][start : start + limit]


def _entry(task: Task) -> Entry:
    entry = task.facts()
    return entry if task.endtime else {**entry, "saved": "0", "status": "RUNNING"}


def _chosen(call: Call) -> Iterator[Task]:
    source = call.get("source", "archive")
    known = list(reversed(call.node.tasks.all))
    if source != "archive":
        yield from (task for task in known if not task.endtime and _fits(call, task))
    if source != "active":
        yield from (task for task in known if task.endtime and _fits(call, task))


def _fits(call: Call, task: Task) -> bool:
    wanted = call.values
    moment = task.starttime
    return (
        wanted.get("vmid", task.id) == task.id
        and wanted.get("typefilter", task.kind) == task.kind
        and re.search(re.escape(call.get("userfilter")), "root@pam", re.IGNORECASE) is not None
        and not (call.on("errors") and _ended_well(task))
        and int(wanted.get("since", moment)) <= moment <= int(wanted.get("until", moment))
        and (
            "statusfilter" not in wanted or _kind_of_end(task) in split_list(wanted["statusfilter"])
        )
    )


def _ended_well(task: Task) -> bool:
    return task.status == "OK" or task.status.startswith("WARNINGS: ")


def _kind_of_end(task: Task) -> str:
    if task.status == "OK":
        return "ok"
    if task.status.startswith("WARNINGS: "):
        return "warning"
    return "unknown" if task.status in {"", "unexpected status"} else "error"


def _task(call: Call) -> Task:
    upid = call.values["upid"]
    if not is_upid(upid):
        raise call.refuse(upid="unable to parse worker upid")
    task = call.node.tasks.find(upid)
    if task is None:
        raise call.refuse(upid="no such task")
    return task


async def status(call: Call) -> Entry:
    """Return whether a task runs; ``exitstatus`` is what tells success."""
    task = _task(call)
    entry = task.facts()
    entry.pop("endtime", None)
    ended = {"exitstatus": task.status, "status": "stopped"} if task.endtime else {}
    return {**entry, "status": "running", **ended}


async def log(call: Call) -> list[Entry]:
    """Return the lines of a task's log."""
    lines = _task(call).lines
    start, limit = int(call.get("start", "0")), int(call.get("limit", "0")) or _PAGE
    numbered = list(enumerate(lines, start=1))[start : start + limit]
    if not lines:
        return [{"n": 1, "t": "no content"}]
    return [{"n": number, "t": text} for number, text in numbered]


async def stop_task(call: Call) -> None:
    """End a running task; one that has ended is left as it is."""
    await stop(call.node.machine, _task(call))


ROUTES = (
    Route("get", "/cluster/tasks", cluster_tasks),
    Route("get", _TASKS, tasks),
    Route("delete", f"{_TASKS}/{{upid}}", stop_task),
    Route("get", f"{_TASKS}/{{upid}}/status", status),
    Route("get", f"{_TASKS}/{{upid}}/log", log),
)
