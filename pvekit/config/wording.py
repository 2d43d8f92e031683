"""Violations of the schema as faults in words.

A ``title`` in the schema is the noun phrase that says what is expected; a ``description`` says what
the key is for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pvekit.config.document import Document, Value
from pvekit.config.faults import Fault, Place
from pvekit.config.nearest import did_you_mean, nearest
from pvekit.config.schema import CONFIG, Schema, Violation, is_secret, load, resolved, violations

_SHOWN_CHARACTERS = 60


def check(document: Document, package: str = CONFIG) -> list[Fault]:
    """Return every violation of a package's schema, each of them once."""
    found = violations(document.value, package)
    misspelt = {place for violation in found for place in _meant(violation)}
    faults = (fault for violation in found for fault in _faults(violation, document))
    return [fault for fault in dict.fromkeys(faults) if fault.place not in misspelt]


def shown(value: Value, written: str = "") -> str:
    """Return a value of the file as a fault shows it: short, and never a private key."""
    if isinstance(value, str):
        return _shown_text(value)
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, dict):
        return "a mapping"
    return _cut(written) or "nothing"


def _shown_text(text: str) -> str:
    if "PRIVATE KEY" in text:
        return "a private key (not shown)"
    return repr(_cut(text))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def _faults(violation: Violation, document: Document) -> Iterator[Fault]:
    place = violation.place
    if violation.keyword == "additionalProperties":
        yield from _unknown_keys(violation, document)
    elif violation.keyword in {"required", "dependentRequired"}:
        yield from _missing_keys(violation, document)
    elif violation.of_key:
        expected = f"{_expected(violation.schema, violation.package)} as key"
        yield document.fault((*place, violation.value), expected, shown(violation.value))
    else:
        found = shown(violation.value, document.written(place))
        hint = _hint(violation, found)
        if violation.package == CONFIG and is_secret(
            place
        ):  # what is meant as one must not be told, of whatever type it is
            found, hint = "something else (not shown)", ""
        yield document.fault(place, _expected(violation.schema, violation.package), found, hint)


def _expected(schema: Schema, package: str) -> str:
    schema = resolved(schema, package)
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    return str(schema["title"])


def _hint(violation: Violation, found: str) -> str:
    value = violation.value
    if violation.keyword == "enum" and isinstance(value, str):
        return did_you_mean(value, violation.wanted)
    if violation.keyword != "type":
        return ""
    if value is None:
        return "give a value or take the key out"
    if violation.wanted == "string" and isinstance(value, bool | int | float):
        return f'as text: "{found}"'
    if isinstance(value, str) and re.fullmatch(r"[0-9]+", value):
        return "a number has no quotes"
    return ""


def _unknown_keys(violation: Violation, document: Document) -> Iterator[Fault]:
    known = list(violation.schema["properties"])
    for key in _unknown(violation):
        hint = " ".join(filter(None, (did_you_mean(key, known), _belongs(key, violation.package))))
        expected = "a known key" if hint else f"one of the keys {', '.join(known)}"
        yield document.fault((*violation.place, key), expected, shown(key), hint)


def _unknown(violation: Violation) -> list[str]:
    return [key for key in violation.value if key not in violation.schema["properties"]]


def _meant(violation: Violation) -> Iterator[Place]:
    """Yield the places of keys that are not missing, only misspelt."""
    if violation.keyword == "additionalProperties":
        for key in _unknown(violation):
            meant = nearest(key, violation.schema["properties"])
            if meant and meant not in violation.value:
                yield (*violation.place, meant)


def _belongs(key: str, package: str) -> str:
    """Say where else in the file a key is known."""
    homes = [prefix + key for prefix, properties in _sections(package) if key in properties]
    return f"pvekit knows {' and '.join(homes)}" if homes else ""


def _sections(package: str) -> Iterator[tuple[str, Iterable[str]]]:
    yield "", load(package).get("properties", {})
    for name, schema in load(package).get("properties", {}).items():
        yield f"{name}.", resolved(schema, package).get("properties", ())


def _missing_keys(violation: Violation, document: Document) -> Iterator[Fault]:
    if violation.keyword == "required":
        needed, hint = set(violation.wanted), "the key is missing"
    else:
        pairs = violation.wanted.items()
        needed = {key for given, keys in pairs if given in violation.value for key in keys}
        hint = f"{' and '.join(violation.wanted)} go together"
    properties = resolved(violation.schema, violation.package)["properties"]
    for key in sorted(needed - violation.value.keys()):
        place = (*violation.place, key)
        yield document.fault(place, _expected(properties[key], violation.package), "nothing", hint)
