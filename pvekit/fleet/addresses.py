"""Which static address each VM of a fleet has: those that are there keep theirs. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from ipaddress import ip_address, ip_interface

from pvekit.errors import NoCapacity
from pvekit.fleet.compare import Wanted
from pvekit.fleet.model import Interface, Range
from pvekit.inventory.model import Inventory, Vm
from pvekit.placement.names import Address, used_addresses


def decide(wanted: Sequence[Wanted], there: dict[str, Vm], inventory: Inventory) -> dict[str, str]:
    """Return ``dhcp`` or an address in CIDR form by name; ``there`` are the VMs by name.

    Raises :class:`NoCapacity` where a range has not enough of them.
    """
    found: dict[str, str] = {}
    taken = set(used_addresses(inventory))
    given: set[Address] = set()
    ordered = sorted(wanted, key=lambda each: each.name)
    for each in ordered:
        span, vm = each.group.network.addresses, there.get(each.name)
        if span is None:
            found[each.name] = "dhcp"
        elif vm is not None and (kept := _kept(vm, span, given)):
            found[each.name] = str(kept)
            given.add(kept.ip)
    for each in ordered:
        span = each.group.network.addresses
        if each.name not in found and span is not None:
            gateway = each.group.network.gateway
            new = _next(span, gateway, (*taken, *given), each)
            found[each.name] = str(new)
            given.add(new.ip)
    return found


def _kept(vm: Vm, span: Range, given: Collection[Address]) -> Interface | None:
    fitting = (one for one in vm.addresses_configured if one in span and one.ip not in given)
    return next(fitting, None)


def _next(span: Range, gateway: str, taken: Iterable[Address], wanted: Wanted) -> Interface:
    used = set(taken) | ({ip_address(gateway)} if gateway else set())
    network = span.first.network
    if network.num_addresses > 2:
        used |= {network.network_address}
        used |= {network.broadcast_address} if network.version == 4 else set()
    for number in range(int(span.first.ip), int(span.last.ip) + 1):
        ip = type(span.first.ip)(number)
        if ip not in used:
            return ip_interface(f"{ip}/{network.prefixlen}")
    raise NoCapacity(
        f"The group {wanted.group.name} has no free address for {wanted.name} in {span}.",
        hint="Give the group a larger range.",
        id="ADDRESSES-EXHAUSTED",
    )
