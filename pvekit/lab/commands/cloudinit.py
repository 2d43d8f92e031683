"""What Proxmox VE generates for cloud-init, and the drive that it puts it on (NoCloud)."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pvekit.lab.failure import Failure
from pvekit.lab.guests.disk import Iso
from pvekit.lab.vmconfig import VmConfig

if TYPE_CHECKING:
    from pvekit.lab.node import Node

_HOST_RESOLVER = "192.168.64.254"
OPTIONS = ("cipassword", "citype", "ciuser", "nameserver", "searchdomain", "sshkeys")


def user_data(vmid: int, config: VmConfig) -> str:
    """Return the user data as ``qm cloudinit dump ID user`` shows it."""
    values = config.effective()
    hostname, fqdn = _names(vmid, values.get("name", ""), values.get("searchdomain", ""))
    lines = [f"hostname: {hostname}", "manage_etc_hosts: true", f"fqdn: {fqdn}"]
    if "ciuser" in values:
        lines.append(f"user: {values['ciuser']}")
    if "cipassword" in values:
        lines.append(f"password: {_hashed(values['cipassword'])}")
    keys = unquote(values.get("sshkeys", ""), errors="surrogateescape").splitlines()
    if any(key.strip() for key in keys):
        lines += ["ssh_authorized_keys:", *(f"  - {key}" for key in keys if key.strip())]
    lines += ["chpasswd:", "  expire: False", "users:", "  - default"]
    if values.get("ciupgrade", "1") == "1":
        lines.append("package_upgrade: true")
    return "".join(f"{line}\n" for line in ["#cloud-config", *lines])


def _names(vmid: int, name: str, domain: str) -> tuple[str, str]:
    full = name or f"VM{vmid}"
    hostname, dot, _ = full.partition(".")
    if not dot and domain:
        return hostname, f"{hostname}.{re.split(r'[ ,;]+', domain)[0]}"
    return hostname, full


def _hashed(password: str) -> str:
    if password.startswith("$5$"):
        return password
    digest = hashlib.sha256(password.encode()).hexdigest()
    return f"$5${digest[:8]}${digest[:43]}"


def network_data(config: VmConfig) -> str:
    """Return the network configuration (version 1); ``ipconfigN`` without ``netN`` is left out."""
    values = config.effective()
    lines = ["version: 1", "config:"]
    nets = sorted(int(key[3:]) for key in values if re.fullmatch(r"net\d+", key))
    for number in nets:
        lines += _interface(number, values[f"net{number}"], values.get(f"ipconfig{number}", ""))
    lines += ["    - type: nameserver", "      address:"]
    servers = values.get("nameserver", _HOST_RESOLVER).split()
    lines += [f"      - '{server}'" for server in servers]
    if "searchdomain" in values:
        lines += ["      search:", *(f"      - '{d}'" for d in values["searchdomain"].split())]
    return "".join(f"{line}\n" for line in lines)


def _interface(number: int, net: str, text: str) -> Iterator[str]:
    mac = re.search(r"=((?:[0-9A-F]{2}:){5}[0-9A-F]{2})", net, re.IGNORECASE)
    settings = dict(part.split("=", 1) for part in text.split(",") if "=" in part)
    yield "    - type: physical"
    yield f"      name: eth{number}"
    yield f"      mac_address: '{mac[1].lower() if mac else ''}'"
    yield "      subnets:"
    if settings.get("ip") == "dhcp":
        yield "      - type: dhcp4"
    elif "ip" in settings:
        yield from _static(settings["ip"], settings.get("gw", ""))
    if settings.get("ip6") in {"auto", "dhcp"}:
        yield f"      - type: {'ipv6_slaac' if settings['ip6'] == 'auto' else 'dhcp6'}"
    elif "ip6" in settings:
        yield "      - type: static6"
        yield f"        address: '{settings['ip6']}'"
        if "gw6" in settings:
            yield f"        gateway: '{settings['gw6']}'"


def _static(address: str, gateway: str) -> Iterator[str]:
    interface = ipaddress.ip_interface(address)
    yield "      - type: static"
    yield f"        address: '{interface.ip}'"
    yield f"        netmask: '{interface.netmask}'"
    if gateway:
        yield f"        gateway: '{gateway}'"


def meta_data(vmid: int, config: VmConfig) -> str:
    """Return the meta data: the instance id changes whenever user or network data do."""
    text = user_data(vmid, config) + network_data(config)
    instance = hashlib.sha1(text.encode(errors="surrogateescape"), usedforsecurity=False)
    return f"instance-id: {instance.hexdigest()}\n"


def drive_iso(node: Node, vmid: int, config: VmConfig) -> Iso | None:
    """Return the content of a VM's cloud-init drive, or None without one.

    The program dies if a snippet that ``cicustom`` names is not there.
    """
    if not config.cloudinit_slot():
        return None
    texts = {
        "user": user_data(vmid, config).encode(errors="surrogateescape"),
        "network": network_data(config).encode(),
        "meta": meta_data(vmid, config).encode(),
    }
    for part, volid in _custom(config.values.get("cicustom", "")):
        if not node.storages.exists(volid):
            raise Failure(f"volume '{volid}' does not exist")
        texts[part] = node.machine.files.read(node.storages.path(volid))
    files = {
        "user-data": texts["user"],
        "network-config": texts["network"],
        "meta-data": texts["meta"],
    }
    if "vendor" in texts:
        files["vendor-data"] = texts["vendor"]
    return Iso("cidata", files)


def _custom(text: str) -> Iterator[tuple[str, str]]:
    for part in filter(None, text.split(",")):
        name, _, volid = part.partition("=")
        yield name, volid
