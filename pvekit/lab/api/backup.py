"""``/cluster/backup``, ``/cluster/backup-info`` and ``/nodes/NODE/vzdump``."""

from __future__ import annotations

from typing import Any

from pvekit.lab.access import store
from pvekit.lab.api.routes import Route
from pvekit.lab.api.sdn_checks import wrong
from pvekit.lab.backup import calendar, dump, jobs
from pvekit.lab.backup.archive import Archive
from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.lists import split_list
from pvekit.lab.sections import Section

Data = dict[str, Any]
_DELETABLE = frozenset({"comment", "repeat-missed"})


async def list_jobs(call: Call) -> list[Data]:
    """``GET``: all jobs, with their next runs."""
    now = call.node.machine.clock.now()
    found = []
    for name, section in jobs.load(call.node).ids.items():
        if section.type != "vzdump":
            continue
        entry = jobs.shown(name, section)
        schedule = section.values.get("schedule", "")
        due = 0 if calendar.fault_of(schedule) else calendar.parse(schedule).after(now)
        found.append({**entry, **({"next-run": due} if due else {})})
    return found


async def read_job(call: Call) -> Data:
    """``GET``: one job."""
    section = jobs.load(call.node).ids.get(call.values["id"])
    if section is None or section.type != "vzdump":
        raise call.refuse(id=f"No such job '{call.values['id']}'")
    return jobs.shown(call.values["id"], section)


def _given(call: Call, *, new: bool) -> dict[str, str]:
    wanted = call.properties("id", "dow", "starttime")
    start = call.get("starttime")
    if "schedule" in wanted:
        if start:
            raise call.refuse(starttime="'starttime' and 'schedule' cannot both be set")
    elif start:
        days = ",".join(split_list(call.get("dow")))
        wanted["schedule"] = f"{days} {start}".strip()
    elif new:
        raise call.refuse(schedule="neither 'starttime' nor 'schedule' were set")
    return wanted


def _check_pool(call: Call) -> None:
    pool = call.get("pool")
    if pool and pool not in store.load(call.node).pools:
        raise Failure(f"403 Permission check failed (pool '{pool}' does not exist)")


async def create_job(call: Call) -> None:
    """Define a job; its storage need not exist."""
    _check_pool(call)
    wanted = _given(call, new=True)
    wanted.setdefault("enabled", "1")
    name = call.get("id") or call.node.new_uuid()
    async with jobs.changing(call.node, call.process.complain) as sections:
        if name in sections.ids:
            raise Failure(f"Job '{name}' already exists")
        if fault := dump.fault_of(wanted, missing=True):
            raise wrong(*fault)
        if "exclude" in wanted and "pool" not in wanted:
            wanted["all"] = "1"
        sections.ids[name] = Section("vzdump", wanted)
        jobs.note_state(call.node, "vzdump", name)


async def update_job(call: Call) -> None:
    """Change a job: a new choice of VMs takes the place of the one before."""
    _check_pool(call)
    wanted, gone = _given(call, new=False), split_list(call.get("delete"))
    if not wanted and not gone:
        raise Failure("no options specified")
    async with jobs.changing(call.node, call.process.complain) as sections:
        if fault := dump.fault_of(wanted):
            raise wrong(*fault)
        section = sections.ids.get(call.values["id"])
        if section is None or section.type != "vzdump":
            raise Failure("no such vzdump job", 2)
        for key in gone:
            if key not in _DELETABLE and not dump.is_option(call, key):
                raise wrong("delete", f"unknown option '{key}'")
            section.values.pop(key, None)
        section.values |= wanted
        _drop_others(section.values, wanted)
        if fault := dump.fault_of(section.values, missing=True):
            raise wrong(*fault)


def _drop_others(values: dict[str, str], wanted: dict[str, str]) -> None:
    if "exclude" in values and "pool" not in values:
        values["all"] = "1"
    others: tuple[str, ...] = ()
    if "vmid" in wanted:
        others = ("all", "exclude", "pool")
    elif wanted.get("all") == "1":
        others = ("vmid", "pool")
    elif "pool" in values:
        others = ("vmid", "all")
    for key in others:
        values.pop(key, None)


