"""What of a VM's configuration its guest notices: CPU type, network cards, boot order, agent."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass

_MODELS = frozenset({"virtio", "e1000", "e1000e", "rtl8139", "vmxnet3"})
_FIRST_SLOTS = ("scsi0", "virtio0", "sata0", "ide0")


@dataclass(frozen=True)
class Nic:
    """A network card; ``mac`` is in lower case, ``vlan`` is 0 where untagged."""

    index: int
    mac: str
    bridge: str | None
    vlan: int = 0
    link_down: bool = False


@dataclass(frozen=True)
class Hardware:
    """One VM's machine; ``agent`` tells whether it has the guest agent's port."""

    cpu: str
    agent: bool
    boot_order: tuple[str, ...]
    nics: tuple[Nic, ...]
    cpus: int = 1
    memory_mb: int = 512

    def boot_slot(self, disks: Container[str]) -> str | None:
        """Return the slot of the first disk in the boot order, or None without one."""
        return next((slot for slot in self.boot_order if slot in disks), None)


def properties(text: str, first: str) -> dict[str, str]:
    """Split a property string; ``first`` is the key of a leading value without one."""
    pairs: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        key, mark, value = part.partition("=")
        pairs.setdefault(key if mark else first, value if mark else key)
    return pairs


def hardware(config: Mapping[str, str]) -> Hardware:
    """Read the main section of a VM's configuration."""
    boot = properties(config.get("boot", ""), "legacy").get("order", "")
    order = tuple(filter(None, boot.split(";")))
    agent = properties(config.get("agent", "0"), "enabled").get("enabled", "0")
    return Hardware(
        # qm's own default where the option is absent
        cpu=properties(config.get("cpu", "kvm64"), "cputype").get("cputype", "kvm64"),
        agent=agent == "1",
        boot_order=order or tuple(filter(None, (config.get("bootdisk"), *_FIRST_SLOTS))),
        nics=tuple(
            _nic(int(key[3:]), text)
            for key, text in sorted(config.items())
            if re.fullmatch(r"net\d+", key)
        ),
        cpus=_cpus(config),
        memory_mb=int(properties(config.get("memory", "512"), "current")["current"]),
    )


def _cpus(config: Mapping[str, str]) -> int:
    whole = int(config.get("cores", "1")) * int(config.get("sockets", "1"))
    return int(config.get("vcpus", "0")) or whole


def _nic(index: int, text: str) -> Nic:
    values = properties(text, "model")
    mac = next((value for key, value in values.items() if key in _MODELS), "")
    return Nic(
        index=index,
        mac=values.get("macaddr", mac).lower(),
        bridge=values.get("bridge"),
        vlan=int(values.get("tag", "0")),
        link_down=values.get("link_down") == "1",
    )
