"""What a schema cannot say: settings that contradict or miss each other.

The file may violate the schema at the same time, so a value of the wrong shape is passed over here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import urlsplit

from pvekit.config.document import Document, Value
from pvekit.config.faults import Fault, Place
from pvekit.config.model import AUTO_SIZE, BASE_TEMPLATE, NodeEntry, with_aliases
from pvekit.config.nearest import did_you_mean
from pvekit.config.wording import shown
from pvekit.signatures.keys import PINNED

Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface


def check(document: Document, presets: Iterable[str]) -> Iterator[Fault]:
    """Yield the faults between settings; `presets` are the sizes that come with pvekit."""
    yield from _nodes(document)
    yield from _templates(document)
    yield from _signatures(document)
    yield from _reserved(document)
    yield from _roles(document, presets)
    for place in _template_places(document).values():
        yield from _network(document, (*place, "build_network"))


def _nodes(document: Document) -> Iterator[Fault]:
    nodes = _node_entries(document)
    addresses = {place: _address(node) for place, node in nodes.items()}
    twice = list(_repeated(document, addresses, "each node once"))
    yield from twice
    known = [place for place in nodes if all(place != fault.place for fault in twice)]
    named = with_aliases([nodes[place] for place in known])
    aliases = {place: node.alias for place, node in zip(known, named, strict=True)}
    yield from _repeated(document, aliases, "another name for each node")


def _address(node: NodeEntry) -> str:
    host = node.host.lower()
    return f"{host}:{node.port}" if node.port else host


def _node_entries(document: Document) -> dict[Place, NodeEntry]:
    """Return the nodes by their places, as far as host, name and port are of the right type."""
    entries: dict[Place, NodeEntry] = {}
    for at, entry in enumerate(document.sequence(("proxmox_nodes",))):
        fields = entry if isinstance(entry, dict) else {"host": entry}
        host, name, port = fields.get("host"), fields.get("name"), fields.get("port")
        if isinstance(host, str):
            entries["proxmox_nodes", at] = NodeEntry(
                host,
                name=name if isinstance(name, str) else None,
                port=port if isinstance(port, int) else None,
            )
    return entries


def _template_places(document: Document) -> dict[str, Place]:
    places: dict[str, Place] = {BASE_TEMPLATE: ("vm_template",)}
    others = {key: ("templates", key) for key in document.mapping(("templates",))}
    return {**others, **places}


def _templates(document: Document) -> Iterator[Fault]:
    places = _template_places(document).values()
    for key in ("id", "name"):
        values = {(*place, key): document.get((*place, key)) for place in places}
        yield from _repeated(document, values, f"another {key} for each template")


def _signatures(document: Document) -> Iterator[Fault]:
    """Yield a fault where a signature is wanted and nothing says whose it must be."""
    base = _template_places(document)[BASE_TEMPLATE]
    for place in _template_places(document).values():
        first = document.get((*base, "checksum_url"))
        url = document.get((*place, "checksum_url")) or first
        if not isinstance(url, str) or not isinstance(first, str):
            continue
        host = urlsplit(url).hostname
        inherited = document.get((*base, "signing_key")) if host == urlsplit(first).hostname else ""
        if document.get((*place, "signing_key")) or inherited or host in PINNED:
            continue
        for key in ("signature", "signature_url"):
            if document.get((*place, key)) is not None:
                found = "a signature without it"
                yield document.fault((*place, key), "a signing_key beside it", found)


def _repeated(document: Document, values: Mapping[Place, Value], expected: str) -> Iterator[Fault]:
    """Yield a fault for every value that stands in more than one place, but not for the first."""
    first: dict[str | int, Place] = {}
    for place in sorted(values, key=lambda place: document.origin(place).line or 0):
        value = values[place]
        if not isinstance(value, str | int):
            continue
        if value in first:
            there, here = document.origin(first[value]), document.origin(place)
            near = there.line and there.source == here.source
            told = f"on line {there.line}" if near else f"in {there}"
            yield document.fault(place, expected, f"{shown(value, str(value))} as {told}")
        first.setdefault(value, place)


def _reserved(document: Document) -> Iterator[Fault]:
    if BASE_TEMPLATE in document.mapping(("templates",)):
        place = ("templates", BASE_TEMPLATE)
        yield document.fault(place, "another word", "'base', which is vm_template")
    if AUTO_SIZE in document.mapping(("vm_sizes",)):
        place = ("vm_sizes", AUTO_SIZE)
        yield document.fault(place, "another word", "'auto', which asks for a choice")


def _roles(document: Document, presets: Iterable[str]) -> Iterator[Fault]:
    templates = set(_template_places(document))
    sizes = {AUTO_SIZE, *presets, *document.mapping(("vm_sizes",))}
    for role in document.mapping(("roles",)):
        for key, known in (("template", templates), ("size", sizes)):
            place = ("roles", role, key)
            word = document.get(place)
            if isinstance(word, str) and word not in known:
                expected = f"one of the {key}s {', '.join(sorted(known))}"
                yield document.fault(place, expected, shown(word), did_you_mean(word, known))


def _network(document: Document, place: Place) -> Iterator[Fault]:
    written = document.get((*place, "ip"))
    gateway = document.get((*place, "gateway"))
    if gateway and (written is None or written == "dhcp"):
        found = "a gateway with DHCP"
        yield document.fault((*place, "gateway"), "a static address beside it", found)
    if not isinstance(written, str) or "/" not in written:
        return
    expected = "the address of a host in CIDR form"
    try:
        address = ipaddress.ip_interface(written)
    except ValueError:
        yield document.fault((*place, "ip"), expected, shown(written))
        return
    if reason := _no_host(address):
        yield document.fault((*place, "ip"), expected, shown(written), reason)
    elif isinstance(gateway, str):
        yield from _gateway(document, (*place, "gateway"), gateway, address)


def _no_host(address: Interface) -> str:
    network = address.network
    if network.num_addresses <= 2:
        return ""
    if address.ip == network.network_address:
        return "this is the network itself"
    if address.version == 4 and address.ip == network.broadcast_address:
        return "this is the broadcast address"
    return ""


def _gateway(document: Document, place: Place, written: str, address: Interface) -> Iterator[Fault]:
    try:
        gateway = ipaddress.ip_address(written)
    except ValueError:
        return
    if gateway not in address.network:
        yield document.fault(place, f"an address in {address.network}", shown(written))
    elif gateway == address.ip:
        yield document.fault(place, "another address than the VM's own", shown(written))
