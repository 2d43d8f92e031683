"""The files of high availability: resources, groups, rules and waiting commands."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from pvekit.lab.access.store import text_of
from pvekit.lab.cfslock import cfs_lock
from pvekit.lab.failure import Failure
from pvekit.lab.sections import Layout, Sections
from pvekit.lab.tasks import Say

if TYPE_CHECKING:
    from pvekit.lab.node import Node

RESOURCES = "/etc/pve/ha/resources.cfg"
GROUPS = "/etc/pve/ha/groups.cfg"
RULES = "/etc/pve/ha/rules.cfg"
COMMANDS = "/etc/pve/ha/crm_commands"

_RESOURCE = frozenset({"state", "group", "comment", "max_restart", "max_relocate"})
RESOURCE_LAYOUTS = {
    "8": dict.fromkeys(("vm", "ct"), Layout(optional=_RESOURCE)),
    "9": dict.fromkeys(("vm", "ct"), Layout(optional=_RESOURCE | {"failback"})),
}
GROUP_LAYOUTS = {
    "group": Layout(frozenset({"nodes"}), frozenset({"comment", "nofailback", "restricted"}))
}
RULE_LAYOUTS = {
    "node-affinity": Layout(
        frozenset({"resources", "nodes"}), frozenset({"comment", "disable", "strict"})
    ),
    "resource-affinity": Layout(
        frozenset({"resources", "affinity"}), frozenset({"comment", "disable"})
    ),
}
INTEGERS = frozenset(
    {"max_restart", "max_relocate", "nofailback", "restricted", "failback", "strict", "disable"}
)

acting: ContextVar[bool] = ContextVar("acting", default=False)
"""Whether it is the manager itself that runs a program: it does not ask itself."""


@contextmanager
def without_asking() -> Iterator[None]:
    """Let programs in the body act on managed VMs, as the manager's own do."""
    token = acting.set(True)
    try:
        yield
    finally:
        acting.reset(token)


def layouts(version: str) -> dict[str, Layout]:
    """Return what resources of a version may hold."""
    return RESOURCE_LAYOUTS[version[0]]


def load(node: Node, path: str) -> Sections:
    """Read one of the files; a resource is known by ``vm:700``."""
    found = Sections.parse(text_of(node, path))
    if path == RESOURCES:
        found.ids = {f"{section.type}:{name}": section for name, section in found.ids.items()}
    return found


def save(node: Node, path: str, sections: Sections) -> None:
    """Write one of the files."""
    if path == RESOURCES:
        plain = {sid.partition(":")[2]: section for sid, section in sections.ids.items()}
        text = Sections(plain).text(layouts(node.capacity.pve))
    else:
        text = sections.text(GROUP_LAYOUTS if path == GROUPS else RULE_LAYOUTS)
    node.write(path, text)


@asynccontextmanager
async def changing(node: Node, path: str, failing: str, complain: Say) -> AsyncIterator[Sections]:
    """Give a file's content to the body, and write what that made of it."""
    async with cfs_lock(node, "domain-ha", failing, complain):
        sections = load(node, path)
        yield sections
        save(node, path, sections)


def configured(node: Node, vmid: int) -> bool:
    """Return whether a VM is an HA resource, be it an ignored one."""
    return f"vm:{vmid}" in load(node, RESOURCES).ids


def managed(node: Node, vmid: int) -> bool:
    """Return whether programs must leave a VM's power and place to the HA manager."""
    if acting.get() or not node.machine.files.exists(RESOURCES):
        return False
    section = load(node, RESOURCES).ids.get(f"vm:{vmid}")
    return section is not None and section.values.get("state") != "ignored"


def wanted_state(values: dict[str, str]) -> str:
    """Return the state that a resource is asked to have."""
    state = values.get("state", "started")
    return "started" if state == "enabled" else state


def parse_sid(node: Node, text: str) -> str:
    """Return ``vm:700`` for that or for a plain vmid; the program dies if there is no such VM."""
    if text.isdecimal():
        owner = node.cluster.owner(int(text))
        if owner is None:
            raise Failure(f"unable do add resource - VM/CT {text} does not exist")
        return f"{'vm' if owner[1] == 'qemu' else 'ct'}:{text}"
    if not re.fullmatch(r"\S+:\S+", text):
        raise Failure(f"unable to parse service id '{text}'")
    return text


async def queue(node: Node, command: str, complain: Say) -> None:
    """Leave a command for the manager."""
    async with cfs_lock(node, "domain-ha", "", complain):
        node.write(COMMANDS, f"{text_of(node, COMMANDS)}{command}\n")


async def forget(node: Node, vmid: int, complain: Say) -> None:
    """Take a VM out of the resources and rules."""
    sid = f"vm:{vmid}"
    async with changing(node, RESOURCES, "delete resource failed", complain) as sections:
        sections.ids.pop(sid, None)
    if node.machine.files.exists(RULES):
        async with changing(node, RULES, "delete resource failed", complain) as rules:
            drop_from_rules(rules, sid)


def drop_from_rules(rules: Sections, sid: str) -> None:
    """Take a resource out of all rules; one without resources goes."""
    for name, section in list(rules.ids.items()):
        kept = [other for other in section.values.get("resources", "").split(",") if other != sid]
        section.values["resources"] = ",".join(kept)
        if not kept:
            del rules.ids[name]
