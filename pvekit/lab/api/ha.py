"""``/cluster/ha``: resources, groups and the state of high availability."""

from __future__ import annotations

from typing import Any

from pvekit.lab.api import ha_rules
from pvekit.lab.api.routes import Route
from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.ha import config, crm
from pvekit.lab.ha.state import Status, current
from pvekit.lab.lists import split_list
from pvekit.lab.sections import Section, Sections

Data = dict[str, Any]


async def index(call: Call) -> list[Data]:
    """``/cluster/ha``."""
    names = ("status", "resources", "groups")
    rules = () if call.node.capacity.pve.startswith("8") else ("rules",)
    return [{"id": name} for name in (*names, *rules)]


async def status_index(_: Call) -> list[Data]:
    """``/cluster/ha/status``."""
    return [{"name": "current"}, {"name": "manager_status"}]


async def status(call: Call) -> list[Data]:
    """``/cluster/ha/status/current``."""
    return current(call.node)


async def manager_status(call: Call) -> Data:
    """``/cluster/ha/status/manager_status``."""
    node = call.node
    known = Status.load(node)
    quorum = {"node": node.name, "quorate": int(node.cluster.quorate(node.name))}
    found: Data = {"manager_status": known.to_data() if known.master else {}, "quorum": quorum}
    if known.nodes:
        now = int(node.machine.clock.now())
        found["lrm_status"] = {
            name: {"mode": "active", "results": {}, "state": "active", "timestamp": now}
            for name in sorted(known.nodes)
        }
    return found


# Resources


def shown(name: str, key: str, section: Section, digest: str) -> Data:
    """Return a section as the API shows it."""
    values = {k: int(v) if k in config.INTEGERS else v for k, v in section.values.items()}
    return {**values, "digest": digest, key: name, "type": section.type}


async def list_resources(call: Call) -> list[Data]:
    """``GET``: all resources, with what is wrong about them."""
    sections = config.load(call.node, config.RESOURCES)
    groups = config.load(call.node, config.GROUPS).ids
    found = []
    for sid, section in sections.ids.items():
        if call.get("type") not in ("", section.type):
            continue
        entry = shown(sid, "sid", section, sections.digest)
        group = section.values.get("group", "")
        if group and group not in groups:
            entry["errors"] = {"group": f"group '{group}' does not exist"}
        found.append(entry)
    return found


async def read_resource(call: Call) -> Data:
    """``GET``: one resource."""
    sid = config.parse_sid(call.node, call.values["sid"])
    sections = config.load(call.node, config.RESOURCES)
    if sid not in sections.ids:
        raise Failure(f"no such resource '{sid}'")
    return shown(sid, "sid", sections.ids[sid], sections.digest)


def _check_type(call: Call, kind: str) -> None:
    if call.get("type", kind) != kind:
        raise Failure("types does not match")


def _check_exists(call: Call, sid: str) -> None:
    kind, _, name = sid.partition(":")
    if kind not in config.layouts(call.node.capacity.pve):
        raise Failure(f"unknown section type '{kind}'")
    if not name.isdecimal() or name.startswith("0") or len(name) < 2:
        raise Failure("invalid VMID")
    if int(name) not in call.node.cluster.guests():
        raise Failure(f"resource '{sid}' does not exist in cluster", 17)


async def create_resource(call: Call) -> None:
    """Put a VM under the manager's care."""
    call.node.check_quorum()
    sid = config.parse_sid(call.node, call.values["sid"])
    kind = sid.partition(":")[0]
    _check_type(call, kind)
    _check_exists(call, sid)
    wanted = call.properties("sid")
    config.layouts(call.node.capacity.pve)[kind].check(wanted, new=True)
    failing = "create resource failed"
    complain = call.process.complain
    async with config.changing(call.node, config.RESOURCES, failing, complain) as sections:
        if sid in sections.ids:
            raise Failure(f"resource ID '{sid}' already defined")
        sections.ids[sid] = Section(kind, wanted)
    crm.wake(call.node)


def _check_state(call: Call, sid: str) -> None:
    service = Status.load(call.node).services.get(sid)
    if service is not None and service.state == "error" and call.get("state") != "disabled":
        raise Failure(f"service '{sid}' in error state, must be disabled and fixed first")


async def update_resource(call: Call) -> None:
    """Change what is asked of a resource."""
    sid = config.parse_sid(call.node, call.values["sid"])
    group = call.get("group")
    if group and group not in config.load(call.node, config.GROUPS).ids:
        raise Failure(f"HA group '{group}' does not exist")
    _check_state(call, sid)
    complain = call.process.complain
    failing = "update resource failed"
    async with config.changing(call.node, config.RESOURCES, failing, complain) as sections:
        sections.check_digest(call.get("digest"))
        if sid not in sections.ids:
            raise Failure(f"no such resource '{sid}'")
        section = sections.ids[sid]
        layout = config.layouts(call.node.capacity.pve)[section.type]
        section.change(layout, call.properties("sid"), split_list(call.get("delete")))
    crm.wake(call.node)


