"""Reading a request by words alone: what each group is, how many, how large, for how much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile

from pvekit.asked import words
from pvekit.asked.items import Item, items, plain, unused
from pvekit.asked.model import ANY, Part, Thing, Understood, Vocabulary, is_name, number, share
from pvekit.sizing.described import totals
from pvekit.sizing.workload import UNITS, Catalogue

_FAR = 3
"""So many other words may stand between a number and what is counted."""
_LISTED = words.AND | words.WISHING | words.LINKING
_COUNTING_AFTER = "x\u00d7*(:"
_OF_EACH = {"data_gb"}
"""Amounts that every replica has whole, unless the text says otherwise."""


@dataclass
class _Found:
    """A group as it is found: the item that names it, from where on its words are its own."""

    head: int
    left: int
    thing: Thing
    count: int | None = None
    uncounted: bool = False
    used: set[int] = field(default_factory=set)


def read(text: str, vocabulary: Vocabulary) -> Understood:
    """Return the groups that a text names, and the parts of it that nothing was made of."""
    row = items(plain(text), vocabulary)
    found = _groups(row)
    ends = [each.left for each in found[1:]] + [len(row)] * bool(found)
    parts, used, unknown = [], set[int](), []
    for at, (group, end) in enumerate(zip(found, ends, strict=True)):
        begin = group.left if at else 0
        part, taken = _part(row, group, range(begin, end), vocabulary.catalogue)
        parts.append(part)
        used |= taken
        if group.uncounted:
            unknown.append(f"how many {row[group.head].text}")
    named = [part.name for part in parts if part.name]
    twice = (
        f"several groups called {name}" for name in dict.fromkeys(named) if named.count(name) > 1
    )
    return Understood(tuple(parts), (*unused(row, used), *unknown, *twice))


def figures(text: str) -> frozenset[float]:
    """Return all numbers of a text, in figures and in words."""
    row = items(plain(text), Vocabulary({}, (), ()))
    counted = (float(item.count) for item in row if item.count is not None)
    amounts = (item.mention.value for item in row if item.mention is not None)
    return frozenset((*counted, *amounts))


def _groups(row: tuple[Item, ...]) -> list[_Found]:
    found: list[_Found] = []
    for at, item in enumerate(row):
        if item.kind != "group" or item.thing is None:
            continue
        floor = found[-1].head + 1 if found else 0
        if _belongs_to(found, row, at):
            if found[-1].thing.role == ANY:
                found[-1].thing = item.thing
            found[-1].used.add(at)
            continue
        group = _group(row, at, floor, item.thing)
        if group is not None:
            found.append(group)
            group.used |= _companions(row, at + 1)
        elif item.thing.role == ANY and found and _fills(row, floor, at):
            found[-1].used.add(at)  # "postgres database server"
    return found


def _belongs_to(found: list[_Found], row: tuple[Item, ...], at: int) -> bool:
    """Whether a word says what the VMs before it are for: ``two servers running nginx``."""
    thing = row[at].thing
    if not found or found[-1].head != at - 2 or thing is None or thing.role == ANY:
        return False
    if row[at - 1].text == "(":
        return found[-1].thing.workload in ("", thing.workload)
    return row[at - 1].text in words.RUNNING and found[-1].thing.role == ANY


def _companions(row: tuple[Item, ...], begin: int) -> set[int]:
    found = takewhile(lambda at: row[at].text in words.COMPANIONS, range(begin, len(row)))
    return set(found)


def _fills(row: tuple[Item, ...], begin: int, end: int) -> bool:
    return all(row[at].text in words.FILLING | words.COMPANIONS for at in range(begin, end))


@dataclass
class _Before:
    """What stands before a word for a group, as far as it may be said of that.

    ``count`` is where its number stands, ``stop`` where its words end, ``left`` its first one.
    """

    left: int
    stop: int = -1
    count: int | None = None
    denied: bool = False
    sized: bool = False
    far: int = 0


def _before(row: tuple[Item, ...], head: int, floor: int) -> _Before:
    found = _Before(left=head)
    for at in range(head - 1, floor - 1, -1):
        item = row[at]
        found.stop = at
        if item.kind == "count":
            found.count = found.left = at
            return found
        found.denied = item.text in words.NEGATIVE
        found.far += item.kind == "word"
        if found.denied or item.kind == "break" or _ends(item) or found.far > _FAR:
            return found
        found.sized |= item.kind == "size"
        found.left = found.left if item.kind == "word" else at
    found.stop = floor - 1
    return found


def _group(row: tuple[Item, ...], head: int, floor: int, thing: Thing) -> _Found | None:
    """Return a group with its number and where its words begin, None if it is only mentioned."""
    group = _Found(head, head, thing, used={head})
    after = row[head + 1] if head + 1 < len(row) else None
    if after is not None and after.kind == "count" and after.text[0] in _COUNTING_AFTER:
        group.count = after.count
        group.used.add(head + 1)
    before = _before(row, head, floor)
    if before.denied:
        return None
    if before.count is None:
        return _uncounted(row, group, before)
    if group.count is None:
        group.count = row[before.count].count
    group.used.add(before.count)
    group.left = before.left
    return group


def _uncounted(row: tuple[Item, ...], group: _Found, found: _Before) -> _Found | None:
    """Return a group that no number stands before, if it is one."""
    before = row[found.stop] if found.stop >= 0 else None
    told_of = found.sized or group.count is not None
    if not told_of and (_leads_to_others(row, group, found) or not _may_follow(before)):
        return None
    apart = before is None or not (_counts(before) or before.text in words.LINKING)
    group.left = found.left if found.sized or apart else group.head
    group.uncounted = row[group.head].plural and group.count is None
    return group


def _leads_to_others(row: tuple[Item, ...], group: _Found, found: _Before) -> bool:
    """Whether a word only says what is to come: the first of ``build three web servers``."""
    after = row[group.head + 1] if group.head + 1 < len(row) else None
    counts_others = after is not None and after.kind == "count"
    return group.thing.role == ANY or found.far > 1 or counts_others


def _may_follow(before: Item | None) -> bool:
    """Whether a group may stand behind this: not behind ``fast``, as in ``fast storage``."""
    if before is None or before.kind == "break":
        return True
    return _counts(before) or before.text in _LISTED


def _counts(item: Item) -> bool:
    return item.kind in ("group", "count")


def _ends(item: Item) -> bool:
    ending = words.AND | words.WISHING | words.PREPOSITIONS | words.LINKING
    return item.kind == "word" and item.text in ending


def _part(
    row: tuple[Item, ...], group: _Found, span: range, catalogue: Catalogue
) -> tuple[Part, set[int]]:
    used = set(group.used)
    of_kind = {kind: [at for at in span if row[at].kind == kind] for kind in ("amount", "size")}
    used |= {*of_kind["amount"], *of_kind["size"][:1]}
    amounts, asked = totals(m for at in of_kind["amount"] if (m := row[at].mention) is not None)
    told = {row[at].text for at in span if row[at].kind in ("word", "group")}
    used |= {at for at in span if row[at].text in words.EACH | words.TOGETHER}
    used |= {at + 1 for at in span if row[at].text == "per" and at + 1 in span}
    name, named = _name(row, span)
    count = 1 if group.count is None else group.count
    known, assumed = _known(amounts, group.thing, catalogue)
    shared, shares = _shared(known, count, told)
    preset = row[of_kind["size"][0]].size if of_kind["size"] else ""
    told_of = (*assumed, *shares)
    counted = group.count is not None
    part = Part(group.thing, count, preset, shared, asked, name, told_of, counted)
    return part, used | named


def _name(row: tuple[Item, ...], span: range) -> tuple[str, set[int]]:
    for at in span:
        if row[at].kind == "name" and is_name(row[at].text):
            return row[at].text, {at - 1, at}
    return "", set()


def _known(
    amounts: Mapping[str, float], thing: Thing, catalogue: Catalogue
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Return the amounts that the class is sized by, and say which others there are."""
    units = {unit.unit for unit in catalogue[thing.workload].units} if thing.workload else set()
    left = [UNITS[unit] for unit in amounts if unit not in units]
    what = thing.workload or f"role {thing.role}"
    told = (f"{what} is not sized by {', '.join(left)}: not counted",) if left else ()
    return {unit: value for unit, value in amounts.items() if unit in units}, told


def _shared(
    amounts: Mapping[str, float], count: int, told: set[str]
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Return the amounts of each VM, and say what was assumed where the text does not."""
    if count <= 1:
        return dict(amounts), ()
    each, together = bool(told & words.EACH), bool(told & words.TOGETHER)
    shared = {
        unit: value if each or (unit in _OF_EACH and not together) else share(value, count)
        for unit, value in amounts.items()
    }
    if each or together:
        return shared, ()
    return shared, tuple(_assumed(amounts, shared, count))


def _assumed(
    amounts: Mapping[str, float], shared: Mapping[str, float], count: int
) -> Iterator[str]:
    for unit, value in amounts.items():
        said = f"{number(value)} {UNITS[unit]}"
        if unit in _OF_EACH:
            yield f"{said}: taken as of each of the {count}; say `in total` if not"
        else:
            part = number(shared[unit])
            yield f"{said}: taken as of all {count} together, {part} for each; say `each` if not"
