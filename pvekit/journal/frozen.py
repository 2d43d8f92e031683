"""Decisions as a journal holds them: flat dataclasses, written down and read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from pvekit.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


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
        raise UsageError(
            "Another version of pvekit began this run, and this one cannot go on with it.",
            details=str(error),
            hint="Say --new to start another run.",
        ) from error
