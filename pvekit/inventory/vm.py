"""A guest as its configuration tells of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from typing import Literal

from pvekit.pve import mark, properties, volumes
from pvekit.pve.conf import GuestConfig
from pvekit.pve.mark import Mark
from pvekit.pve.numbers import whole
from pvekit.pve.volumes import Volume, boot_slot

VmKind = Literal["qemu", "lxc"]

VmKey = tuple[str, int]
"""What tells a guest from all others of a site: its domain and vmid."""

# What PVE gives a guest whose config has no `memory`.
_DEFAULT_MEMORY_MB = 512


@dataclass(frozen=True)
class Vm:
    """A guest: a virtual machine (``qemu``), which may be a template, or a container (``lxc``).

    ``running`` is None on a node that was not read.
    """

    domain: str
    node: str
    vmid: int
    kind: VmKind
    config: GuestConfig
    running: bool | None = None

    @property
    def key(self) -> VmKey:
        """What tells it from all other guests of the site."""
        return self.domain, self.vmid

    @property
    def name(self) -> str:
        """The guest's name, empty while it is being cloned."""
        return self.config.values.get("name" if self.kind == "qemu" else "hostname", "")

    @property
    def is_template(self) -> bool:
        """Whether it is a template."""
        return self.config.values.get("template") == "1"

    @property
    def memory_mb(self) -> int:
        """The configured memory in MiB; ballooning is not counted on."""
        memory = properties.parse(self.config.values.get("memory", ""), "current")
        return _number(memory.get("current"), _DEFAULT_MEMORY_MB)

    @property
    def cpus(self) -> int:
        """The virtual CPUs."""
        values = self.config.values
        cores = _number(values.get("cores"), 1) * _number(values.get("sockets"), 1)
        return _number(values.get("vcpus"), cores)

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags, in the config's order."""
        return tuple(re.findall(r"[^\s,;]+", self.config.values.get("tags", "")))

    @property
    def has_agent(self) -> bool:
        """Whether its configuration names a guest agent, which need not answer."""
        agent = properties.parse(self.config.values.get("agent", ""), "enabled")
        return agent.get("enabled") == "1"

    @property
    def lock(self) -> str | None:
        """What holds the guest, or None."""
        return self.config.lock

    @cached_property
    def mark(self) -> Mark | None:
        """The mark in the description, be it this guest's own or an inherited one."""
        return mark.from_description(self.config.description)

    @cached_property
    def own(self) -> Mark:
        """What pvekit has marked this very guest with; an empty mark for a stranger's."""
        return self.mark if self.mark is not None and self.ours else Mark("vm", self.vmid, "")

    @property
    def ours(self) -> bool:
        """Whether pvekit made it: its mark speaks of this very guest."""
        return self.mark is not None and self.mark.is_of(self.vmid, self.config)

    @cached_property
    def volumes(self) -> Mapping[str, Volume]:
        """The volumes by slot."""
        return volumes.volumes(self.config)

    @property
    def boot_disk(self) -> Volume | None:
        """The volume that it boots from, if its configuration names one."""
        return self.volumes.get(boot_slot(self.config) or "")

    @property
    def addresses_configured(self) -> tuple[IPv4Interface | IPv6Interface, ...]:
        """The static addresses of its ``ipconfigN`` (a container's: of its ``netN``)."""
        prefix = "ipconfig" if self.kind == "qemu" else "net"
        settings = (*self.config.values.items(), *self.config.pending.items())
        texts = [text for key, text in settings if re.fullmatch(rf"{prefix}\d+", key)]
        return tuple(address for text in texts for address in _interfaces(text))

    @property
    def macs(self) -> Mapping[str, str]:
        """The MAC addresses in upper case by ``netN``."""
        found = {}
        for key, text in self.config.values.items():
            mac = re.search(r"=([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5})(?:,|$)", text)
            if mac and re.fullmatch(r"net\d+", key):
                found[key] = mac[1].upper()
        return found


def _number(text: str | None, default: int) -> int:
    number = whole(text or "")
    return default if number is None else number


def _interfaces(text: str) -> Iterator[IPv4Interface | IPv6Interface]:
    found = properties.parse(text)
    for key in ("ip", "ip6"):
        try:
            yield ip_interface(found.get(key, ""))
        except ValueError:
            continue  # dhcp, auto, manual or nothing at all
