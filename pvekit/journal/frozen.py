"""Decisions as a journal holds them: flat dataclasses, written down and read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from pvekit.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


def part(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a part of what was written down; raises :class:`UsageError` where it has none."""
    found = data.get(name)
    if isinstance(found, Mapping):
        return found
    raise _strange(f"It says nothing of {name}.")


def thaw(kind: type[T], data: Mapping[str, Any]) -> T:
    """Return the decision that ``dataclasses.asdict`` wrote down.

    Raises :class:`UsageError` for one that another version wrote and this one does not understand.
    """
    known = {field.name for field in fields(kind)}
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in data.items()
        if key in known
    }
    try:
        return kind(**values)
    except TypeError as error:
        raise _strange(str(error)) from error


def _strange(why: str) -> UsageError:
    return UsageError(
        "Another version of pvekit began this run, and this one cannot go on with it.",
        details=why,
        hint="Say --new to start another run.",
        id="RUN-OTHER-VERSION",
    )
