"""``template list``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pvekit.config.model import Config
from pvekit.inventory.model import Inventory, Vm
from pvekit.operations.desk import Desk
from pvekit.operations.template_wishes import wish_of
from pvekit.pve.mark import Mark
from pvekit.templates.decide import Wish


@dataclass(frozen=True)
class Listed:
    """One of our templates on one node."""

    name: str
    vmid: int
    node: str
    recipe: str
    image: str
    current: bool


def listed(desk: Desk) -> Sequence[Listed]:
    """Return all our templates; ``current`` says whether it is what the configuration wants."""
    inventory = desk.inventory()
    wanted = {(w.name, w.digest) for w in _wishes(desk.config)}
    found = ((vm, vm.mark) for vm in inventory.templates())
    return [_listed(vm, mark, inventory, wanted) for vm, mark in found if mark is not None]


def _wishes(config: Config) -> list[Wish]:
    return [wish_of(config, template)[0] for template in config.templates.values()]


def _listed(vm: Vm, mark: Mark, inventory: Inventory, wanted: set[tuple[str, str]]) -> Listed:
    return Listed(
        name=vm.name,
        vmid=vm.vmid,
        node=inventory.alias_of(vm),
        recipe=mark.recipe,
        image=mark.image,
        current=(mark.name, mark.digest) in wanted,
    )
