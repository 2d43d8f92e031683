"""The firewalls' options: ``cluster.fw``, a node's ``host.fw``, a VM's ``VMID.fw``.

The lab filters nothing: the options are kept and shown, rules are not simulated.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from pvekit.lab.api.routes import Route
from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.lists import split_list
from pvekit.lab.process import NotSimulated

Place = Callable[[Call], str]
_LINE = re.compile(r"([a-z][a-z0-9_]*):\s*(.*?)\s*", re.IGNORECASE)
_HEAD = re.compile(r"\[(\w+)[^\]]*\]\s*", re.IGNORECASE)
_SKIPPED = frozenset({"node", "vmid", "delete", "digest"})


def _of_vm(call: Call) -> str:
    call.node.config(call.vmid)
    return f"/etc/pve/firewall/{call.vmid}.fw"


_PLACES: Mapping[str, Place] = {
    "/cluster/firewall": lambda _: "/etc/pve/firewall/cluster.fw",
    "/nodes/{node}/firewall": lambda call: f"/etc/pve/nodes/{call.node.name}/host.fw",
    "/nodes/{node}/qemu/{vmid}/firewall": _of_vm,
}
_LISTS = {
    "/cluster/firewall": ("rules", "aliases", "ipset", "groups"),
    "/nodes/{node}/firewall": ("rules",),
    "/nodes/{node}/qemu/{vmid}/firewall": ("rules", "aliases", "ipset"),
}
_SECTIONS = {"groups": "group"}


def _sections(call: Call, path: str) -> dict[str, list[str]]:
    files = call.node.machine.files
    text = files.read(path).decode(errors="replace") if files.is_file(path) else ""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if head := _HEAD.fullmatch(line):
            lines = found.setdefault(head[1].lower(), [])
        elif line.strip() and not line.startswith("#"):
            lines.append(line.strip())
    return found


def _options(call: Call, path: str) -> dict[str, str]:
    lines = (_LINE.fullmatch(line) for line in _sections(call, path).get("options", ()))
    return {line[1]: line[2] for line in lines if line}


def _digest(values: Mapping[str, str]) -> str:
    text = "".join(f"{key}:{value}\n" for key, value in sorted(values.items()))
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def _getter(place: Place) -> Callable[[Call], Any]:
    async def options(call: Call) -> dict[str, Any]:
        values = _options(call, place(call))
        shown = {k: int(v) if v.isdecimal() else v for k, v in values.items()}
        return {**shown, "digest": _digest(values)}

    return options


def _setter(place: Place) -> Callable[[Call], Any]:
    async def set_options(call: Call) -> None:
        path = place(call)
        sections = _sections(call, path)
        if sections.keys() - {"options"}:
            raise NotSimulated("firewall rules")
        values = _options(call, path)
        if call.get("digest") not in {"", _digest(values)}:
            raise Failure(
                "detected modified configuration - file changed by other user? Try again."
            )
        values |= {k: v for k, v in call.values.items() if k not in _SKIPPED}
        for name in split_list(call.get("delete")):
            values.pop(name, None)
        lines = "".join(f"{key}: {value}\n" for key, value in sorted(values.items()))
        call.node.write(path, f"[OPTIONS]\n\n{lines}\n" if lines else "")

    return set_options


def _lister(place: Place, name: str) -> Callable[[Call], Any]:
    async def listed(call: Call) -> list[Any]:
        sections = _sections(call, place(call))
        if _SECTIONS.get(name, name) in sections:
            raise NotSimulated(f"firewall {name}")
        return []

    return listed


ROUTES = (
    *(Route("get", f"{path}/options", _getter(place)) for path, place in _PLACES.items()),
    *(Route("set", f"{path}/options", _setter(place)) for path, place in _PLACES.items()),
    *(
        Route("get", f"{path}/{name}", _lister(_PLACES[path], name))
        for path, names in _LISTS.items()
        for name in names
    ),
)
