"""What programs say of values in a VM's configuration that they cannot read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pvekit.lab import formats
from pvekit.lab.options import Spec, table

if TYPE_CHECKING:
    from pvekit.lab.node import Node

_LINE = re.compile(r"^([a-z][a-z_-]*\d*):\s*(.+?)\s*$")


def config_faults(node: Node, vmid: str) -> str:
    """Return a line for each value of a VM on this node that cannot be read."""
    path = f"/etc/pve/nodes/{node.name}/qemu-server/{vmid}.conf"
    if not vmid.isdecimal() or not node.machine.files.exists(path):
        return ""
    text = node.machine.files.read(path).decode(errors="surrogateescape")
    known = table("qm", node.capacity.pve).commands["set"].names
    lines = [_LINE.search(line) for line in text.split("\n[", 1)[0].splitlines()]
    found = [(line[1], line[2]) for line in lines if line and line[1] in known]
    return "".join(_faults(vmid, known[name], name, value) for name, value in found)


def _faults(vmid: str, spec: Spec, name: str, value: str) -> str:
    return "".join(
        f"vm {vmid} - unable to parse value of '{name}' - {why}" for why in _why(spec, value)
    )


def _why(spec: Spec, value: str) -> Iterator[str]:
    """Only type and format of a value that was written once are looked at again."""
    kept = Spec(type=spec.type, format=spec.format, properties=spec.properties)
    try:
        formats.check(kept, value, "")
    except formats.Invalid as invalid:
        yield str(invalid).removeprefix("invalid format - ").rstrip("\n") + "\n"
