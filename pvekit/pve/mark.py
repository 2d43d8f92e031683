"""The mark on what pvekit made: the last line of the description.

``pvekit:v1 kind=vm vmid=101 name=web-1 role=worker run=7f3a need=3c9d``
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Literal, get_args

from pvekit.errors import UsageError
from pvekit.pve.conf import GuestConfig

Kind = Literal["vm", "template"]

_PREFIX = "pvekit:v1"
_VALUE = re.compile(r"[!-~]+")


@dataclass(frozen=True)
class Mark:
    """Who made a guest and what for; an empty value is left out of the line.

    ``fleet`` is the fleet whose file names the VM; a mark without one belongs to none. ``source``
    is where the size in ``need`` came from, ``workload`` the class that it was chosen for,
    ``template`` the name of what the VM was cloned from.
    """

    kind: Kind
    vmid: int
    name: str
    role: str = ""
    run: str = ""
    need: str = ""
    recipe: str = ""
    digest: str = ""
    image: str = ""
    fleet: str = ""
    source: str = ""
    workload: str = ""
    template: str = ""

    def to_line(self) -> str:
        """Return the mark's line; raises :class:`UsageError` for a value with blanks."""
        values = {item.name: str(getattr(self, item.name)) for item in fields(self)}
        for key, value in values.items():
            if value and not _VALUE.fullmatch(value):
                raise UsageError(f"A mark's {key} must be printable ASCII text, not {value!r}.")
        return " ".join((_PREFIX, *(f"{key}={value}" for key, value in values.items() if value)))

    def is_of(self, vmid: int, config: GuestConfig) -> bool:
        """Whether the mark speaks of this very guest, and not of the one it was copied from."""
        is_template = config.values.get("template") == "1"
        return (self.vmid, self.name, self.kind == "template") == (
            vmid,
            config.values.get("name"),
            is_template,
        )


def from_description(text: str) -> Mark | None:
    """Return the mark in the last line of a plain description, or None if there is none."""
    lines = text.strip().split("\n")
    words = lines[-1].split()
    if words[:1] != [_PREFIX]:
        return None
    values = dict(word.partition("=")[::2] for word in words[1:])
    known = {item.name for item in fields(Mark)}
    given = {key: value for key, value in values.items() if key in known}
    kind, vmid, name = given.pop("kind", ""), given.pop("vmid", ""), given.pop("name", "")
    if kind not in get_args(Kind) or not re.fullmatch(r"[1-9][0-9]{2,8}", vmid) or not name:
        return None
    return Mark(kind="template" if kind == "template" else "vm", vmid=int(vmid), name=name, **given)


def notes_of(description: str) -> str:
    """Return what people wrote above the mark."""
    lines = description.rstrip().split("\n")
    if lines[-1].split()[:1] == [_PREFIX]:
        lines.pop()
    return "\n".join(lines).rstrip()


def with_mark(notes: str, mark: Mark) -> str:
    """Return a description of these notes, which are kept, with the mark as its last line."""
    lines = notes.rstrip().split("\n")
    if lines[-1].split()[:1] == [_PREFIX] or not lines[-1]:
        lines.pop()
    return "\n".join((*lines, mark.to_line()))
