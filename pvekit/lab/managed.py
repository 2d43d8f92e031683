"""What the API shows of high availability beside VMs, after its files."""

from __future__ import annotations

import json
from typing import Any

from pvekit.lab.access.store import text_of
from pvekit.lab.ha.config import RESOURCES, load, wanted_state
from pvekit.lab.node import Node

_STATUS = "/etc/pve/ha/manager_status"


def managed(node: Node, vmid: int) -> dict[str, Any]:
    """Return what is shown of one VM."""
    section = load(node, RESOURCES).ids.get(f"vm:{vmid}")
    if section is None:
        return {"managed": 0}
    group = {"group": section.values["group"]} if "group" in section.values else {}
    state = ha_states(node).get(f"vm:{vmid}") or wanted_state(section.values)
    return {"managed": 1, "state": state, **group}


def ha_states(node: Node) -> dict[str, str | None]:
    """Return the states of all services that are managed, by their ids.

    A new one has the state that it is asked to have, if it is asked at all.
    """
    wanted = {sid: found.values.get("state") for sid, found in load(node, RESOURCES).ids.items()}
    text = text_of(node, _STATUS)
    found = json.loads(text).get("service_status", {}) if text else {}
    return wanted | {sid: entry.get("state") for sid, entry in found.items()}
