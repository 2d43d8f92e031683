"""A node's own files behind the API: time zone, name servers, ``/etc/hosts``, its options."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from typing import Any

from pvekit.lab.api.routes import Route
from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.lists import split_list
from pvekit.lab.vmconfig import digest

Entry = dict[str, Any]
_NODE = "/nodes/{node}"
_RESOLV = "/etc/resolv.conf"
_HOSTS = "/etc/hosts"
_ZONE = "/etc/timezone"
_LINE = re.compile(r"([a-z][a-z0-9-]*):\s*(.*?)\s*")


def _text(call: Call, path: str) -> str:
    files = call.node.machine.files
    return files.read(path).decode(errors="replace") if files.is_file(path) else ""


def _zone(call: Call) -> str:
    return _text(call, _ZONE).strip() or "UTC"


async def time(call: Call) -> Entry:
    """Return the time, and what the clock on the wall shows."""
    now = int(call.node.machine.clock.now())
    zone = _zone(call)
    there = datetime.datetime.fromtimestamp(now, zoneinfo.ZoneInfo(zone))
    offset = there.utcoffset() or datetime.timedelta()
    return {"localtime": now + int(offset.total_seconds()), "time": now, "timezone": zone}


async def set_time(call: Call) -> None:
    """Change the time zone."""
    zone = call.values["timezone"]
    if zone not in zoneinfo.available_timezones():
        raise call.refuse(timezone="No such timezone.")
    call.node.machine.files.write(_ZONE, f"{zone}\n".encode())


async def dns(call: Call) -> Entry:
    """Return the name servers and the search domain."""
    found: Entry = {}
    for line in _text(call, _RESOLV).splitlines():
        word, _, value = line.partition(" ")
        if word in {"search", "domain"}:
            found["search"] = value.split()[0] if value.split() else ""
        servers = sum(key.startswith("dns") for key in found)
        if word == "nameserver" and servers < 3:  # what the resolver reads
            found[f"dns{servers + 1}"] = value.strip()
    return found


async def set_dns(call: Call) -> None:
    """Change the name servers and the search domain."""
    kept = [
        line
        for line in _text(call, _RESOLV).splitlines()
        if line.split(" ")[0] not in {"search", "domain", "nameserver"}
    ]
    servers = [call.get(f"dns{number}") for number in (1, 2, 3)]
    lines = [f"search {call.get('search')}"] if call.get("search") else []
    lines += [f"nameserver {server}" for server in servers if server]
    text = "".join(f"{line}\n" for line in lines + kept)
    call.node.machine.files.write(_RESOLV, text.encode())


async def hosts(call: Call) -> Entry:
    """Return ``/etc/hosts`` and its digest."""
    text = _text(call, _HOSTS)
    return {"data": text, "digest": digest(text)}


async def set_hosts(call: Call) -> None:
    """Write ``/etc/hosts``."""
    if call.get("digest") not in {"", digest(_text(call, _HOSTS))}:
        raise Failure("detected modified configuration - file changed by other user? Try again.")
    call.node.machine.files.write(_HOSTS, call.values["data"].encode())


def _config_path(call: Call) -> str:
    return f"/etc/pve/nodes/{call.node.name}/config"


def _config(call: Call) -> dict[str, str]:
    lines = _text(call, _config_path(call)).splitlines()
    found = (_LINE.fullmatch(line) for line in lines)
    comments = "".join(f"{line[1:]}\n" for line in lines if line.startswith("#"))
    values = {line[1]: line[2] for line in found if line}
    return {**values, "description": comments} if comments else values


async def config(call: Call) -> Entry:
    """Return the node's options."""
    values: Entry = dict(_config(call))
    wanted = call.get("property", "all")
    shown = values if wanted == "all" else {k: v for k, v in values.items() if k == wanted}
    return {**shown, "digest": digest(_text(call, _config_path(call)))}


async def set_config(call: Call) -> None:
    """Change or delete options of the node."""
    skipped = {"node", "delete", "digest"}
    values = _config(call) | {k: v for k, v in call.values.items() if k not in skipped}
    for name in split_list(call.get("delete")):
        values.pop(name, None)
    comments = values.pop("description", "").splitlines()
    lines = [f"#{line}" for line in comments] + [f"{k}: {v}" for k, v in sorted(values.items())]
    call.node.write(_config_path(call), "".join(f"{line}\n" for line in lines))


ROUTES = (
    Route("get", f"{_NODE}/config", config),
    Route("set", f"{_NODE}/config", set_config),
    Route("get", f"{_NODE}/dns", dns),
    Route("set", f"{_NODE}/dns", set_dns),
    Route("get", f"{_NODE}/hosts", hosts),
    Route("create", f"{_NODE}/hosts", set_hosts),
    Route("get", f"{_NODE}/time", time),
    Route("set", f"{_NODE}/time", set_time),
)
