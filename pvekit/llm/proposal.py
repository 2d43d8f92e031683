"""What a model may answer: three numbers within bounds and a short reason. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from pvekit.llm.port import one_line
from pvekit.sizing.size import Size
from pvekit.sizing.workload import LARGEST

MOST_REASON = 200
"""Characters of a reason; what is longer is cut."""

_NAMES = tuple(field.name for field in fields(Size))

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {**{name: {"type": "integer"} for name in _NAMES}, "reason": {"type": "string"}},
    "required": [*_NAMES, "reason"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Proposal:
    """A size that a model proposes, and its reason: printable text of one line."""

    size: Size
    reason: str


def parse(text: str) -> Proposal | str:
    """Return the proposal of an answer, with or without prose around it, or what is wrong."""
    found = list(objects(text[:20_000]))
    if not found:
        return "the answer has no JSON object"
    data = found[0]
    if set(data) != {*_NAMES, "reason"}:
        keys = ", ".join(sorted(data))[:100]
        return f"the object has the keys {keys!r}, not {', '.join(_NAMES)}, reason"
    for name in _NAMES:
        value, most = data[name], getattr(LARGEST, name)
        if not isinstance(value, int) or isinstance(value, bool):
            return f"{name} is not a whole number"
        if not 1 <= value <= most:
            return f"{name} is not within 1 and {most}"
    if not isinstance(data["reason"], str):
        return "reason is no text"
    size = Size(**{name: data[name] for name in _NAMES})
    return Proposal(size, one_line(data["reason"])[:MOST_REASON])


def objects(text: str) -> Iterator[dict[str, Any]]:
    """Yield the first JSON object of a text, if it has one."""
    decoder, at = json.JSONDecoder(), text.find("{")
    while at >= 0:
        try:
            value, _ = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            yield value
            return
        at = text.find("{", at + 1)
