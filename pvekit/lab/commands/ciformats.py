"""The formats in which Proxmox VE writes cloud-init's drive: NoCloud and ConfigDrive."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from pvekit.lab.vmconfig import VmConfig


@dataclass(frozen=True)
class Resolver:
    """The name servers and search domains of a node."""

    servers: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()


Files = Callable[[bytes, bytes, bytes, bytes], Mapping[str, bytes]]


@dataclass(frozen=True)
class Format:
    """One format: the drive's label, and what makes its texts and files.

    ``files`` takes the user, network, meta and vendor data.
    """

    label: str
    network: Callable[[VmConfig, Resolver], str]
    meta: Callable[[str], str]
    files: Files


def form_of(config: VmConfig) -> Format:
    """Return a VM's format: the one it names, or its system's."""
    values = config.effective()
    windows = re.fullmatch(r"w(xp|2k\w*|vista|in\d+)", values.get("ostype", ""))
    chosen = values.get("citype", "configdrive2" if windows else "nocloud")
    return {"nocloud": NOCLOUD, "configdrive2": CONFIG_DRIVE, "opennebula": OPENNEBULA}[chosen]


def _dns(config: VmConfig, resolver: Resolver) -> Resolver:
    values = config.effective()
    servers = tuple(values["nameserver"].split()) if "nameserver" in values else resolver.servers
    domains = tuple(values["searchdomain"].split()) if "searchdomain" in values else None
    return Resolver(servers, resolver.domains if domains is None else domains)


def _cards(config: VmConfig) -> Iterator[tuple[int, str, Mapping[str, str]]]:
    """Return number, MAC and settings of the cards that have an ``ipconfig``."""
    values = config.effective()
    # In the order of their names: net10 comes before net2.
    for net in sorted(key for key in values if re.fullmatch(r"net\d+", key)):
        number = int(net[3:])
        text = values.get(f"ipconfig{number}", "")
        if not text:
            continue
        mac = re.search(r"=((?:[0-9A-F]{2}:){5}[0-9A-F]{2})", values[net], re.IGNORECASE)
        settings = dict(part.split("=", 1) for part in text.split(",") if "=" in part)
        yield number, mac[1].lower() if mac else "", settings


# NoCloud


def _nocloud_network(config: VmConfig, resolver: Resolver) -> str:
    lines = ["version: 1", "config:"]
    for number, mac, settings in _cards(config):
        lines += [
            "    - type: physical",
            f"      name: eth{number}",
            f"      mac_address: '{mac}'",
            "      subnets:",
            *_subnets(settings),
        ]
    dns = _dns(config, resolver)
    if dns.servers or dns.domains:
        lines.append("    - type: nameserver")
    if dns.servers:
        lines += ["      address:", *(f"      - '{server}'" for server in dns.servers)]
    if dns.domains:
        lines += ["      search:", *(f"      - '{domain}'" for domain in dns.domains)]
    return "".join(f"{line}\n" for line in lines)


def _subnets(settings: Mapping[str, str]) -> Iterator[str]:
    if settings.get("ip") == "dhcp":
        yield "      - type: dhcp4"
    elif "ip" in settings:
        interface = ipaddress.ip_interface(settings["ip"])
        yield "      - type: static"
        yield f"        address: '{interface.ip}'"
        yield f"        netmask: '{interface.netmask}'"
        if "gw" in settings:
            yield f"        gateway: '{settings['gw']}'"
    if settings.get("ip6") in {"auto", "dhcp"}:
        yield f"      - type: {'ipv6_slaac' if settings['ip6'] == 'auto' else 'dhcp6'}"
    elif "ip6" in settings:
        yield "      - type: static6"
        yield f"        address: '{settings['ip6']}'"
        if "gw6" in settings:
            yield f"        gateway: '{settings['gw6']}'"


def _nocloud_files(user: bytes, network: bytes, meta: bytes, vendor: bytes) -> Mapping[str, bytes]:
    return {
        "user-data": user,
        "network-config": network,
        "meta-data": meta,
        "vendor-data": vendor,
    }


# ConfigDrive


def _debian_network(config: VmConfig, resolver: Resolver) -> str:
    lines = ["auto lo", "iface lo inet loopback", ""]
    for number, _, settings in _cards(config):
        lines += [f"auto eth{number}", *_stanzas(f"eth{number}", settings)]
    dns = _dns(config, resolver)
    if dns.servers:
        lines.append(f"        dns-nameservers {' '.join(dns.servers)}")
    if dns.domains:
        lines.append(f"        dns-search {' '.join(dns.domains)}")
    return "".join(f"{line}\n" for line in lines)


def _stanzas(name: str, settings: Mapping[str, str]) -> Iterator[str]:
    for key, family, gateway in (("ip", "inet", "gw"), ("ip6", "inet6", "gw6")):
        value = settings.get(key, "")
        if value in {"dhcp", "auto"}:
            yield f"iface {name} {family} {value}"
        elif value:
            interface = ipaddress.ip_interface(value)
            mask = interface.netmask if key == "ip" else interface.network.prefixlen
            yield f"iface {name} {family} static"
            yield f"        address {interface.ip}"
            yield f"        netmask {mask}"
            if gateway in settings:
                yield f"        gateway {settings[gateway]}"


def _config_drive_meta(digest: str) -> str:
    return (
        f'{{\n     "uuid": "{digest}",\n'
        '     "network_config": { "content_path": "/content/0000" }\n}\n'
    )


def _config_drive_files(
    user: bytes, network: bytes, meta: bytes, vendor: bytes
) -> Mapping[str, bytes]:
    return {
        "openstack/latest/user_data": user,
        "openstack/content/0000": network,
        "openstack/latest/meta_data.json": meta,
        "openstack/latest/vendor_data.json": vendor,
    }


NOCLOUD = Format("cidata", _nocloud_network, lambda d: f"instance-id: {d}\n", _nocloud_files)
CONFIG_DRIVE = Format("config-2", _debian_network, _config_drive_meta, _config_drive_files)
OPENNEBULA = Format("CONTEXT", _debian_network, _config_drive_meta, _config_drive_files)
