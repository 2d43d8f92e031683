"""``ha-manager``: high availability on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pvekit.lab.api import ha, ha_rules, serial
from pvekit.lab.commands.answers import show
from pvekit.lab.commands.call import Call, Handler
from pvekit.lab.ha import config, crm
from pvekit.lab.ha.state import current

_HIDDEN = frozenset({"digest", "sid", "group", "type", "errors"})


async def status(call: Call) -> None:
    """Show quorum, master, nodes and resources, one line each."""
    for entry in current(call.node):
        await call.process.say(f"{entry['type']} {entry['status']}\n")
    if call.on("verbose"):
        data = serial.pretty(await ha.manager_status(call))
        await call.process.say(f"full cluster state:\n{data}")


def _properties(entry: Mapping[str, Any], hidden: frozenset[str]) -> str:
    shown = sorted(entry.keys() - hidden)
    return "".join(f"\t{key} {entry[key]}\n" for key in shown) + "\n"


async def show_config(call: Call) -> None:
    """Show the resources, and on stderr what is wrong about them."""
    for entry in sorted(await ha.list_resources(call), key=lambda found: str(found["sid"])):
        await call.process.say(f"{entry['sid']}\n")
        await call.process.say(_properties(entry, _HIDDEN - {"group"}))
        for name, why in entry.get("errors", {}).items():
            await call.process.complain(f"error: property '{name}' - {why}\n")


async def show_groups(call: Call) -> None:
    """Show the groups."""
    for entry in sorted(await ha.list_groups(call), key=lambda found: str(found["group"])):
        await call.process.say(f"group: {entry['group']}\n")
        await call.process.say(_properties(entry, _HIDDEN))


async def stop(call: Call) -> None:
    """Ask for a resource to be shut down in so many seconds; 0 cuts its power."""
    sid = config.parse_sid(call.node, call.values["sid"])
    command = f"stop {sid} {call.values['timeout']}"
    await config.queue(call.node, command, call.process.complain)
    crm.wake(call.node)


def _maintenance(verb: str) -> Handler:
    async def handler(call: Call) -> None:
        command = f"{verb}-node-maintenance {call.values['node']}"
        await config.queue(call.node, command, call.process.complain)
        crm.wake(call.node)

    return handler


async def _migrate(call: Call) -> None:
    await ha.migrate(call)


async def _relocate(call: Call) -> None:
    await ha.relocate(call)


async def show_rules(call: Call) -> None:
    """Show the rules as a table."""
    columns = ("enabled", "state", "rule", "type", "resources", "comment")
    rows = [
        {"enabled": 0 if entry.get("disable") else 1, "state": "in use", **entry}
        for entry in await ha_rules.list_rules(call)
    ]
    await show(call, rows, "get /cluster/ha/rules", columns)


HANDLERS: Mapping[str, Handler] = {
    "add": ha.create_resource,
    "config": show_config,
    "crm-command migrate": _migrate,
    "crm-command node-maintenance disable": _maintenance("disable"),
    "crm-command node-maintenance enable": _maintenance("enable"),
    "crm-command relocate": _relocate,
    "crm-command stop": stop,
    "groupadd": ha.create_group,
    "groupconfig": show_groups,
    "groupremove": ha.delete_group,
    "groupset": ha.update_group,
    "remove": ha.delete_resource,
    "rules add": ha_rules.create_rule,
    "rules config": show_rules,
    "rules remove": ha_rules.delete_rule,
    "rules set": ha_rules.update_rule,
    "set": ha.update_resource,
    "status": status,
}
READING = frozenset({"config", "groupconfig", "rules config", "status"})
