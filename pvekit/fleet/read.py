"""From a fleet file to a fleet; every fault is named with its line."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Any

from pvekit.config import wording
from pvekit.config.document import Document, Value, parse
from pvekit.config.faults import ConfigFaults, Fault, Place
from pvekit.config.nearest import did_you_mean
from pvekit.fleet.model import Fleet, Group, Network, Rules, parse_range

AUTO = "auto"
MOST_BYTES = 1_000_000
_KEPT = (
    "size", "cpus", "memory_mb", "disk_gb", "workload", "source", "template", "storage", "full",
    "description", "start", "onboot",
)  # fmt: skip


@dataclass(frozen=True)
class Known:
    """What a fleet file may name: sizes and nodes of the configuration."""

    sizes: Collection[str]
    nodes: Collection[str]


def read(content: bytes, source: Path, known: Known) -> Fleet:
    """Return the fleet of a file; raises :class:`ConfigFaults` with all faults at once."""
    try:
        document = parse(content, source)
    except ConfigFaults as error:
        raise _faults(error.faults) from None
    shape = wording.check(document, __package__)
    faults = (*document.faults, *shape, *_relations(document, known))
    if faults:
        raise _faults(tuple(sorted(faults, key=lambda fault: fault.origin.line or 0)))
    return _fleet(document.mapping(()))


def _faults(faults: tuple[Fault, ...]) -> ConfigFaults:
    return ConfigFaults(faults, what="The fleet file", id="FLEET-INVALID")


def _fleet(data: Mapping[str, Any]) -> Fleet:
    name = data["name"]
    groups = [_group(name, key, group) for key, group in sorted(data["groups"].items())]
    return Fleet(name, tuple(groups), data.get("policy", ""))


def _group(fleet: str, name: str, data: Mapping[str, Any]) -> Group:
    given = {key: data[key] for key in _KEPT if key in data}
    return Group(
        name,
        _names(fleet, name, data),
        data.get("role", name),
        network=_network(data.get("network", "dhcp")),
        placement=Rules(**_frozen(data.get("placement", {}))),
        tags=tuple(data.get("tags", ())),
        **given,
    )


def _names(fleet: str, group: str, data: Mapping[str, Any]) -> tuple[str, ...]:
    if "names" in data:
        return tuple(data["names"])
    return tuple(f"{fleet}-{group}-{number}" for number in range(1, data.get("count", 1) + 1))


def _network(data: str | Mapping[str, Any]) -> Network:
    if isinstance(data, str):
        return Network()
    ip = data.get("ip", "dhcp")
    rest = {key: value for key, value in data.items() if key != "ip"}
    return Network(None if ip == "dhcp" else parse_range(ip), **_frozen(rest))


def _frozen(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}


def _relations(document: Document, known: Known) -> Iterator[Fault]:
    """Yield what the schema cannot say; a value of the wrong shape is passed over here."""
    for group in document.mapping(("groups",)):
        place: Place = ("groups", group)
        data = document.mapping(place)
        if "count" in data and "names" in data:
            yield document.fault((*place, "count"), "count or names", "both")
        yield from _size(document, place, known)
        yield from _nodes(document, place, known)
        yield from _near(document, place)
        yield from _addresses(document, (*place, "network"))
        if data.get("full") is False and "storage" in data:
            found = "a storage for a linked clone"
            yield document.fault((*place, "storage"), "none: it stays on its template's", found)
    yield from _twice(document)


def _size(document: Document, place: Place, known: Known) -> Iterator[Fault]:
    size = document.get((*place, "size"))
    sizes = {AUTO, *known.sizes}
    if isinstance(size, str) and size not in sizes:
        expected = f"one of the sizes {', '.join(sorted(sizes))}"
        hint = did_you_mean(size, sizes)
        yield document.fault((*place, "size"), expected, wording.shown(size), hint)


def _nodes(document: Document, place: Place, known: Known) -> Iterator[Fault]:
    for key in ("pin", "avoid"):
        inner = (*place, "placement", key)
        for at, node in enumerate(document.sequence(inner)):
            if isinstance(node, str) and node not in known.nodes:
                expected = f"one of the nodes {', '.join(sorted(known.nodes))}"
                hint = did_you_mean(node, known.nodes)
                yield document.fault((*inner, at), expected, wording.shown(node), hint)


def _near(document: Document, place: Place) -> Iterator[Fault]:
    near = document.get((*place, "placement", "near"))
    others = sorted(set(document.mapping(("groups",))) - {str(place[-1])})
    if isinstance(near, str) and near not in others:
        expected = f"another group ({', '.join(others) or 'there is none'})"
        hint = did_you_mean(near, others)
        yield document.fault((*place, "placement", "near"), expected, wording.shown(near), hint)


def _addresses(document: Document, place: Place) -> Iterator[Fault]:
    written, gateway = document.get((*place, "ip")), document.get((*place, "gateway"))
    static = isinstance(written, str) and written != "dhcp"
    if gateway is not None and not static:
        expected = "a static address beside it"
        yield document.fault((*place, "gateway"), expected, "a gateway with DHCP")
    yield from _dns(document, (*place, "dns"))
    if not static:
        return
    try:
        span = parse_range(str(written))
    except ValueError as error:
        expected = "addresses such as 10.0.0.20-10.0.0.29/24"
        yield document.fault((*place, "ip"), expected, wording.shown(written), str(error))
        return
    if isinstance(gateway, str) and not _is_inside(gateway, span.first.network):
        expected = f"an address in {span.first.network}"
        yield document.fault((*place, "gateway"), expected, wording.shown(gateway))


def _dns(document: Document, place: Place) -> Iterator[Fault]:
    for at, server in enumerate(document.sequence(place)):
        if isinstance(server, str) and not _is_inside(server, None):
            yield document.fault((*place, at), "an IP address", wording.shown(server))


def _is_inside(text: str, network: IPv4Network | IPv6Network | None) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return network is None or address in network


def _twice(document: Document) -> Iterator[Fault]:
    """Yield the names that more than one VM of the file would have."""
    first: dict[str, Place] = {}
    fleet = document.get(("name",))
    for group in document.mapping(("groups",)):
        for place, name in _called(document, fleet, group):
            if name.lower() in first:
                origin = document.origin(first[name.lower()])
                found = f"{wording.shown(name)} as on line {origin.line}"
                yield document.fault(place, "another name for each VM", found)
            first.setdefault(name.lower(), place)


def _called(document: Document, fleet: Value, group: str) -> Iterator[tuple[Place, str]]:
    place: Place = ("groups", group)
    if "names" in document.mapping(place):
        for at, name in enumerate(document.sequence((*place, "names"))):
            if isinstance(name, str):
                yield (*place, "names", at), name
        return
    count = document.mapping(place).get("count", 1)
    for number in range(1, count + 1) if isinstance(count, int) and count <= 1000 else ():
        yield (*place, "count"), f"{fleet}-{group}-{number}"
