"""A fleet file of groups that were asked for in words, with the reasons as comments. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pvekit.fleet.model import API_VERSION, KIND
from pvekit.sizing.choice import Sized

Document = dict[str, Any]

_MOST_COMMENT = 300
"""Characters of a line of comment; what is longer is cut."""


@dataclass(frozen=True)
class Drawn:
    """A group of the file to be: its name, how many of what role, their size and its reasons.

    ``note`` is what the VMs' notes say; None leaves those that are there. ``remarks`` are what
    else is to be said of it.
    """

    name: str
    count: int
    role: str
    sized: Sized
    note: str | None = None
    remarks: tuple[str, ...] = ()

    def vms(self, fleet: str) -> tuple[str, ...]:
        """Return the names of its VMs."""
        return tuple(f"{fleet}-{self.name}-{number}" for number in range(1, self.count + 1))


def document(fleet: str, groups: Sequence[Drawn]) -> Document:
    """Return the content of the fleet file."""
    described = {each.name: _group(each) for each in groups}
    return {"apiVersion": API_VERSION, "kind": KIND, "name": fleet, "groups": described}


def text(
    fleet: str, groups: Sequence[Drawn], head: Sequence[str], places: Mapping[str, str]
) -> str:
    """Return the file as it is written: ``head`` are its first comments.

    ``places`` says of VMs, by name, where they go and why.
    """
    return "".join(f"{line}\n" for line in _lines(fleet, groups, head, places))


def _group(each: Drawn) -> Document:
    size = each.sized.size
    told: Document = {"count": each.count, "role": each.role}
    told |= {"cpus": size.cpus, "memory_mb": size.memory_mb, "disk_gb": size.disk_gb}
    told["source"] = each.sized.source
    if each.sized.workload:
        told["workload"] = each.sized.workload
    if each.note is not None:
        told["description"] = each.note
    return told


def _lines(
    fleet: str, groups: Sequence[Drawn], head: Sequence[str], places: Mapping[str, str]
) -> Iterator[str]:
    whole = document(fleet, groups)
    yield from map(_comment, head)
    yield from _yaml({key: value for key, value in whole.items() if key != "groups"})
    yield "groups:"
    for each in groups:
        size, sized = each.sized.size, each.sized
        yield f"  {_comment(f'{size}; source: {sized.source}, confidence: {sized.confidence}')}"
        for line in (sized.because, *each.remarks):
            yield f"  {_comment(line)}"
        for name in each.vms(fleet):
            if name in places:
                yield f"  {_comment(f'{name}: {size} ({sized.source}), {places[name]}')}"
        yield from (f"  {line}" for line in _yaml({each.name: whole["groups"][each.name]}))


def _comment(line: str) -> str:
    """Return a comment of one line, whatever is in it."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in line).split())
    return f"# {plain[:_MOST_COMMENT]}"


def _yaml(data: Document) -> list[str]:
    import yaml

    dumped: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=1000)
    return dumped.splitlines()
