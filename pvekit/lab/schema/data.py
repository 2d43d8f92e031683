"""The tables as they are packaged: one file per program and version."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

from pvekit.lab.schema.spec import Spec

OLDEST = "8.4"


def load(name: str, version: str) -> Mapping[str, Any]:
    """Return a table's content; a program without one of this version has the oldest one's."""
    files = resources.files("pvekit.lab.data")
    found = files.joinpath(f"{name}-{version}.json")
    if not found.is_file():
        found = files.joinpath(f"{name}-{OLDEST}.json")
    content: Mapping[str, Any] = json.loads(found.read_text())
    return content


class Specs:
    """The options of a table: shared ones are kept once, and made when they are asked for."""

    def __init__(self, entries: Mapping[str, Any]) -> None:
        self._entries = entries
        self._made = functools.cache(self._make)

    def _make(self, key: str) -> Spec:
        return Spec.from_data(self._entries[key])

    def named(self, keys: str) -> Iterator[tuple[str, Spec]]:
        """Yield the options of a word list: ``name`` or, if there are several kinds, ``name#2``."""
        for key in keys.split():
            yield key.partition("#")[0], self._made(key)
