"""``/cluster/ha/rules``: on which nodes, and beside which others, resources are to be (PVE 9)."""

from __future__ import annotations

from typing import Any

from pvekit.lab.api.routes import Route
from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.ha import config
from pvekit.lab.lists import split_list
from pvekit.lab.sections import Section, Sections

Data = dict[str, Any]
_PATH = "/cluster/ha/rules"


def _shown(sections: Sections, name: str) -> Data:
    section = sections.ids[name]
    values = {k: int(v) if k in config.INTEGERS else v for k, v in section.values.items()}
    return {**values, "digest": sections.digest, "rule": name, "type": section.type}


async def list_rules(call: Call) -> list[Data]:
    """``GET``: all rules, or those of a kind or about a resource."""
    sections = config.load(call.node, config.RULES)
    wanted = call.get("resource")
    return [
        _shown(sections, name)
        for name, section in sections.ids.items()
        if call.get("type") in ("", section.type)
        and (not wanted or wanted in section.values.get("resources", "").split(","))
    ]


async def read_rule(call: Call) -> Data:
    """``GET``: one rule."""
    sections = config.load(call.node, config.RULES)
    if call.values["rule"] not in sections.ids:
        raise Failure(f"no such ha rule '{call.values['rule']}'")
    return _shown(sections, call.values["rule"])


async def create_rule(call: Call) -> None:
    """Make a rule about resources that are managed already."""
    call.node.check_quorum()
    name, kind = call.values["rule"], call.values["type"]
    wanted = call.properties("rule")
    config.RULE_LAYOUTS[kind].check(wanted, new=True)
    managed = config.load(call.node, config.RESOURCES).ids
    for sid in split_list(wanted["resources"]):
        if sid not in managed:
            raise Failure(f"cannot use unmanaged resource(s) {sid}.")
    complain = call.process.complain
    failing = "create ha rule failed"
    async with config.changing(call.node, config.RULES, failing, complain) as sections:
        if name in sections.ids:
            raise Failure(f"HA rule '{name}' already exists")
        sections.ids[name] = Section(kind, wanted)


async def update_rule(call: Call) -> None:
    """Change a rule."""
    name = call.values["rule"]
    complain = call.process.complain
    failing = "update HA rules failed"
    async with config.changing(call.node, config.RULES, failing, complain) as sections:
        sections.check_digest(call.get("digest"))
        if name not in sections.ids:
            raise Failure(f"HA rule '{name}' does not exist")
        section = sections.ids[name]
        layout = config.RULE_LAYOUTS[section.type]
        section.change(layout, call.properties("rule"), split_list(call.get("delete")))


async def delete_rule(call: Call) -> None:
    """Remove a rule; one that is not there is no error."""
    complain = call.process.complain
    failing = "delete ha rule failed"
    async with config.changing(call.node, config.RULES, failing, complain) as sections:
        sections.ids.pop(call.values["rule"], None)


ROUTES = (
    Route("get", _PATH, list_rules),
    Route("create", _PATH, create_rule),
    Route("get", f"{_PATH}/{{rule}}", read_rule),
    Route("set", f"{_PATH}/{{rule}}", update_rule),
    Route("delete", f"{_PATH}/{{rule}}", delete_rule),
)
