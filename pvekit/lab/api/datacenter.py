"""``/cluster/options``: ``datacenter.cfg``."""

from __future__ import annotations

import re
from typing import Any

from pvekit.lab.api.routes import Route
from pvekit.lab.cfslock import cfs_lock, file_lock
from pvekit.lab.commands.call import Call
from pvekit.lab.lists import split_list
from pvekit.lab.vmconfig import encode_text

_PATH = "/etc/pve/datacenter.cfg"
_LINE = re.compile(r"([a-z][a-z0-9_-]*):\s*(.*?)\s*")
_TAGS = re.compile(r"^tags: *(.*?) *$", re.MULTILINE)
# The first property of these may stand without its name.
_OBJECTS = {
    "crs": "ha",
    "ha": "shutdown_policy",
    "migration": "type",
    "next-id": "",
    "notify": "",
    "replication": "",
    "tag-style": "",
    "u2f": "",
    "user-tag-access": "user-allow",
    "webauthn": "",
}


def _read(call: Call) -> tuple[dict[str, str], str]:
    """Return the options and the description."""
    text = call.node.machine.files.read(_PATH).decode(errors="replace")
    comments = [line[1:] for line in text.splitlines() if line.startswith("#")]
    found = (_LINE.fullmatch(line) for line in text.splitlines())
    return {line[1]: line[2] for line in found if line}, "".join(f"{one}\n" for one in comments)


def _object(key: str, text: str) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        name, value = (name, value) if equals else (_OBJECTS[key], part)
        pairs[name] = int(value) if value.isdecimal() else value
    return pairs


async def options(call: Call) -> dict[str, Any]:
    """Return the options, property strings taken apart, and the tags that may be set."""
    values, description = _read(call)
    shown: dict[str, Any] = {"mac_prefix": "BC:24:11", "description": description}
    for key, value in values.items():
        shown[key] = _object(key, value) if key in _OBJECTS else value
    if "registered-tags" in values:
        shown["registered-tags"] = sorted(set(values["registered-tags"].split(";")))
    return {**shown, "allowed-tags": _allowed_tags(call, values)}


def _allowed_tags(call: Call, values: dict[str, str]) -> list[str]:
    found = set(values.get("registered-tags", "").split(";"))
    tree = call.node.cluster.tree
    for vmid, (node, kind) in call.node.cluster.guests().items():
        directory = "qemu-server" if kind == "qemu" else "lxc"
        text = tree.read(f"nodes/{node}/{directory}/{vmid}.conf").decode(errors="replace")
        for tags in _TAGS.findall(text.partition("\n[")[0]):
            found |= set(split_list(tags))
    return sorted(found - {""})


async def set_options(call: Call) -> None:
    """Change or delete options."""
    async with cfs_lock(call.node, file_lock("datacenter.cfg"), "", call.process.complain):
        values, description = _read(call)
        values |= {k: v for k, v in call.values.items() if k not in {"delete", "description"}}
        description = call.get("description", description)
        for name in split_list(call.get("delete")):
            values.pop(name, None)
            description = "" if name == "description" else description
        comments = "".join(f"#{encode_text(line)}\n" for line in description.splitlines())
        lines = "".join(f"{key}: {value}\n" for key, value in sorted(values.items()))
        call.node.write(_PATH, comments + lines)


ROUTES = (
    Route("get", "/cluster/options", options),
    Route("set", "/cluster/options", set_options),
)
