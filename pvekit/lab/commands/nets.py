"""Network cards and other values that are written otherwise than they were given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pvekit.lab import formats
from pvekit.lab.lists import split_list
from pvekit.lab.options import table

if TYPE_CHECKING:
    from pvekit.lab.node import Node

_DATACENTER = "/etc/pve/datacenter.cfg"
_TAG_STYLE = re.compile(r"(?m)^tag-style:\s*(\S+)")


def net_text(node: Node, key: str, text: str) -> str:
    """Return a card's line as the configuration holds it; without a MAC address it gets one."""
    spec = table("qm", node.capacity.pve).commands["set"].names[key]
    card = dict(formats.properties(spec, text, key))
    model, mac = card.pop("model"), card.pop("macaddr", "") or node.new_mac()
    rest = "".join(f",{key}={value}" for key, value in sorted(card.items()))
    return f"{model}={mac}{rest}"


def bridge_of(text: str) -> str:
    """Return the bridge that a card's line names, or nothing."""
    found = re.search(r"(?:^|,)bridge=([^,]+)", text)
    return found[1] if found else ""


def with_new_mac(node: Node, text: str) -> str:
    """Return a card's line with another MAC address."""
    return re.sub(r"=([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}", f"={node.new_mac()}", text, count=1)


def tags_text(node: Node, text: str) -> str:
    """Return tags as ``qm set`` writes them: each once, by the PVE cluster's rules for tags."""
    found = _TAG_STYLE.search(node.machine.files.read(_DATACENTER).decode())
    style = dict(part.partition("=")[::2] for part in (found[1] if found else "").split(","))
    known = text if style.get("case-sensitive", "0") in {"1", "on", "yes"} else text.lower()
    tags = list(dict.fromkeys(split_list(known)))
    if style.get("ordering", "alphabetical") == "alphabetical":
        tags.sort(key=lambda tag: (tag.lower(), tag))
    return ";".join(tags)


def clamped_shares(text: str) -> str:
    """Return a VM's share of processor time within the limits of cgroups, version 2."""
    return str(min(max(int(text), 1), 10000))


def with_identity(node: Node, values: Mapping[str, str]) -> dict[str, str]:
    """Return values with a new uuid and generation id."""
    smbios = re.sub(r"uuid=[0-9a-f-]+", f"uuid={node.new_uuid()}", values.get("smbios1", "uuid=0"))
    return {**values, "smbios1": smbios, "vmgenid": node.new_uuid()}
