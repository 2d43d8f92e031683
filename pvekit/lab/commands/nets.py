"""Network cards and other values that are written otherwise than they were given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pvekit.lab import formats
from pvekit.lab.options import Spec

if TYPE_CHECKING:
    from pvekit.lab.node import Node


def net_text(node: Node, spec: Spec, text: str) -> str:
    """Return a card's line as the configuration holds it; without a MAC address it gets one."""
    card = dict(formats.properties(spec, text, "net"))
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


def tags_text(text: str) -> str:
    """Return tags as ``qm set`` writes them: lower case, each once, sorted."""
    return ";".join(sorted({tag.lower() for tag in re.split(r"[,;\s]+", text) if tag}))


def with_identity(node: Node, values: Mapping[str, str]) -> dict[str, str]:
    """Return values with a new uuid and generation id."""
    smbios = re.sub(r"uuid=[0-9a-f-]+", f"uuid={node.new_uuid()}", values.get("smbios1", "uuid=0"))
    return {**values, "smbios1": smbios, "vmgenid": node.new_uuid()}
