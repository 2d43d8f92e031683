"""What an option's value must be like, and how values are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class Refused(Exception):
    """The words are refused; ``args[0]`` is the whole text for stderr, without the line end."""


@dataclass(frozen=True)
class Spec:
    """What an option's value, or one property of it, must be like.

    ``numbers`` is how often a numbered option exists, ``kinds`` are the types of a thing that
    have it, if not all, and ``members`` the words that a list may hold. ``asked`` is how
    often a program asks for a value that is not given. ``minimum`` and ``maximum`` are kept as they
    are shown.
    """

    type: str = "string"
    enum: tuple[str, ...] = ()
    pattern: str = ""
    minimum: float | str | None = None
    maximum: float | str | None = None
    min_length: int | None = None
    max_length: int | None = None
    format: str = ""
    requires: str = ""
    required: bool = False
    default_key: bool = False
    alias: str = ""
    key_alias: str = ""
    numbers: int = 0
    asked: int = 0
    kinds: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    items: Spec | None = None
    properties: Mapping[str, Spec] = field(default_factory=dict)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Spec:
        """Read one entry of the tables."""
        known = dict(data)
        known["enum"] = tuple(map(str, known.get("enum", ())))
        known["kinds"] = tuple(known.get("kinds", ()))
        known["members"] = tuple(known.get("members", ()))
        known["default_key"] = bool(known.get("default_key"))
        if "items" in known:
            known["items"] = cls.from_data(known["items"])
        known["properties"] = {
            name: cls.from_data(entry) for name, entry in known.get("properties", {}).items()
        }
        return cls(**known)

    @property
    def is_list(self) -> bool:
        """Whether several values may be given, of which one list is made."""
        return "-list" in self.format and not self.properties


@dataclass(frozen=True)
class Arguments:
    """The words of one call, read: values by option name, and the words after all arguments.

    ``lists`` are the values of options that take an array, one by one.
    """

    values: Mapping[str, str]
    extra: tuple[str, ...] = ()
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
