"""What a text asks for: groups of VMs, each with a number of them, a class, and amounts."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from pvekit.sizing.workload import OTHER, UNITS, Catalogue

MOST_COUNT = 64
"""VMs of one group; more are for a fleet file, not for a sentence."""
MOST_GROUPS = 16
MOST_NAME = 20
"""Characters of a group's name: a VM is called FLEET-GROUP-NUMBER, at most 63 in all."""
MOST_FLEET = 30
"""Characters of a fleet's name."""
MOST_AMOUNT = 1e9

ANY = "vm"
"""The role of VMs of which nothing but their number is said."""
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,18}[a-z0-9])?")
_ASKED = {"cpus": "{} cpus", "memory_mb": "{} MB ram", "disk_gb": "{} GB disk"}


@dataclass(frozen=True)
class Thing:
    """What a word stands for: a role, and a workload class or none."""

    role: str
    workload: str = ""


@dataclass(frozen=True)
class Part:
    """VMs of one kind that are asked for.

    ``amounts`` by unit and ``asked`` (``cpus``, ``memory_mb``, ``disk_gb``) are of each VM;
    ``preset`` is a size's name or empty; ``assumed`` says in words what the text left open.
    ``counted`` is whether the text says how many.
    """

    thing: Thing
    count: int = 1
    preset: str = ""
    amounts: Mapping[str, float] = field(default_factory=dict)
    asked: Mapping[str, int] = field(default_factory=dict)
    name: str = ""
    assumed: tuple[str, ...] = ()
    counted: bool = True

    @property
    def text(self) -> str:
        """The need of each VM in words that are read as what they came from."""
        amounts = (f"{number(value)} {UNITS[unit]}" for unit, value in self.amounts.items())
        asked = (_ASKED[key].format(value) for key, value in self.asked.items())
        return ", ".join(part for part in (self.thing.workload, *amounts, *asked) if part)


@dataclass(frozen=True)
class Understood:
    """The groups of a text, and what of it was not understood."""

    parts: tuple[Part, ...]
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Vocabulary:
    """What words may stand for: workload classes, names of sizes, roles of the configuration."""

    catalogue: Catalogue
    sizes: Collection[str]
    roles: Collection[str]

    def things(self) -> dict[str, Thing]:
        """Return what each word, in lower case and in the singular, stands for."""
        found = {role: Thing(role) for role in self.roles}
        for name, workload in self.catalogue.items():
            if name != OTHER:
                words = dict.fromkeys((*workload.roles, *workload.words, name))
                found |= {word: Thing(_role(word, name, workload.roles), name) for word in words}
        return found

    def thing(self, role: str, workload: str) -> Thing:
        """Return a role and a class as one thing; without a role, the class's usual one."""
        if workload == OTHER:
            return Thing(role or ANY)
        return Thing(role or _role("", workload, self.catalogue[workload].roles), workload)

    def all_roles(self) -> tuple[str, ...]:
        """Return the roles that words may stand for."""
        things = (thing.role for thing in self.things().values())
        return tuple(dict.fromkeys((*things, ANY)))


def is_name(text: str) -> bool:
    """Whether a group may be called so."""
    return bool(_NAME.fullmatch(text))


def number(value: float) -> str:
    """Return an amount as it is written in a text."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def share(value: float, count: int) -> float:
    """Return what one of several has of an amount, rounded up to what people would write."""
    part = value / count
    steps = 1 if part >= 10 else 100
    return max(math.ceil(round(part * steps, 6)) / steps, 1 / 100)


def names(parts: Collection[Part]) -> tuple[str, ...]:
    """Return a name for each group: its own, else its role's, with a number if that is taken."""
    return tuple(_names(parts))


def fleet_name(parts: Collection[Part]) -> str:
    """Return the name of a fleet that was given none: its groups' names."""
    return "-".join(names(parts))[:MOST_FLEET].strip("-")


def _names(parts: Collection[Part]) -> Iterator[str]:
    taken = {part.name for part in parts if part.name}
    given = set(taken)
    for part in parts:
        if part.name in given:
            given.discard(part.name)
            yield part.name
            continue
        word = part.thing.role[: MOST_NAME - 3].rstrip("-")
        numbered = (f"{word}-{at}" for at in range(2, MOST_GROUPS * 3))
        name = next(each for each in (word, *numbered) if each not in taken)
        taken.add(name)
        yield name


def _role(word: str, workload: str, roles: Collection[str]) -> str:
    """Return the role that a word of a class stands for: the one it names, else the first."""
    plain = re.sub(r"[\s-]", "", word)
    named = (role for role in roles if role.replace("-", "") == plain)
    return next(named, next(iter(roles), workload))
