"""What is wrong with the groups that a model read, by code: nothing that the text does not say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from pvekit.asked.model import Part, Understood, Vocabulary, is_name
from pvekit.asked.reading import figures
from pvekit.sizing.workload import OTHER, UNITS, of_role

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
    if by_words.unknown or not by_words.parts:
        return
    there, wanted = _counted(parts), _counted(by_words.parts)
    if sum(there.values()) != sum(wanted.values()):
        yield f"the text asks for {sum(wanted.values())} machines, not {sum(there.values())}"
    for workload, count in wanted.items():
        if workload and there[workload] != count:
            yield f"the text asks for {count} of {workload}, not {there[workload]}"


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
    if part.amounts and not said:
        yield "the text says no amounts"
    if others := [UNITS[unit] for unit in part.amounts if unit not in units]:
        yield f"it is not sized by {', '.join(others)}: null"
    for key, value in part.asked.items():
        if not {float(value), value / 1024, float(value * 1024)} & said:
            yield f"the text does not say {key} {value}: null"
