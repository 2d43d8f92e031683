"""``/cluster/sdn/vnets/VNET/subnets``."""

from __future__ import annotations

import re
from typing import Any

from pvekit.lab.api import sdn_checks
from pvekit.lab.api.routes import Route
from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.lists import split_list
from pvekit.lab.process import NotSimulated
from pvekit.lab.sdn import config
from pvekit.lab.sdn.config import SUBNETS, VNETS, Object
from pvekit.lab.sections import Section

Data = dict[str, Any]
_PATH = "/cluster/sdn/vnets/{vnet}/subnets"


def _check_vnet(call: Call) -> None:
    if call.values["vnet"] not in config.load(call.node, VNETS).ids:
        raise Failure(f"sdn '{call.values['vnet']}' does not exist")


def _given(call: Call) -> dict[str, str]:
    found = call.properties("subnet")
    if "dhcp-range" in found:
        ranges = re.findall(r"[a-z]+-address=[^,]+,[a-z]+-address=[^,]+", found["dhcp-range"])
        found["dhcp-range"] = "\n".join(ranges)
    return found


def _objects(call: Call) -> tuple[dict[str, Object], str | None]:
    if call.on("pending"):
        return config.pending(call.node, SUBNETS), None
    if call.on("running"):
        return config.running_objects(call.node, SUBNETS), None
    sections = config.load(call.node, SUBNETS)
    return {n: config.decoded(section) for n, section in sections.ids.items()}, sections.digest


def _shown(name: str, found: Object, digest: str | None) -> Data:
    zone, network, mask = name.split("-")
    ranges = [dict(part.split("=") for part in r.split(",")) for r in found.get("dhcp-range", [])]
    place = {"cidr": f"{network}/{mask}", "mask": mask, "network": network, "zone": zone}
    return {**found, **place, "dhcp-range": ranges, "digest": digest, "subnet": name}


async def list_subnets(call: Call) -> list[Data]:
    """``GET``: the subnets of a vnet."""
    _check_vnet(call)
    found, digest = _objects(call)
    return [
        _shown(name, entry, digest)
        for name, entry in sorted(found.items())
        if (entry.get("vnet") or entry.get("pending", {}).get("vnet")) == call.values["vnet"]
    ]


async def read_subnet(call: Call) -> Data:
    """``GET``: one subnet."""
    _check_vnet(call)
    found, digest = _objects(call)
    name = call.values["subnet"]
    if name not in found:
        raise Failure(f"sdn subnet '{name}' does not exist")
    if found[name].get("vnet") != call.values["vnet"]:
        raise call.refuse(vnet="wrong vnet")
    return _shown(name, found[name], digest)


async def create_subnet(call: Call) -> None:
    """Define a subnet of a vnet; its id is made of zone and network."""
    _check_vnet(call)
    call.node.check_quorum()
    cidr = call.values["subnet"]
    if "/" not in cidr:
        raise NotSimulated("a new subnet by its id")
    async with config.changing(call, SUBNETS, "create") as sections:
        zone = config.load(call.node, VNETS).ids[call.values["vnet"]].values["zone"]
        name = f"{zone}-{cidr.replace('/', '-')}"
        section = Section("subnet", _given(call))
        SUBNETS.layouts["subnet"].check(section.values, new=True)
        if name in sections.ids:
            raise Failure(f"sdn subnet object ID '{name}' already defined")
        sections.ids[name] = section
        sdn_checks.subnet(call.node, cidr, section)


async def update_subnet(call: Call) -> None:
    """Change a subnet."""
    _check_vnet(call)
    name = call.values["subnet"]
    async with config.changing(call, SUBNETS, "update") as sections:
        if name not in sections.ids:
            raise Failure(f"sdn subnet '{name}' does not exist")
        sections.check_digest(call.get("digest"))
        section, layout = sections.ids[name], SUBNETS.layouts["subnet"]
        gone = split_list(call.get("delete"))
        section.change(layout, _given(call), gone, disjoint=True)
        sdn_checks.subnet(call.node, "/".join(name.split("-")[1:]), section)


async def delete_subnet(call: Call) -> None:
    """Remove a subnet; one that is not there is no error."""
    _check_vnet(call)
    async with config.changing(call, SUBNETS, "delete") as sections:
        sections.ids.pop(call.values["subnet"], None)


ROUTES = (
    Route("get", _PATH, list_subnets),
    Route("create", _PATH, create_subnet),
    Route("get", f"{_PATH}/{{subnet}}", read_subnet),
    Route("set", f"{_PATH}/{{subnet}}", update_subnet),
    Route("delete", f"{_PATH}/{{subnet}}", delete_subnet),
)
