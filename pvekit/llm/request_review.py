"""What is wrong with the groups that a model read, by code: nothing that the text does not say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from pvekit.asked.model import Part, Understood, Vocabulary, is_name
from pvekit.asked.reading import figures
from pvekit.sizing.workload import OTHER, UNITS, of_role

_TIMES = tuple(
    many / seconds for many in (1, 1e3, 1e6, 1024, 1 / 1024) for seconds in (1, 60, 3600, 86400)
)
"""Thousands and millions, MB and TB as GB, and so many a minute, an hour or a day."""
_MOST_UNSAID = 12
"""A number that stands in the text in other words than English ones is no higher."""


def findings(
    parts: Sequence[Part], text: str, by_words: Understood, vocabulary: Vocabulary
) -> list[str]:
    """Return what is wrong, in words for who read the text; nothing if it is valid."""
    said = figures(text)
    found = [*_totals(parts, text, by_words), *_names(parts, text)]
    for part in parts:
        what = part.thing.workload or part.thing.role
        unsure = bool(by_words.unknown) and part.count <= _MOST_UNSAID
        if part.count > 1 and part.count not in said and not unsure:
            found.append(f"{what}: the text says no {part.count}")
        found += (f"{what}: {each}" for each in _numbers(part, said, vocabulary))
    return found


def _totals(parts: Sequence[Part], text: str, by_words: Understood) -> Iterator[str]:
    words = len(text.split())
    if len(parts) > words:
        yield f"{len(parts)} groups in a text of {words} words"
    there, wanted = _counted(parts), _counted(by_words.parts)
    if by_words.unknown or not by_words.parts:
        sure = {each.thing.workload for each in by_words.parts}
        sure -= {each.thing.workload for each in by_words.parts if not each.counted}
        for workload in sorted(sure - {""}):
            if there[workload] > wanted[workload]:
                yield f"the text asks for {wanted[workload]} of {workload}"
        return
    if sum(there.values()) != sum(wanted.values()):
        yield f"the text asks for {sum(wanted.values())} machines, not {sum(there.values())}"
    for workload, count in wanted.items():
        if workload and there[workload] != count:
            yield f"the text asks for {count} of {workload}, not {there[workload]}"


def _is_said(values: tuple[float, ...], count: int, said: frozenset[float]) -> bool:
    """Whether a number of the text, in whatever units, may be meant by one of these."""
    meant = [each * times for each in said for times in _TIMES]
    return any(abs(value - each) <= each * 0.02 + count for value in values for each in meant)


def _counted(parts: Sequence[Part]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for part in parts:
        counts[part.thing.workload] += part.count
    return counts


def _names(parts: Sequence[Part], text: str) -> Iterator[str]:
    named = [part.name for part in parts if part.name]
    for name in named:
        if not is_name(name) or name not in text.lower():
            yield "a name does not stand in the text, or is none: null unless the text gives one"
    if len({*named}) < len(named):
        yield "two groups have the same name"


def _numbers(part: Part, said: frozenset[float], vocabulary: Vocabulary) -> Iterator[str]:
    thing = part.thing
    own = of_role(vocabulary.catalogue, thing.role).name
    if thing.workload and own not in (OTHER, thing.workload):
        yield f"the role {thing.role} is for {own}"
    units = {unit.unit for unit in vocabulary.catalogue[thing.workload or OTHER].units}
    for unit, value in part.amounts.items():
        if not _is_said((value, value * part.count), part.count, said):
            yield f"the text does not say {value:g} {UNITS[unit]}"
    if others := [UNITS[unit] for unit in part.amounts if unit not in units]:
        yield f"it is not sized by {', '.join(others)}: null"
    for key, value in part.asked.items():
        if not {float(value), value / 1024, float(value * 1024)} & said:
            yield f"the text does not say {key} {value}: null"
