"""What must be unique on the whole site: names, vmids, addresses, MACs. All are decided here.

The guests of strangers count like ours, and so do claims.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv6Address,
    IPv6Interface,
    ip_address,
    ip_interface,
)
from itertools import count as count_up
from itertools import islice

from pvekit.errors import Conflict, NoCapacity, UsageError
from pvekit.inventory.model import Inventory, Vm
from pvekit.pve.stored import CSI_VMID

Address = IPv4Address | IPv6Address
Interface = IPv4Interface | IPv6Interface

# The prefix that PVE itself gives to its guests' network cards.
_MAC_PREFIX = "BC:24:11"

# PVE takes vmids below this.
_VMID_END = 1_000_000_000

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE | re.ASCII)

# As the configuration takes them: PVE's tags and the names of Kubernetes know no upper case.
_ROLE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_TAG = re.compile(r"[a-z0-9_][a-z0-9_+.-]{0,59}")


def check_labels(role: str, tags: Iterable[str]) -> None:
    """Raise :class:`UsageError` for a role or a tag that PVE would not take as a tag."""
    if not _ROLE.fullmatch(role):
        raise UsageError(
            f"{role!r} is no role: lower-case letters, digits and inner dashes.", id="NAME-INVALID"
        )
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise UsageError(
                f"{tag!r} is no tag: lower-case letters, digits, '_', '-', '+', '.'.",
                id="NAME-INVALID",
            )


def next_names(inventory: Inventory, prefix: str, role: str, count: int = 1) -> tuple[str, ...]:
    """Return ``PREFIX-ROLE-N``, N counting on from the highest in use on the site.

    Raises :class:`UsageError` where that is no DNS label.
    """
    pattern = re.compile(rf"{re.escape(prefix)}-{re.escape(role)}-([0-9]+)", re.IGNORECASE)
    numbers = [
        int(found[1]) for name in used_names(inventory) if (found := pattern.fullmatch(name))
    ]
    first = max(numbers, default=0) + 1
    names = tuple(f"{prefix}-{role}-{number}" for number in range(first, first + count))
    for name in names:
        check_name(name)
    return names


def used_names(inventory: Inventory) -> frozenset[str]:
    """Return the names of all guests and claims, in lower case, for DNS knows no other."""
    claimed = (claim.value for claim in inventory.claims if claim.what == "name")
    promised = (claim.name for claim in inventory.claims)
    named = (vm.name for vm in inventory.vms)
    return frozenset(name.lower() for name in (*named, *claimed, *promised) if name)


def check_name(name: str) -> None:
    """Raise :class:`UsageError` for a name that is no DNS name; PVE takes no other."""
    if not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise UsageError(
            f"{name!r} is no name for a guest: letters, digits and inner dashes, at most 63 of "
            "them between dots.",
            id="NAME-INVALID",
        )


def next_vmids(
    inventory: Inventory,
    domain: str,
    count: int = 1,
    *,
    avoid: Collection[int] = (),
    first: int | None = None,
) -> tuple[int, ...]:
    """Return the lowest free vmids of a domain's ``next-id`` range, free on the whole site.

    ``avoid`` are ids that others want (configured templates'); with ``first`` the search begins
    there, whatever the range. Raises :class:`NoCapacity` if there are not enough.
    """
    candidates = _candidates(inventory, domain, first)
    found = tuple(islice(_free(inventory, candidates, avoid), count))
    if len(found) < count:
        raise NoCapacity(
            f"There are not {count} free vmids from {candidates.start} to {candidates.stop - 1}.",
            hint="The range is next-id in /etc/pve/datacenter.cfg.",
            id="VMIDS-EXHAUSTED",
        )
    return found


def free_vmids(inventory: Inventory, domain: str, avoid: Collection[int] = ()) -> Iterator[int]:
    """Yield the free vmids of a domain's range, lowest first: for one who wants many of them."""
    return _free(inventory, _candidates(inventory, domain), avoid)


def _candidates(inventory: Inventory, domain: str, first: int | None = None) -> range:
    known = inventory.domain(domain)
    if known is None:
        raise UsageError(f"There is no PVE cluster or host {domain!r} on the site.")
    return range(*known.vmid_range) if first is None else range(first, _VMID_END)


def _free(inventory: Inventory, candidates: range, avoid: Collection[int]) -> Iterator[int]:
    taken = used_vmids(inventory) | {CSI_VMID} | set(avoid)
    return (vmid for vmid in candidates if vmid not in taken)


def used_vmids(inventory: Inventory) -> frozenset[int]:
    """Return the vmids of all guests and claims of the site."""
    claimed = {claim.vmid for claim in inventory.claims if claim.vmid}
    return frozenset({vm.vmid for vm in inventory.vms} | claimed)


def consecutive_addresses(
    inventory: Inventory,
    start: str,
    gateway: str | None = None,
    count: int = 1,
    *,
    exact: bool = False,
) -> tuple[Interface, ...]:
    """Return free addresses of one network, counting up from ``start`` (``10.0.0.20/24``).

    Those in use are passed over; with ``exact`` the first must be free itself. Raises
    :class:`UsageError` for what is no address of a host, :class:`Conflict` for one in use,
    :class:`NoCapacity` at the end of the network.
    """
    wanted = _interface(start)
    taken = used_addresses(inventory)
    reserved = {*_not_for_hosts(wanted), *_gateway(wanted, gateway)}
    if wanted.ip in reserved:
        raise UsageError(
            f"{start} is the network's, its broadcast or its gateway's address.",
            id="ADDRESS-INVALID",
        )
    if exact and wanted.ip in taken:
        raise Conflict(
            f"The address {wanted.ip} is in use: {taken[wanted.ip]} has it.", id="ADDRESS-IN-USE"
        )
    free = (ip for ip in _counting_up(wanted) if ip not in taken and ip not in reserved)
    found = tuple(islice(free, count))
    if len(found) < count:
        raise NoCapacity(
            f"From {start} on, {wanted.network} has not {count} free addresses.",
            id="ADDRESSES-EXHAUSTED",
        )
    return tuple(ip_interface(f"{ip}/{wanted.network.prefixlen}") for ip in found)


def used_addresses(inventory: Inventory) -> dict[Address, str]:
    """Return the configured and claimed addresses of the site, each with who has it."""
    used: dict[Address, str] = {}
    for claim in inventory.claims:
        if claim.what == "ip":
            used |= dict.fromkeys(_address(claim.value), f"a claim of {claim.name}")
    for vm in inventory.vms:
        used |= {interface.ip: _title(vm) for interface in vm.addresses_configured}
    return used


def mac(run: str, name: str, used: Collection[str]) -> str:
    """Return a MAC derived from run and name, so that a resumed run finds the same one.

    ``used`` are the MACs of the site in upper case.
    """
    candidates = (_mac(f"{run} {name} {attempt}") for attempt in count_up())
    return next(address for address in candidates if address not in used)


def used_macs(inventory: Inventory) -> frozenset[str]:
    """Return the MACs of all guests of the site, in upper case."""
    return frozenset(address for vm in inventory.vms for address in vm.macs.values())


def _mac(seed: str) -> str:
    tail = hashlib.sha256(seed.encode()).hexdigest().upper()
    return f"{_MAC_PREFIX}:{tail[0:2]}:{tail[2:4]}:{tail[4:6]}"


def _title(vm: Vm) -> str:
    return f"{vm.name or 'a guest'} ({vm.vmid} on {vm.node})"


def _interface(text: str) -> Interface:
    try:
        if "/" not in text:
            raise ValueError
        return ip_interface(text)
    except ValueError:
        raise UsageError(
            f"Expected an address with its network's length, such as 10.0.0.20/24, not {text!r}.",
            id="ADDRESS-INVALID",
        ) from None


def _gateway(wanted: Interface, gateway: str | None) -> tuple[Address, ...]:
    if gateway is None:
        return ()
    found = _address(gateway)
    if not found or found[0] not in wanted.network:
        raise UsageError(
            f"The gateway {gateway} is no address inside {wanted.network}.", id="ADDRESS-INVALID"
        )
    return found


def _address(text: str) -> tuple[Address, ...]:
    try:
        return (ip_address(text),)
    except ValueError:
        return ()


def _not_for_hosts(wanted: Interface) -> tuple[Address, ...]:
    network = wanted.network
    if network.num_addresses <= 2:
        return ()
    if network.version == 6:
        return (network.network_address,)
    return (network.network_address, network.broadcast_address)


def _counting_up(wanted: Interface) -> Iterator[Address]:
    for number in range(int(wanted.ip), int(wanted.network.broadcast_address) + 1):
        yield type(wanted.ip)(number)