async def delete_job(call: Call) -> None:
    """Remove a job."""
    name = call.values["id"]
    async with jobs.changing(call.node, call.process.complain) as sections:
        if name not in sections.ids:
            raise wrong("id", f"No such job '{name}'")
        jobs.forget_state(call.node, sections.ids.pop(name).type, name)


# What is covered


async def included_volumes(call: Call) -> Data:
    """``/cluster/backup/JOB/included_volumes``: the guests of a job with their disks."""
    node = call.node
    section = jobs.load(node).ids.get(call.values["id"])
    if section is None:
        raise call.refuse(id=f"No such job '{call.values['id']}'")
    owners = node.cluster.guests()
    children: list[Data] = []
    for vmid in jobs.covered(node, section.values):
        if vmid not in owners:
            children.append({"id": vmid, "leaf": 1, "type": "unknown"})
            continue
        name, kind = jobs.name_of(node, vmid)
        peer = node.peers[owners[vmid][0]]
        disks = [
            {
                "id": f"{vmid}:{slot}",
                "included": int(not reason or reason == "backup=yes"),
                "leaf": 1,
                "name": drive.file,
                "reason": reason,
            }
            for slot, drive, reason in dump.disks(peer.config(vmid))
        ]
        guest = {"children": disks, "id": vmid, "leaf": 0, "name": name, "type": kind}
        children.append(guest)
    return {"children": children}


async def not_backed_up(call: Call) -> list[Data]:
    """``/cluster/backup-info/not-backed-up``: the guests that no job covers."""
    found = []
    for vmid in jobs.not_covered(call.node):
        name, kind = jobs.name_of(call.node, vmid)
        found.append({"name": name, "type": kind, "vmid": vmid})
    return found


async def info_index(_: Call) -> list[Data]:
    """``/cluster/backup-info``."""
    return [{"subdir": "not-backed-up"}]


# On a node


async def defaults(call: Call) -> Data:
    """``/nodes/NODE/vzdump/defaults``."""
    found = {key: int(v) if v.isdecimal() else v for key, v in dump.DEFAULTS.items()}
    storage = call.get("storage", "local")
    definition = dump.storage_for_backups(call.node, storage)
    found |= {"storage": storage, "dumpdir": definition.directory("backup")}
    if "prune-backups" in definition.options:
        found["prune-backups"] = definition.options["prune-backups"]
    return found


async def extract_config(call: Call) -> str:
    """``/nodes/NODE/vzdump/extractconfig``."""
    return config_in(call, call.values["volume"])


def config_in(call: Call, volid: str) -> str:
    """Return the configuration of the VM in a backup; the program dies if there is none."""
    files, path = call.node.machine.files, volid
    if not volid.startswith("/"):
        path = call.node.storages.path(volid)
    if not files.is_file(path):
        raise Failure(f"volume '{volid}' does not exist")
    archive = Archive.read(files, path)
    if archive is None:
        raise Failure(f"command 'vma config {path}' failed: exit code 255")
    return archive.config


_JOB = "/cluster/backup/{id}"
ROUTES = (
    Route("get", "/cluster/backup", list_jobs),
    Route("create", "/cluster/backup", create_job),
    Route("get", _JOB, read_job),
    Route("set", _JOB, update_job),
    Route("delete", _JOB, delete_job),
    Route("get", f"{_JOB}/included_volumes", included_volumes),
    Route("get", "/cluster/backup-info", info_index),
    Route("get", "/cluster/backup-info/not-backed-up", not_backed_up),
    Route("create", "/nodes/{node}/vzdump", dump.vzdump),
    Route("get", "/nodes/{node}/vzdump/defaults", defaults),
    Route("get", "/nodes/{node}/vzdump/extractconfig", extract_config),
)
