"""Which of our VMs a command means: by name or vmid, or all that match a selection."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from pvekit.config.nearest import did_you_mean
from pvekit.errors import NotFound, UsageError
from pvekit.inventory.model import Inventory
from pvekit.inventory.unread import check_seen, unread
from pvekit.operations.listing import Row, rows, target
from pvekit.vms.power import Target

ALL = "all"
"""The term that every VM of ours matches."""

KEYS = ("name", "node", "role", "status", "tag")

_TERM = re.compile(r"([a-z]+)(!?=)(\S+)")


@dataclass(frozen=True)
class Selection:
    """VMs by ``names`` (``NAME``, ``VMID``, ``NODE/NAME``, ``NODE/VMID``), or by ``terms``.

    A term is ``KEY=VALUE`` or ``KEY!=VALUE``; a VM has to match all of them.
    """

    names: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()

    def data(self) -> dict[str, Any]:
        """Return it as the journal holds it, whatever the order of its words."""
        terms = {"select": sorted(self.terms)} if self.terms else {}
        return {"vms": sorted(self.names), **terms}

    def __str__(self) -> str:
        return ", ".join(self.names or self.terms)


Wanted = Selection | Sequence[str]


def selection(wanted: Wanted) -> Selection:
    """Return a selection; a sequence is one of names."""
    return wanted if isinstance(wanted, Selection) else Selection(tuple(wanted))


def thawed(data: Mapping[str, Any]) -> Selection:
    """Return what the journal holds."""
    return Selection(tuple(data["vms"]), tuple(data.get("select", ())))


def selected(
    names: Iterable[str], *, role: str = "", selectors: Iterable[str] = (), every: bool = False
) -> Selection:
    """Return what a command line selects; raises :class:`UsageError` where it makes no sense."""
    terms = [term.strip() for text in selectors for term in text.split(",") if term.strip()]
    for term in terms:
        _check(term)
    if role:
        terms.append(f"role={role}")
    if every and terms:
        raise UsageError("--all goes with no other selection.")
    given = tuple(names)
    if given and (terms or every):
        raise UsageError(
            "Name VMs, or select them with --role, --selector or --all: not both.",
            details=f"Named: {', '.join(given)}.",
        )
    if not (given or terms or every):
        raise UsageError(
            "Which VMs?", hint="Name them, or select them with --role, --selector or --all."
        )
    return Selection(given, (ALL,) if every else tuple(dict.fromkeys(terms)))


def _check(term: str) -> None:
    found = _TERM.fullmatch(term)
    if found is None:
        raise UsageError(
            f"{term!r} is no selector.", hint="It is KEY=VALUE or KEY!=VALUE, such as tag=web."
        )
    if found[1] not in KEYS:
        hint = did_you_mean(found[1], KEYS)
        raise UsageError(
            f"{term!r} selects by {found[1]!r}, which is none of: {', '.join(KEYS)}.",
            hint=hint[:1].upper() + hint[1:],
        )


def find(inventory: Inventory, wanted: Wanted) -> list[Target]:
    """Return the VMs that are meant, all ours; one that is named twice is meant once.

    Raises :class:`NotFound` where a selection matches none, :class:`Transient` where one that does
    may be on a node that does not answer.
    """
    meant = selection(wanted)
    if meant.terms:
        return _labelled(_matching(inventory, meant))
    return _labelled(list(dict.fromkeys(target(inventory, name) for name in meant.names)))


def _matching(inventory: Inventory, meant: Selection) -> list[Target]:
    configured = {node.alias for node in inventory.nodes if node.configured}
    ours = [row for row in rows(inventory) if row.node in configured]
    terms = [] if meant.terms == (ALL,) else [_TERM.fullmatch(term) for term in meant.terms]
    found = [row for row in ours if all(term and _matches(row, term) for term in terms)]
    if not found:
        check_unseen(inventory, meant, "a VM of ours")
        raise NotFound(
            "There is no VM of ours." if not ours else f"No VM of ours matches {meant}.",
            details="\n".join(_there(ours)),
            hint="See `pvekit vm list`; `--all` lists those of others, too.",
            id="VM-NOT-SELECTED",
        )
    return [target(inventory, f"{row.node}/{row.vmid}") for row in found]


def check_unseen(inventory: Inventory, meant: Selection, what: str) -> None:
    """Raise :class:`Transient` where a node does not answer and may have VMs that terms mean."""
    found = (_TERM.fullmatch(term) for term in meant.terms)
    named = [term for term in found if term and term[1] == "node"]
    silent = tuple(
        alias
        for alias in unread(inventory)
        if all(fnmatchcase(alias, term[3]) is (term[2] == "=") for term in named)
    )
    matching = "" if meant.terms == (ALL,) else f" that matches {meant}"
    check_seen(inventory, f"{what}{matching}", silent)


def _matches(row: Row, term: re.Match[str]) -> bool:
    key, sign, value = term.groups()
    if key == "tag":
        holds = value in row.tags.split(";")
    elif key == "status":
        holds = row.status.partition(" ")[0] == value
    else:
        holds = fnmatchcase(str(getattr(row, key)), value)
    return holds is (sign == "=")


def _there(ours: Sequence[Row]) -> Iterable[str]:
    """Say what could have been looked for."""
    yield f"VMs of ours: {len(ours)}."
    values = {
        "Roles": {row.role for row in ours},
        "Tags": {tag for row in ours for tag in row.tags.split(";")},
        "Nodes": {row.node for row in ours},
        "Status": {row.status for row in ours},
    }
    for what, found in values.items():
        if words := sorted(found - {""}):
            yield f"{what}: {', '.join(words)}."


def _labelled(found: Sequence[Target]) -> list[Target]:
    """Tell apart those that share a name."""
    often = Counter(each.name for each in found)
    return [
        replace(each, label=f"{each.name}@{each.node}:{each.vmid}")
        if often[each.name] > 1
        else each
        for each in found
    ]
