"""The sizes of what was asked for in words: by the chain, or as the VMs have that are there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pvekit.asked.model import Part, names
from pvekit.config.model import AUTO_SIZE
from pvekit.fleet import compare
from pvekit.fleet.draft import Drawn
from pvekit.inventory.model import Inventory, Vm
from pvekit.operations import applying, settling, size_links, vm_wishes, workload_classes
from pvekit.operations.desk import Desk
from pvekit.operations.vm_wishes import Request
from pvekit.pve.mark import notes_of
from pvekit.sizing import Catalogue, Link, Size, Sized
from pvekit.sizing.choice import Source

Seconds = Callable[[], float]

_NOTE = "Asked for: "
_SOURCES: Mapping[str, Source] = {
    "model": "model",
    "history": "history",
    "preset": "preset",
}


@dataclass(frozen=True)
class There:
    """A VM of the fleet that is there or is being made: its notes, size, and where that is from."""

    notes: str
    size: Size
    source: Source


@dataclass(frozen=True)
class _Sizing:
    """What sizes are chosen with."""

    desk: Desk
    inventory: Inventory
    catalogue: Catalogue
    links: Sequence[Link]
    there: Mapping[str, There]


def drawn(
    desk: Desk,
    inventory: Inventory,
    fleet: str,
    parts: Sequence[Part],
    there: Mapping[str, There],
    seconds: Seconds | None,
) -> tuple[Drawn, ...]:
    """Return the groups with their sizes; ``there`` are the fleet's VMs by name.

    ``seconds`` is the time that a model has left for all; None asks none.
    """
    if seconds is None:
        llm = replace(desk.config.llm, model=None)
        desk = replace(desk, config=replace(desk.config, llm=llm))
    links = size_links.links(desk, inventory, seconds)
    catalogue = workload_classes.known(desk.config)
    sizing = _Sizing(desk, inventory, catalogue, links, there)
    named = zip(names(parts), parts, strict=True)
    return tuple(_group(sizing, fleet, name, part) for name, part in named)


def least(desk: Desk, inventory: Inventory, parts: Sequence[Part]) -> tuple[Size, ...]:
    """Return the size of each group as the presets say it, without asking anybody."""
    sizing = _Sizing(desk, inventory, workload_classes.known(desk.config), (), {})
    return tuple(_sized(sizing, part).size for part in parts)


def is_asked(notes: str) -> bool:
    """Whether the notes of a VM say that it was asked for in words."""
    return any(line.startswith(_NOTE) for line in notes.splitlines())


def need(part: Part) -> str:
    """Return what is asked for of each VM, as the notes of the VMs say it."""
    told = ", ".join(word for word in (part.text, part.preset) if word)
    return f"{_NOTE}{told or part.thing.role}"


def _group(sizing: _Sizing, fleet: str, name: str, part: Part) -> Drawn:
    """Return a group; VMs that are there for the same need keep their size.

    What history or a model says changes from day to day: asked again, nothing is to change.
    """
    note = need(part)
    group = Drawn(name, part.count, part.thing.role, _nothing(part), note, part.assumed)
    there = [sizing.there[each] for each in group.vms(fleet) if each in sizing.there]
    same = [each for each in there if note in each.notes.splitlines()]
    if not same or len(same) < len(there) or len({each.size for each in same}) > 1:
        return replace(group, sized=_sized(sizing, part))
    first = same[0]
    because = "as the VMs of the group that are there for the same need"
    kept = Sized(first.size, first.source, because, (), "high", part.thing.workload)
    noted = all(each.notes.strip() == note for each in same)
    return replace(group, sized=kept, note=note if noted else None)


def _nothing(part: Part) -> Sized:
    return Sized(Size(1, 1, 1), "given", "", workload=part.thing.workload)


def _sized(sizing: _Sizing, part: Part) -> Sized:
    config = sizing.desk.config
    request = Request(role=part.thing.role, workload=part.text, size=AUTO_SIZE)
    if part.preset:
        return vm_wishes.sized(config, sizing.inventory, request, (), _with_preset(sizing, part))
    if config.role(part.thing.role).size != AUTO_SIZE and not part.amounts:
        request = replace(request, workload="", size="")
    found = vm_wishes.sized(config, sizing.inventory, request, sizing.links)
    return replace(found, workload=found.workload or part.thing.workload)


def _with_preset(sizing: _Sizing, part: Part) -> Catalogue:
    """Return the classes with the size that the text names in place of the usual one."""
    said = f"the text says {part.preset}"
    return {
        name: replace(each, preset=part.preset, because=said)
        for name, each in sizing.catalogue.items()
    }


def there(desk: Desk, inventory: Inventory, fleet: str) -> dict[str, There]:
    """Return the fleet's VMs by name; those that an unfinished run makes, as they will be."""
    return dict(_there(desk, inventory, fleet))


def _there(desk: Desk, inventory: Inventory, fleet: str) -> Iterator[tuple[str, There]]:
    for vm in compare.members(fleet, inventory):
        yield vm.name, There(notes_of(vm.config.description), _size(vm), _source(vm.own.source))
    for found in applying.unfinished_of(desk, fleet):
        for spec, _ in settling.pinned(found.account):
            size = Size(spec.cpus, spec.memory_mb, spec.disk_gb)
            yield spec.name, There(spec.notes, size, _source(spec.source))


def _size(vm: Vm) -> Size:
    disk = vm.boot_disk
    return Size(vm.cpus, vm.memory_mb, disk.size_gb if disk else 1)


def _source(told: str) -> Source:
    return _SOURCES.get(told, "given")
