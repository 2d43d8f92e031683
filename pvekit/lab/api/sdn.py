"""``/cluster/sdn`` and ``/nodes/NODE/sdn``: software-defined networks."""

from __future__ import annotations

from typing import Any

from pvekit.lab.api import sdn_checks, sdn_subnets
from pvekit.lab.api.routes import Method, Route
from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.lists import split_list
from pvekit.lab.machine import collect
from pvekit.lab.process import NotSimulated
from pvekit.lab.sdn import config, local
from pvekit.lab.sdn.config import CONTROLLERS, DNS, IPAMS, VNETS, ZONES, Kind, Object
from pvekit.lab.sections import Section, Sections
from pvekit.lab.workers import worker

Data = dict[str, Any]


# Reading


def _shown(kind: Kind, name: str, found: Object, digest: str | None) -> Data:
    told = {key: config.encode(key, value) for key, value in found.items()}
    return {**told, "digest": digest, kind.key: name}


def objects(call: Call, kind: Kind) -> tuple[dict[str, Object], str | None]:
    """Return the objects that are asked for - written, running or pending - and their digest."""
    if call.on("pending"):
        return config.pending(call.node, kind), None
    if call.on("running"):
        return config.running_objects(call.node, kind), None
    sections = config.load(call.node, kind)
    found = {name: config.decoded(section) for name, section in sections.ids.items()}
    return found, sections.digest


def _lister(kind: Kind) -> Method:
    async def method(call: Call) -> list[Data]:
        found, digest = objects(call, kind)
        return [
            _shown(kind, name, entry, digest)
            for name, entry in sorted(found.items())
            if call.get("type") in ("", entry.get("type"))
        ]

    return method


def _reader(kind: Kind) -> Method:
    async def method(call: Call) -> Data:
        name = call.values[kind.key]
        if kind is VNETS:
            _check_exists(config.load(call.node, VNETS), name)
        found, digest = objects(call, kind)
        if name not in found:
            raise Failure(f"sdn '{name}' does not exist")
        return _shown(kind, name, found[name], digest)

    return method


def _check_exists(sections: Sections, name: str) -> None:
    if name not in sections.ids:
        raise Failure(f"sdn '{name}' does not exist")


# Zones


async def create_zone(call: Call) -> None:
    """Define a zone."""
    name, kind = call.values["zone"], call.values["type"]
    wanted = call.properties("zone")
    ZONES.layouts[kind].check(wanted, new=True)
    call.node.check_quorum()
    async with config.changing(call, ZONES, "create") as sections:
        if name in sections.ids:
            raise Failure(f"sdn zone object ID '{name}' already defined")
        sdn_checks.names(call.node, wanted)
        sections.ids[name] = Section(kind, wanted)
        sdn_checks.zone(call.node, sections, name)


async def update_zone(call: Call) -> None:
    """Change a zone."""
    name = call.values["zone"]
    async with config.changing(call, ZONES, "update") as sections:
        sections.check_digest(call.get("digest"))
        _check_exists(sections, name)
        section, wanted = sections.ids[name], call.properties("zone")
        before = section.values.get("ipam")
        change(call, ZONES, section, wanted)
        if section.values.get("ipam") != before:
            sdn_checks.ipam_change(call.node, name)
        sdn_checks.names(call.node, wanted)
        sdn_checks.zone(call.node, sections, name)


def change(call: Call, kind: Kind, section: Section, wanted: dict[str, str]) -> None:
    """Set and delete properties of an object."""
    gone = split_list(call.get("delete"))
    section.change(kind.layouts[section.type], wanted, gone, disjoint=True)


async def delete_zone(call: Call) -> None:
    """Remove a zone that no vnet is in."""
    name = call.values["zone"]
    async with config.changing(call, ZONES, "delete") as sections:
        _check_exists(sections, name)
        for vnet, section in config.load(call.node, VNETS).ids.items():
            if section.values.get("zone") == name:
                place = "at /usr/share/perl5/PVE/Network/SDN/Zones/Plugin.pm line 159."
                raise Failure(f"zone {name} is used by vnet {vnet} {place}")
        del sections.ids[name]


# Vnets


async def create_vnet(call: Call) -> None:
    """Define a vnet in a zone."""
    name = call.values["vnet"]
    call.node.check_quorum()
    async with config.changing(call, VNETS, "create") as sections:
        wanted = call.properties("vnet")
        VNETS.layouts["vnet"].check(wanted, new=True)
        if name in sections.ids:
            raise Failure(f"sdn vnet object ID '{name}' already defined")
        sections.ids[name] = Section("vnet", wanted)
        sdn_checks.vnet(call.node, sections, name)


async def update_vnet(call: Call) -> None:
    """Change a vnet; with subnets it stays in its zone."""
    name = call.values["vnet"]
    _check_exists(config.load(call.node, VNETS), name)
    async with config.changing(call, VNETS, "update") as sections:
        sections.check_digest(call.get("digest"))
        section = sections.ids[name]
        before = section.values.get("zone")
        change(call, VNETS, section, call.properties("vnet"))
        if section.values.get("zone") != before and sdn_checks.subnets_of(call.node, name):
            raise sdn_checks.wrong("zone", "can't change zone if subnets exist")
        sdn_checks.vnet(call.node, sections, name)


