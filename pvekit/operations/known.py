"""The names that a site was seen to have, and when: what the completion of a word may offer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pvekit.inventory.model import Inventory, Vm

FRESH = 15.0
"""For so many seconds nobody is asked again."""

LIMIT = 7 * 86400.0
"""Older than so many seconds is as good as not known."""


@dataclass(frozen=True)
class KnownVm:
    """A VM or template by its names; ``node`` is the node's alias, ``snapshots`` are by name."""

    name: str
    vmid: int
    node: str
    ours: bool
    template: bool = False
    role: str = ""
    snapshots: tuple[str, ...] = ()


@dataclass(frozen=True)
class Told:
    """What one PVE cluster or standalone host told, and when (seconds since the epoch)."""

    when: float
    vms: tuple[KnownVm, ...]


@dataclass(frozen=True)
class Known:
    """What is known of a site: when it was last asked, and what its parts told then or before."""

    asked: float = 0.0
    told: Mapping[str, Told] = field(default_factory=dict)

    @property
    def vms(self) -> tuple[KnownVm, ...]:
        """All VMs and templates."""
        return tuple(vm for told in self.told.values() for vm in told.vms)

    def is_fresh(self, now: float) -> bool:
        """Whether the site was asked a moment ago, be it in vain."""
        return 0 <= now - self.asked < FRESH

    def after(self, inventory: Inventory, now: float) -> Known:
        """Return what is known after a reading: parts that did not answer keep what they told."""
        read = {node.domain for node in inventory.nodes if node.configured and node.online}
        fresh = {key: Told(now, tuple(_vms(inventory, key))) for key in read if key}
        return Known(now, {**self.told, **fresh}).at(now)

    def at(self, now: float) -> Known:
        """Return what of it is not too old."""
        young = {key: told for key, told in self.told.items() if 0 <= now - told.when < LIMIT}
        return Known(self.asked, young)


def _vms(inventory: Inventory, domain: str) -> Iterator[KnownVm]:
    for vm in inventory.vms:
        if vm.domain == domain and vm.kind == "qemu":
            yield _known(vm, inventory)


def _known(vm: Vm, inventory: Inventory) -> KnownVm:
    return KnownVm(
        name=vm.name,
        vmid=vm.vmid,
        node=inventory.alias_of(vm),
        ours=vm.ours,
        template=vm.is_template,
        role=vm.own.role,
        snapshots=tuple(vm.config.snapshots),
    )


def to_data(known: Known) -> dict[str, Any]:
    """Return what is known in the shape of JSON."""
    told = {
        key: {"when": each.when, "vms": [asdict(vm) for vm in each.vms]}
        for key, each in known.told.items()
    }
    return {"asked": known.asked, "told": told}


def from_data(data: Any) -> Known:  # noqa: ANN401 - whatever the file holds
    """Return what :func:`to_data` was given; raises any error for what is none of its making."""
    told = {
        str(key): Told(float(each["when"]), tuple(_all(each["vms"])))
        for key, each in data["told"].items()
    }
    return Known(float(data["asked"]), told)


def _all(rows: Iterable[Mapping[str, Any]]) -> Iterator[KnownVm]:
    for row in rows:
        yield KnownVm(
            name=str(row["name"]),
            vmid=int(row["vmid"]),
            node=str(row["node"]),
            ours=bool(row["ours"]),
            template=bool(row["template"]),
            role=str(row["role"]),
            snapshots=tuple(map(str, row["snapshots"])),
        )
