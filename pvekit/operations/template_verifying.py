"""``template verify`` and ``template show``: our templates, looked at closely. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pvekit.config.model import TemplateConfig
from pvekit.errors import PvekitError
from pvekit.inventory.model import Inventory, Vm
from pvekit.operations.desk import Desk
from pvekit.operations.template_choice import chosen
from pvekit.operations.template_sums import published
from pvekit.operations.template_wishes import wish_of
from pvekit.plan import Ask
from pvekit.pve import stored
from pvekit.run.gather import gather
from pvekit.templates.decide import Wish, linked_clones
from pvekit.templates.sums import Checksum
from pvekit.templates.verify import Finding, findings
from pvekit.vms.sources import made_at


@dataclass(frozen=True)
class Detail:
    """One copy of a template: memory in MiB, disk in GiB."""

    name: str
    vmid: int
    node: str
    recipe: str
    image: str
    current: bool
    made: str
    cpus: int
    memory_mb: int
    disk_gb: int
    linked_clones: tuple[str, ...]
    volumes: tuple[str, ...]


def details(desk: Desk, wanted: Sequence[str]) -> list[Detail]:
    """Return the templates that words mean, all copies of each."""
    inventory = desk.inventory()
    wishes = _wishes(desk)
    return [_detail(vm, inventory, wishes) for vm in chosen(inventory, wanted)]


def _detail(vm: Vm, inventory: Inventory, wishes: Mapping[str, Wish]) -> Detail:
    wish, made = wishes.get(vm.name), made_at(vm)
    disks = [volume for volume in vm.volumes.values() if volume.media != "cdrom"]
    return Detail(
        name=vm.name,
        vmid=vm.vmid,
        node=inventory.alias_of(vm),
        recipe=vm.own.recipe,
        image=vm.own.image,
        current=wish is not None and vm.own.digest == wish.digest,
        made=datetime.fromtimestamp(made, UTC).isoformat() if made else "",
        cpus=vm.cpus,
        memory_mb=vm.memory_mb,
        disk_gb=max((volume.size_gb for volume in disks), default=0),
        linked_clones=tuple(f"{each.name} ({each.vmid})" for each in linked_clones(vm, inventory)),
        volumes=tuple(volume.volid for volume in vm.volumes.values()),
    )


def verified(desk: Desk, wanted: Sequence[str]) -> Iterator[tuple[Vm, str, Finding]]:
    """Yield what was found about the templates that words mean, with the alias of their node."""
    inventory = desk.inventory()
    found = chosen(inventory, wanted)
    wishes, sums = _wishes(desk), _published(desk, inventory, {vm.name for vm in found})
    content = _content(desk, inventory, found)
    for vm in found:
        node = inventory.alias_of(vm)
        there = content.get(node, {})
        for each in findings(vm, wishes.get(vm.name), sums.get(vm.name), there):
            yield vm, node, each


def _wishes(desk: Desk) -> dict[str, Wish]:
    found = (wish_of(desk.config, each)[0] for each in desk.config.templates.values())
    return {wish.name: wish for wish in found}


def _published(desk: Desk, inventory: Inventory, names: set[str]) -> dict[str, Checksum | str]:
    """Read which images are published now, or why that is not known."""
    wanted = [each for each in desk.config.templates.values() if each.name in names]
    return {each.name: _sum(desk, each, inventory) for each in wanted}


def _sum(desk: Desk, template: TemplateConfig, inventory: Inventory) -> Checksum | str:
    try:
        return published(desk, template, inventory)
    except PvekitError as error:
        return error.brief


def _content(
    desk: Desk, inventory: Inventory, found: Sequence[Vm]
) -> dict[str, dict[str, set[str]]]:
    """Return the disk images that each node sees, by storage, of those that answer."""
    questions: dict[str, Ask[stored.Content]] = {}
    for vm in found:
        node = inventory.alias_of(vm)
        for storage in {volume.storage for volume in vm.volumes.values() if volume.storage}:
            questions[f"{node} {storage}"] = stored.asked(node, storage)
    seen: dict[str, dict[str, set[str]]] = {}
    for key, answer in gather(desk.site, questions, desk.clock, desk.policy).items():
        node, _, storage = key.partition(" ")
        if isinstance(answer, PvekitError) or storage in answer.dead:
            continue
        on_it = {each.volid for each in answer.volumes if each.storage == storage}
        seen.setdefault(node, {})[storage] = on_it
    return seen
