"""``ask``: from a request in words to a fleet: its groups, their sizes, the file that says so."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pvekit.asked.model import (
    MOST_COUNT,
    MOST_FLEET,
    MOST_GROUPS,
    Understood,
    Vocabulary,
    fleet_name,
)
from pvekit.asked.reading import read
from pvekit.config.model import AUTO_SIZE, Config
from pvekit.errors import Conflict, NoCapacity, UsageError
from pvekit.fleet import draft
from pvekit.fleet.draft import Drawn
from pvekit.fleet.model import Fleet
from pvekit.inventory.model import Inventory
from pvekit.masking import masked
from pvekit.operations import asking_sizes, fleet_reading, workload_classes
from pvekit.operations.desk import Desk
from pvekit.operations.foreseeing import Foreseen, check_whole
from pvekit.sizing.described import MOST_CHARACTERS

_WORD = re.compile(rf"(?=.{{1,{MOST_FLEET}}}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_SOURCE = Path("the fleet file to be")


@dataclass(frozen=True)
class Request:
    """What is asked for: a text, and the fleet's name or nothing."""

    text: str
    name: str = ""


@dataclass(frozen=True)
class Reading:
    """What a text asks for, who read it, how that went, and what a model was sent for it."""

    found: Understood
    by: Literal["model", "words"]
    log: tuple[str, ...] = ()
    sent: str = ""

    @property
    def whole(self) -> bool:
        """Whether nothing of the text was left over."""
        return not self.found.unknown


@dataclass(frozen=True)
class Draft:
    """A fleet that was asked for, before anybody has agreed to it."""

    request: Request
    reading: Reading
    groups: tuple[Drawn, ...]
    fleet: Fleet
    data: Mapping[str, Any] = field(repr=False)

    def text(self, found: Foreseen | None = None) -> str:
        """Return the fleet file with its reasons; ``found`` says where its VMs go."""
        places = _places(found) if found is not None else {}
        return draft.text(self.fleet.name, self.groups, tuple(self._head()), places)

    def _head(self) -> list[str]:
        head = [f"pvekit ask: {masked(self.request.text)}", *self.reading.log]
        return head + [f"not understood: {each}" for each in self.reading.found.unknown]


def drafted(desk: Desk, request: Request) -> Draft:
    """Return the fleet that a text asks for; sends no change.

    Raises :class:`UsageError` for a text that asks for nothing or too much, and
    :class:`Conflict` where a fleet of this name is somebody's already.
    """
    _check(request)
    request = replace(request, text=_readable(request.text))
    vocabulary = vocabulary_of(desk.config)
    by_words = read(request.text, vocabulary)
    llm = desk.config.llm
    if not llm.model:
        _check_parts(by_words, vocabulary)
    inventory = desk.inventory()
    check_whole(inventory)
    began = desk.clock.now()

    def seconds() -> float:
        return max(0.0, llm.timeout_seconds - (desk.clock.now() - began))

    reading = _reading(desk, request, by_words, vocabulary, inventory, seconds)
    _check_parts(reading.found, vocabulary)
    parts = reading.found.parts
    name = request.name or fleet_name(parts)
    there = asking_sizes.there(desk, inventory, name)
    if not request.name:
        _check_asked(name, there)
    left = None if llm.model and reading.by == "words" else seconds  # it has just failed
    groups = asking_sizes.drawn(desk, inventory, name, parts, there, left)
    data = draft.document(name, groups)
    return Draft(request, reading, groups, _fleet(desk.config, name, groups), data)


def misfit(asked: Draft, error: NoCapacity) -> NoCapacity:
    """Return an error that names the group of the VM that an error of placement names."""
    fitting = [each for each in asked.groups if _is_named(asked.fleet.name, each, error)]
    if not fitting:
        return error
    group = fitting[0]
    takes = [f"asked for: {each.count} of {each.name}, {each.sized.size}" for each in asked.groups]
    return NoCapacity(
        f"The group {group.name} ({group.count} of {group.sized.size}) does not fit: {error.brief}",
        details="\n".join((error.details, *takes)).strip(),
        hint=error.hint or "Ask for fewer or smaller ones.",
        id=error.id,
    )


def _is_named(fleet: str, group: Drawn, error: NoCapacity) -> bool:
    said = error.brief.split()
    return any(name in said for name in group.vms(fleet))