async def delete_vnet(call: Call) -> None:
    """Remove a vnet without subnets."""
    name = call.values["vnet"]
    _check_exists(config.load(call.node, VNETS), name)
    async with config.changing(call, VNETS, "delete") as sections:
        if sdn_checks.subnets_of(call.node, name):
            raise sdn_checks.wrong("vnet", "Can't delete vnet if subnets exists")
        del sections.ids[name]


# Controllers, IPAM and DNS


async def create_controller(call: Call) -> None:
    """Define a controller."""
    name, kind = call.values["controller"], call.values["type"]
    wanted = call.properties("controller")
    CONTROLLERS.layouts[kind].check(wanted, new=True)
    async with config.changing(call, CONTROLLERS, "create") as sections:
        if name in sections.ids:
            raise Failure(f"sdn controller object ID '{name}' already defined")
        sections.ids[name] = Section(kind, wanted)


async def update_controller(call: Call) -> None:
    """Change a controller."""
    async with config.changing(call, CONTROLLERS, "update") as sections:
        sections.check_digest(call.get("digest"))
        _check_exists(sections, call.values["controller"])
        section = sections.ids[call.values["controller"]]
        change(call, CONTROLLERS, section, call.properties("controller"))


async def delete_controller(call: Call) -> None:
    """Remove a controller that no zone uses."""
    name = call.values["controller"]
    async with config.changing(call, CONTROLLERS, "delete") as sections:
        _check_exists(sections, name)
        for zone, section in config.load(call.node, ZONES).ids.items():
            if section.values.get("controller") == name:
                raise Failure(f"controller {name} is used by {zone}")
        del sections.ids[name]


async def _external(call: Call) -> None:
    kind = IPAMS if "ipam" in call.values else DNS
    name = call.values[kind.key]
    wanted = call.properties(kind.key)
    if call.get("type") == "pve" and kind is IPAMS:
        raise Failure("create sdn ipam object failed: sdn ipam object ID 'pve' already defined")
    if call.get("type") in kind.layouts:
        kind.layouts[call.get("type")].check(wanted, new=True)
    raise NotSimulated(f"the server behind {kind.key} {name}")


# Applying


async def apply(call: Call) -> None:
    """Make the written configuration the running one, and let every node reload."""
    node = call.node
    config.commit(node)
    async with worker(node.tasks, call.process, "reloadnetworkall", "", call.tasks) as say:
        node.check_quorum()
        for name in sorted(node.peers):
            await say(f"{name}: reloading network config\n")
            command = f"pvesh set /nodes/{name}/network"
            status, _, err = await collect(node.machine, command)
            if err:
                await say(err.decode(errors="replace"))
            if status:
                await say(f"command '{command}' failed: exit code {status}\n")


async def node_zones(call: Call) -> list[Data]:
    """``/nodes/NODE/sdn/zones``: as far as the node has generated them."""
    if not config.running(call.node).get("version"):
        return []
    if why := local.trouble(call.node):
        await call.process.complain(f"{why}\n")
    return [{"status": s, "zone": n} for n, s in sorted(local.zone_states(call.node).items())]


async def node_zone(_: Call) -> list[Data]:
    """``/nodes/NODE/sdn/zones/ZONE``."""
    return [{"subdir": "content"}]


async def node_content(call: Call) -> list[Data]:
    """``/nodes/NODE/sdn/zones/ZONE/content``: the zone's vnets."""
    if why := local.trouble(call.node):
        await call.process.complain(f"{why}\n")
    return local.vnet_states(call.node, call.values["zone"])


_SDN = "/cluster/sdn"
_LISTED = (
    (ZONES, "zones"),
    (VNETS, "vnets"),
    (CONTROLLERS, "controllers"),
    (IPAMS, "ipams"),
    (DNS, "dns"),
)
ROUTES = (
    Route("set", _SDN, apply),
    *(Route("get", f"{_SDN}/{name}", _lister(kind)) for kind, name in _LISTED),
    *(Route("get", f"{_SDN}/{name}/{{{k.key}}}", _reader(k)) for k, name in _LISTED),
    Route("create", f"{_SDN}/zones", create_zone),
    Route("set", f"{_SDN}/zones/{{zone}}", update_zone),
    Route("delete", f"{_SDN}/zones/{{zone}}", delete_zone),
    Route("create", f"{_SDN}/vnets", create_vnet),
    Route("set", f"{_SDN}/vnets/{{vnet}}", update_vnet),
    Route("delete", f"{_SDN}/vnets/{{vnet}}", delete_vnet),
    Route("create", f"{_SDN}/controllers", create_controller),
    Route("set", f"{_SDN}/controllers/{{controller}}", update_controller),
    Route("delete", f"{_SDN}/controllers/{{controller}}", delete_controller),
    Route("create", f"{_SDN}/ipams", _external),
    Route("create", f"{_SDN}/dns", _external),
    *sdn_subnets.ROUTES,
    Route("get", "/nodes/{node}/sdn/zones", node_zones),
    Route("get", "/nodes/{node}/sdn/zones/{zone}", node_zone),
    Route("get", "/nodes/{node}/sdn/zones/{zone}/content", node_content),
)