async def delete_resource(call: Call) -> None:
    """Leave a VM alone from now on."""
    sid = config.parse_sid(call.node, call.values["sid"])
    if sid not in config.load(call.node, config.RESOURCES).ids:
        raise Failure(f"cannot delete service '{sid}', not HA managed!")
    complain = call.process.complain
    failing = "delete resource failed"
    async with config.changing(call.node, config.RESOURCES, failing, complain) as sections:
        sections.ids.pop(sid, None)
    if call.on("purge") and call.node.machine.files.exists(config.RULES):
        async with config.changing(call.node, config.RULES, failing, complain) as rules:
            config.drop_from_rules(rules, sid)


def _managed_sid(call: Call) -> str:
    sid = config.parse_sid(call.node, call.values["sid"])
    section = config.load(call.node, config.RESOURCES).ids.get(sid)
    if section is None or section.values.get("state") == "ignored":
        raise Failure(f"resource '{sid}' is not HA managed")
    return sid


async def _request_move(call: Call, how: str) -> Data:
    sid = _managed_sid(call)
    _check_state(call, sid)
    target = call.values["node"]
    await config.queue(call.node, f"{how} {sid} {target}", call.process.complain)
    crm.wake(call.node)
    return {"requested-node": target, "sid": sid}


async def migrate(call: Call) -> Data:
    """Ask for a live migration."""
    return await _request_move(call, "migrate")


async def relocate(call: Call) -> Data:
    """Ask for a move with a shutdown before and a start after it."""
    return await _request_move(call, "relocate")


# Groups


def _group_shown(sections: Sections, name: str) -> Data:
    return shown(name, "group", sections.ids[name], sections.digest)


async def list_groups(call: Call) -> list[Data]:
    """``GET``: all groups."""
    _check_groups(call)
    sections = config.load(call.node, config.GROUPS)
    return [_group_shown(sections, name) for name in sections.ids]


async def read_group(call: Call) -> Data:
    """``GET``: one group."""
    _check_groups(call)
    sections = config.load(call.node, config.GROUPS)
    if call.values["group"] not in sections.ids:
        raise Failure(f"no such ha group '{call.values['group']}'")
    return _group_shown(sections, call.values["group"])


def _check_groups(call: Call) -> None:
    """Die where rules have taken the place of groups."""
    if not call.node.capacity.pve.startswith("8"):
        raise Failure("ha groups have been migrated to rules")


async def create_group(call: Call) -> None:
    """Make a group of nodes, known or not."""
    _check_groups(call)
    call.node.check_quorum()
    name = call.values["group"]
    _check_type(call, "group")
    wanted = call.properties("group")
    config.GROUP_LAYOUTS["group"].check(wanted, new=True)
    complain = call.process.complain
    failing = "create ha group failed"
    async with config.changing(call.node, config.GROUPS, failing, complain) as sections:
        if name in sections.ids:
            raise Failure(f"ha group ID '{name}' already defined")
        sections.ids[name] = Section("group", wanted)


async def update_group(call: Call) -> None:
    """Change a group."""
    _check_groups(call)
    complain = call.process.complain
    failing = "update ha group failed"
    async with config.changing(call.node, config.GROUPS, failing, complain) as sections:
        sections.check_digest(call.get("digest"))
        if call.values["group"] not in sections.ids:
            raise Failure(f"no such ha group '{call.values['group']}'")
        section = sections.ids[call.values["group"]]
        layout, gone = config.GROUP_LAYOUTS["group"], split_list(call.get("delete"))
        section.change(layout, call.properties("group"), gone)


async def delete_group(call: Call) -> None:
    """Remove a group that no resource uses; one that is not there is no error."""
    _check_groups(call)
    name = call.values["group"]
    complain = call.process.complain
    failing = "delete ha group failed"
    async with config.changing(call.node, config.GROUPS, failing, complain) as sections:
        for sid, section in sorted(config.load(call.node, config.RESOURCES).ids.items()):
            if section.values.get("group") == name:
                raise Failure(f"ha group is used by service '{sid}'")
        sections.ids.pop(name, None)


_RESOURCE = "/cluster/ha/resources/{sid}"
_GROUP = "/cluster/ha/groups/{group}"
ROUTES = (
    Route("get", "/cluster/ha", index),
    Route("get", "/cluster/ha/status", status_index),
    Route("get", "/cluster/ha/status/current", status),
    Route("get", "/cluster/ha/status/manager_status", manager_status),
    Route("get", "/cluster/ha/resources", list_resources),
    Route("create", "/cluster/ha/resources", create_resource),
    Route("get", _RESOURCE, read_resource),
    Route("set", _RESOURCE, update_resource),
    Route("delete", _RESOURCE, delete_resource),
    Route("create", f"{_RESOURCE}/migrate", migrate),
    Route("create", f"{_RESOURCE}/relocate", relocate),
    Route("get", "/cluster/ha/groups", list_groups),
    Route("create", "/cluster/ha/groups", create_group),
    Route("get", _GROUP, read_group),
    Route("set", _GROUP, update_group),
    Route("delete", _GROUP, delete_group),
    *ha_rules.ROUTES,
)