def _check(request: Request) -> None:
    if request.name and not _WORD.fullmatch(request.name):
        raise UsageError(
            f"{request.name!r} is no name for a fleet: at most {MOST_FLEET} lower-case letters, "
            "digits and inner dashes.",
            id="NAME-INVALID",
        )
    if not request.text.strip():
        raise UsageError("Nothing was asked for.", hint=_EXAMPLE, id="REQUEST-NOT-UNDERSTOOD")
    if len(request.text) > MOST_CHARACTERS:
        raise UsageError(
            f"The text has {len(request.text)} characters; at most {MOST_CHARACTERS} are read.",
            hint="Say it shorter, or write a fleet file.",
            id="REQUEST-NOT-UNDERSTOOD",
        )


def _readable(text: str) -> str:
    """Return a text without what no terminal shows, such as bytes that are no UTF-8."""
    return "".join(char if char.isprintable() or char in "\r\n" else " " for char in text)


_EXAMPLE = 'Such as: pvekit ask "three web servers for 200 requests/s and a small postgres"'


def vocabulary_of(config: Config) -> Vocabulary:
    """Return what the words of a text may stand for, by the configuration."""
    catalogue = workload_classes.known(config)
    sizes = [name for name in config.sizes if name != AUTO_SIZE]
    return Vocabulary(catalogue, sizes, tuple(config.roles))


def _check_parts(found: Understood, vocabulary: Vocabulary) -> None:
    if not found.parts:
        classes = ", ".join(name for name in vocabulary.catalogue if name != "other")
        raise UsageError(
            "The text names nothing that pvekit knows.",
            details=f"Workload classes: {classes}.\nRoles: {', '.join(vocabulary.all_roles())}.\n"
            f"Sizes: {', '.join(vocabulary.sizes)}.",
            hint=_EXAMPLE,
            id="REQUEST-NOT-UNDERSTOOD",
        )
    if len(found.parts) > MOST_GROUPS:
        raise _too_much(f"{len(found.parts)} groups", MOST_GROUPS)
    for part in found.parts:
        if not 1 <= part.count <= MOST_COUNT:
            raise _too_much(f"{part.count} of {part.thing.role}", MOST_COUNT)


def _too_much(what: str, most: int) -> UsageError:
    return UsageError(
        f"The text asks for {what}; one request in words has 1 to {most}.",
        hint="More are for a fleet file: pvekit apply -f FILE.",
        id="REQUEST-TOO-LARGE",
    )


def _reading(
    desk: Desk,
    request: Request,
    by_words: Understood,
    vocabulary: Vocabulary,
    inventory: Inventory,
    seconds: asking_sizes.Seconds,
) -> Reading:
    model = desk.config.llm.model
    if not model:
        return Reading(by_words, "words", ("no model is configured (llm.model): read by words",))
    from pvekit.operations import asking_model

    reader = asking_model.ModelReader(desk, inventory, request.text, request.name, vocabulary)
    answer, log = reader.answer(by_words, seconds())
    if answer is None:
        told = f"{model} did not read the text: {'; '.join(log) or 'no answer'}"
        desk.warn(f"{told}; it was read by words instead")
        return Reading(by_words, "words", (told, "read by words"), reader.sent(by_words))
    rest = by_words.unknown or ("what is more than new VMs",)
    found = Understood(answer.parts, () if answer.complete else rest)
    return Reading(found, "model", (f"read by {model}", *log), reader.sent(by_words))


def _check_asked(name: str, there: Mapping[str, asking_sizes.There]) -> None:
    """Raise :class:`Conflict` for a fleet that other than a request in words has made."""
    strange = [vm for vm, each in there.items() if not asking_sizes.is_asked(each.notes)]
    if strange:
        raise Conflict(
            f"There is a fleet {name} already, which was not asked for in words: {strange[0]}.",
            hint=f"Choose another name with --name; --name {name} means that fleet.",
            id="FLEET-OTHER",
        )


def _fleet(config: Config, name: str, groups: Sequence[Drawn]) -> Fleet:
    """Return the fleet as ``apply`` would read it from the file."""
    content = draft.text(name, groups, (), {}).encode()
    return fleet_reading.fleet(config, content, _SOURCE)


def _places(found: Foreseen) -> dict[str, str]:
    there = {item.name: f"is there, on {item.node}" for item in found.items}
    at = found.inventory.alias_of
    there |= {vm.name: f"is there, on {at(vm)}" for vm in found.comparison.settled}
    new = ((spec.name, at.node, at.reasons) for spec, at in found.decisions)
    return there | {name: f"on {node}: {_why(node, reasons)}" for name, node, reasons in new}


def _why(node: str, reasons: Sequence[str]) -> str:
    own = next((each for each in reasons if each.startswith(f"{node}: ")), "")
    others = [each for each in reasons if each != own]
    return "; ".join((own.partition(": ")[2], *(f"rather than {each}" for each in others)))
