"""What the manager knows: ``manager_status``, and what is told of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from pvekit.lab.access.store import text_of
from pvekit.lab.dates import local_time
from pvekit.lab.ha import config

if TYPE_CHECKING:
    from pvekit.lab.node import Node

FILE = "/etc/pve/ha/manager_status"


@dataclass
class Service:
    """One managed resource: where it is, and which state the manager has brought it to."""

    node: str
    state: str
    uid: str = ""
    running: int = 0
    target: str = ""
    failed: int = 0
    moved: int = 0
    timeout: int = 60


@dataclass
class Status:
    """The manager's memory; there is no master while nothing was ever managed."""

    master: str = ""
    timestamp: int = 0
    nodes: dict[str, str] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)

    @classmethod
    def load(cls, node: Node) -> Status:
        """Read the file."""
        text = text_of(node, FILE)
        data: dict[str, Any] = json.loads(text) if text.strip() else {}
        services = data.get("service_status", {})
        return cls(
            data.get("master_node", ""),
            data.get("timestamp", 0),
            dict(data.get("node_status", {})),
            {sid: Service(**_known(entry)) for sid, entry in services.items()},
        )

    def to_data(self) -> dict[str, Any]:
        """Return what the file says."""
        services = {
            sid: {k: v for k, v in asdict(service).items() if v or k in ("node", "state", "uid")}
            for sid, service in self.services.items()
        }
        return {
            "master_node": self.master,
            "node_status": self.nodes,
            "service_status": services,
            "timestamp": self.timestamp,
        }

    def load_of_nodes(self) -> dict[str, int]:
        """Return how many resources run on each node that takes any."""
        return {
            name: sum(s.node == name and s.state == "started" for s in self.services.values())
            for name, state in self.nodes.items()
            if state == "online"
        }

    def save(self, node: Node) -> None:
        """Write the file."""
        node.write(FILE, json.dumps(self.to_data(), sort_keys=True, separators=(",", ":")))


def _known(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key in Service.__dataclass_fields__}


def states(node: Node) -> dict[str, str | None]:
    """Return the states of all resources by their ids.

    A new one has the state that it is asked to have, if it is asked at all.
    """
    sections = config.load(node, config.RESOURCES).ids
    wanted = {sid: section.values.get("state") for sid, section in sections.items()}
    return wanted | {sid: service.state for sid, service in Status.load(node).services.items()}


def shown(node: Node, vmid: int) -> dict[str, Any]:
    """Return what the API shows of one VM."""
    section = config.load(node, config.RESOURCES).ids.get(f"vm:{vmid}")
    if section is None:
        return {"managed": 0}
    group = {"group": section.values["group"]} if "group" in section.values else {}
    state = states(node).get(f"vm:{vmid}") or config.wanted_state(section.values)
    return {"managed": 1, "state": state, **group}


def verbose_state(service: Service | None, values: Mapping[str, str] | None) -> str:
    """Return the state as people are told it."""
    if values is None:
        return "deleting"
    wanted = config.wanted_state(dict(values))
    if wanted == "ignored":
        return "ignored"
    return "queued" if service is None else _told(service, wanted)


def _told(service: Service, wanted: str) -> str:
    state = service.state
    if state == "stopped":
        state = {"started": "starting", "disabled": "disabled"}.get(wanted, state)
    elif state == "started":
        state = "stopping" if wanted in ("stopped", "disabled") else state
        state = state if service.running else "starting"
    elif state == "error" and wanted == "disabled":
        state = "clearing error flag"
    return state


def current(node: Node) -> list[dict[str, Any]]:
    """Return what ``ha-manager status`` is about, line by line."""
    quorate = node.cluster.quorate(node.name)
    text = "OK" if quorate else f"No quorum on node '{node.name}'!"
    quorum = {"id": "quorum", "node": node.name, "quorate": int(quorate), "type": "quorum"}
    status, sections = Status.load(node), config.load(node, config.RESOURCES).ids
    owners = node.cluster.guests()
    known = {sid: s.values for sid, s in sections.items() if int(sid.split(":")[1]) in owners}
    found: list[dict[str, Any]] = [{**quorum, "status": text}]
    if status.master:
        found += [_master(node, status, idle=not known), *_nodes(node, status)]
    for sid in [*sorted(status.services), *sorted(known.keys() - status.services.keys())]:
        found.append(_service(node, sid, status.services.get(sid), known.get(sid)))
    return found


def _seen(node: Node, status: Status, name: str) -> tuple[int, bool]:
    """Return when a node last told of itself, and whether that is not too long ago."""
    alive = node.cluster.online(name, node.name) and node.cluster.quorate(node.name)
    now = int(node.machine.clock.now())
    # More than 30 seconds of silence is too long for the real one, too.
    then = now if alive else status.timestamp
    return then, now - then <= 30


def _master(node: Node, status: Status, *, idle: bool) -> dict[str, Any]:
    then, active = _seen(node, status, status.master)
    word = "active" if active else "idle" if idle else "old timestamp - dead?"
    text = f"{status.master} ({word}, {local_time(then)})"
    return {
        "id": "master",
        "node": status.master,
        "status": text,
        "timestamp": then,
        "type": "master",
    }


def _nodes(node: Node, status: Status) -> list[dict[str, Any]]:
    found = []
    for name in sorted(status.nodes):
        then, active = _seen(node, status, name)
        here = [s for s in status.services.values() if s.node == name and s.state != "stopped"]
        word = ("active" if here else "idle") if active else "old timestamp - dead?"
        if status.nodes[name] == "maintenance":
            word = "maintenance mode"
        text = f"{name} ({word}, {local_time(then)})"
        entry = {"id": f"lrm:{name}", "node": name, "status": text, "timestamp": then}
        found.append({**entry, "type": "lrm"})
    return found


def _service(
    node: Node, sid: str, service: Service | None, values: Mapping[str, str] | None
) -> dict[str, Any]:
    owner = node.cluster.owner(int(sid.split(":")[1]))
    place = service.node if service else owner[0] if owner else "---"
    state = verbose_state(service, values)
    entry: dict[str, Any] = {
        "id": f"service:{sid}",
        "node": place,
        "sid": sid,
        "state": state,
        "status": f"{sid} ({place}, {state})",
        "type": "service",
    }
    if service:
        entry["crm_state"] = service.state
    if values is not None:
        defaults: dict[str, Any] = {"max_relocate": 1, "max_restart": 1}
        if not node.capacity.pve.startswith("8"):
            defaults["failback"] = 1
        told = {k: values[k] for k in ("group", *defaults, "comment") if k in values}
        numbers = {k: int(v) if k in config.INTEGERS else v for k, v in told.items()}
        entry |= {"request_state": config.wanted_state(dict(values)), **defaults, **numbers}
    return entry
