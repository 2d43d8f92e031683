"""Property strings, PVE's second grammar: ``virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=5``."""

from __future__ import annotations

import re

from pvekit.errors import UsageError

# PVE has no way to escape any of these in a value, hence all are refused.
_UNSAFE = re.compile(r"[,;=\x00-\x1f\x7f-\x9f]")
_KEY = re.compile(r"[a-z][a-z0-9_.-]*")


def build(first: str | None = None, **properties: str | int | None) -> str:
    """Return a property string; ``first`` is the value of the default key, None leaves one out.

    An underscore in a keyword becomes a dash, as in ``import_from="/x"``. Raises
    :class:`UsageError` for a value that would break out of its place.
    """
    words = [] if first is None else [_checked("the first value", first)]
    for keyword, value in properties.items():
        if value is not None:
            key = keyword.replace("_", "-")
            words.append(f"{key}={_checked(key, str(value))}")
    return ",".join(words)


def parse(text: str, default_key: str = "") -> dict[str, str]:
    """Return the properties of a string; a value without a key goes to ``default_key``."""
    properties: dict[str, str] = {}
    for word in text.split(","):
        key, separator, value = word.partition("=")
        if separator and _KEY.fullmatch(key):
            properties[key] = value
        elif word:
            properties[default_key] = word
    return properties


def _checked(key: str, value: str) -> str:
    if not value or _UNSAFE.search(value):
        raise UsageError(
            f"{key} must be some text without commas, semicolons, equal signs and control "
            f"characters, not {value!r}."
        )
    return value
