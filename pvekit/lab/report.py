"""What `pvekit-lab` says about a lab, as text."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pvekit.lab.control import FaultOrder, NodeStatus, Status
from pvekit.lab.home import DEFAULT, Home


@dataclass(frozen=True)
class Selection:
    """Which events of the log are shown."""

    programs: bool = False
    changes: bool = False
    as_json: bool = False

    def wants(self, event: dict[str, Any]) -> bool:
        """Return whether an event is among them."""
        if self.changes:
            return bool(event.get("changes"))
        return not self.programs or event["event"] == "program"


def status(home: Home, found: Status) -> str:
    """Describe a lab that is up."""
    lines = [f"The lab in {home.path} is up (process {found.pid}).", *_nodes(found)]
    if found.faults:
        lines += ["", "Ordered faults:", *(f"  {fault(order)}" for order in found.faults)]
    lines += [
        "",
        f"  export PVEKIT_CONFIG={shlex.quote(str(home.config))}   # then: pvekit vm list",
        f"  pvekit-lab down{_option(home)}",
    ]
    return "\n".join(lines)


def _nodes(found: Status) -> Iterator[str]:
    for node in found.nodes:
        yield f"  {node.name}  {node.host}:{node.port}"
        yield from _guests(node)


def _guests(node: NodeStatus) -> Iterator[str]:
    for guest in node.guests:
        where = ", ".join(guest.addresses) or "no address yet"
        yield f"    {guest.vmid}  {guest.name or '-'}  {where}"


def _option(home: Home) -> str:
    return "" if home.path.name == DEFAULT else f" --dir {shlex.quote(str(home.path))}"


def fault(order: FaultOrder) -> str:
    """Describe an ordered fault as the words that order it."""
    words = [order.kind]
    if order.match:
        words += ["--match", order.match]
    words += ["--when", order.when, "--count", str(order.count)]
    for key, value in order.detail.items():
        words += ["--set", f"{key}={value}"]
    return shlex.join(words)


def log(home: Home, selection: Selection) -> Iterator[str]:
    """Return the selected events, one line each, oldest first."""
    if not home.log.exists():
        return
    with home.log.open(encoding="utf-8") as file:
        for line in file:
            event = json.loads(line)
            if selection.wants(event):
                yield line.rstrip("\n") if selection.as_json else _event(event)


def _event(event: dict[str, Any]) -> str:
    moment = datetime.fromtimestamp(event["time"]).astimezone().strftime("%H:%M:%S.%f")[:-3]
    place = event.get("node", "")
    if "vmid" in event:
        place += f"/{event['vmid']}"
    return f"{moment} {place:<8} {_what(event)}".rstrip()


def _what(event: dict[str, Any]) -> str:
    match event["event"]:
        case "exec":
            return f"{event['user']}$ {event['line']}"
        case "exit":
            return f"  exit {event['status']}: {event['line']}"
        case "program":
            mark = "!" if event["changes"] else " "
            return f"  {mark} {shlex.join(event['argv'])}"
        case "fault":
            return f"FAULT {event['kind']}: {event['subject']}"
        case kind:
            rest = {key: value for key, value in event.items() if key not in {"time", "event"}}
            return f"{kind} {json.dumps(rest)}"
