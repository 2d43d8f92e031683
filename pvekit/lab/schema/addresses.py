"""Formats of addresses and networks: each check tells why a text is refused, or nothing."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping

Check = Callable[[str], str]

LABEL = r"[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?"
_BITS = re.compile(r"(.*)/(\d+)", re.DOTALL)


def like(pattern: str, why: str, flags: int = 0) -> Check:
    """Return a check by a pattern; ``{}`` in the reason is the text."""
    compiled = re.compile(f"^(?:{pattern})$", flags)
    return lambda text: "" if compiled.search(text) else why.format(text)


def passes(accepts: Callable[[str], bool], why: str) -> Check:
    """Return a check by a function; ``{}`` in the reason is the text."""
    return lambda text: "" if accepts(text) else why.format(text)


def is_ipv4(text: str) -> bool:
    """Return whether a text is an IPv4 address."""
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def is_ipv6(text: str) -> bool:
    """Return whether a text is an IPv6 address; one with a zone is none."""
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return "%" not in text


def is_ip(text: str) -> bool:
    """Return whether a text is an address."""
    return is_ipv4(text) or is_ipv6(text)


def is_name(text: str) -> bool:
    """Return whether a text is a DNS name."""
    return re.search(rf"^({LABEL}\.)*{LABEL}$", text) is not None


def is_cidrv4(text: str) -> bool:
    """Return whether a text is an IPv4 network with at least eight bits."""
    found = _BITS.fullmatch(text)
    return found is not None and is_ipv4(found[1]) and 7 < int(found[2]) <= 32


def is_cidrv6(text: str) -> bool:
    """Return whether a text is an IPv6 network with at least eight bits."""
    found = _BITS.fullmatch(text)
    return found is not None and is_ipv6(found[1]) and 7 < int(found[2]) <= 128


def _is_cidr(text: str) -> bool:
    return is_cidrv4(text) or is_cidrv6(text)


def _is_subnet(text: str) -> bool:
    """Return whether a text is a network, or the id of a subnet: its zone and its network."""
    _, *network = text.split("-")
    return _is_cidr(text if "/" in text else "/".join(network[:2]))


def _is_host_and_port(text: str) -> bool:
    host = r"[a-zA-Z0-9.-]+"
    if re.search(rf"^({host}|\[{host}\])(:\d+)?$", text):
        return True
    bracketed = re.search(r"^\[(.*)\](:\d+)?$", text)
    dotted = re.search(r"^(.*?)(\.\d+)?$", text)
    return any(found is not None and is_ipv6(found[1]) for found in (bracketed, dotted))


def _is_mask(text: str) -> bool:
    if not is_ipv4(text):
        return False
    bits = f"{int(ipaddress.IPv4Address(text)):032b}"
    return "01" not in bits


_NETWORK = "value does not look like a valid {} network configuration"
CHECKS: Mapping[str, Check] = {
    "CIDR": passes(_is_cidr, "value does not look like a valid CIDR network"),
    "pve-sdn-subnet-id": passes(_is_subnet, "value does not look like a valid CIDR network"),
    "CIDRv4": passes(is_cidrv4, "value does not look like a valid IPv4 CIDR network"),
    "CIDRv6": passes(is_cidrv6, "value does not look like a valid IPv6 CIDR network"),
    "IPorCIDR": passes(
        lambda text: is_ip(text) or _is_cidr(text),
        "value does not look like a valid IP address or CIDR network",
    ),
    "address": passes(
        lambda text: is_ip(text) or is_name(text),
        "value does not look like a valid address: {}",
    ),
    "dns-name": passes(is_name, "value does not look like a valid DNS name"),
    "ip": passes(is_ip, "value does not look like a valid IP address"),
    "ipv4": passes(is_ipv4, "value does not look like a valid IPv4 address"),
    "ipv4mask": passes(_is_mask, "value does not look like a valid IP netmask"),
    "ipv6": passes(is_ipv6, "value does not look like a valid IPv6 address"),
    "mac-addr": like(
        "[a-f0-9][02468ace](?::[a-f0-9]{2}){5}",
        "value does not look like a valid unicast MAC address",
        re.IGNORECASE,
    ),
    "mac-prefix": like(
        "[a-f0-9][02468ace](?::[a-f0-9]{2}){0,2}:?",
        "value is not a valid unicast MAC address prefix",
        re.IGNORECASE,
    ),
    "pve-ipv4-config": passes(
        lambda text: text in ("dhcp", "manual") or is_cidrv4(text), _NETWORK.format("ipv4")
    ),
    "pve-ipv6-config": passes(
        lambda text: text in ("auto", "dhcp", "manual") or is_cidrv6(text), _NETWORK.format("ipv6")
    ),
    "pve-storage-portal-dns": passes(
        _is_host_and_port, "value does not look like a valid portal address"
    ),
    "pve-storage-server": passes(
        lambda text: is_ip(text) or is_name(text),
        "value does not look like a valid server name or IP address",
    ),
}
