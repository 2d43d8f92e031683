"""What is kept of the real programs' schemas: names, types and limits, no prose."""

import json
import re
from collections.abc import Iterable, Mapping

KEPT = {
    "alias": "alias",
    "default_key": "default_key",
    "enum": "enum",
    "format": "format",
    "keyAlias": "key_alias",
    "maximum": "maximum",
    "maxLength": "max_length",
    "minimum": "minimum",
    "minLength": "min_length",
    "pattern": "pattern",
    "requires": "requires",
    "type": "type",
}
RETURNED = ("optional", "print_width", "renderer", "title", "type")
NAMED: dict[str, Mapping] = {}
"""The property strings that have a name of their own."""
MEMBERS: dict[str, list[str]] = {}
"""The words that lists of a format may hold."""


def reduced(spec: Mapping) -> dict:
    """One option without descriptions, defaults and nulls."""
    kept = {KEPT[key]: value for key, value in spec.items() if key in KEPT and value is not None}
    kept = {key: value for key, value in kept.items() if (key, value) != ("type", "string")}
    if str(kept.get("format")) in MEMBERS:
        kept["members"] = MEMBERS[kept["format"]]
    if "pattern" in kept:
        kept["pattern"] = python_pattern(kept["pattern"])
    if not spec.get("optional", 0) and not spec.get("alias"):
        kept["required"] = True
    properties = spec.get("format_properties")
    if isinstance(spec.get("format"), Mapping):
        properties, kept["format"] = spec["format"], "property-string"
    else:
        properties = NAMED.get(kept.get("format", ""), properties)
    if properties:
        kept["properties"] = {name: reduced(part) for name, part in sorted(properties.items())}
    if spec.get("type") == "array":
        kept["items"] = {
            k: v for k, v in reduced(spec.get("items") or {}).items() if k != "required"
        }
    return kept


def python_pattern(pattern: str) -> str:
    """Perl shows a compiled pattern with its flags in front: ``(?^i:...)``."""
    return re.sub(r"\(\?\^u?", "(?", pattern)


def with_lost_patterns(spec: dict, others: Iterable[Mapping]) -> dict:
    """The tables lack compiled patterns, which the API's schema has for the same option."""
    for other in others:
        spec = _patched(spec, other)
    return spec


def _patched(spec: Mapping, other: Mapping) -> dict:
    found = dict(spec)
    if "pattern" in other and _bare(spec) == _bare(other):
        found.setdefault("pattern", other["pattern"])
    if "properties" in spec:
        theirs = other.get("properties", {})
        found["properties"] = {
            name: _patched(part, theirs.get(name, {})) for name, part in spec["properties"].items()
        }
    return found


def _bare(spec: Mapping) -> dict:
    apart = {"pattern", "required", "numbers", "asked", "properties"}
    return {key: value for key, value in spec.items() if key not in apart}


def returned(spec: Mapping) -> dict:
    """What a method answers with, as far as the text output depends on it."""
    kept = {key: spec[key] for key in RETURNED if spec.get(key) is not None}
    if "maxLength" in spec:
        kept.setdefault("print_width", spec["maxLength"])  # a table cuts after so many characters
    if properties := spec.get("properties"):
        kept["properties"] = {name: returned(part) for name, part in sorted(properties.items())}
    if isinstance(spec.get("items"), Mapping):
        kept["items"] = returned(spec["items"])
    return kept


def child(spec: Mapping) -> str:
    """The property that names a directory's children, or nothing."""
    links = [link["href"] for link in spec.get("links") or () if link.get("rel") == "child"]
    return links[0].strip("{}") if links else ""


class Specs:
    """Options that several commands share are written once and named."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], str] = {}
        self.by_name: dict[str, Mapping] = {}

    def name(self, option: str, spec: Mapping) -> str:
        """The name under which an option is kept: its own, or with a number for another kind."""
        key = (option, json.dumps(spec, sort_keys=True))
        if key not in self._names:
            count = sum(1 for known, _ in self._names if known == option)
            self._names[key] = f"{option}#{count + 1}" if count else option
            self.by_name[self._names[key]] = spec
        return self._names[key]

    def names(self, options: Mapping[str, Mapping]) -> list[str]:
        """The names of all options of a command."""
        return [self.name(option, spec) for option, spec in sorted(options.items())]


def lines(entries: Mapping[str, object]) -> str:
    """A JSON object with one entry per line."""
    rows = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in entries.items()]
    return "{\n" + ",\n".join(rows) + "\n}"


def document(parts: Mapping[str, Mapping]) -> str:
    """A JSON object of such objects."""
    rows = [f"{json.dumps(key)}: {lines(value)}" for key, value in parts.items()]
    return "{\n" + ",\n".join(rows) + "\n}\n"


def joined(names: Iterable[str]) -> str:
    """Names as one word list."""
    return " ".join(names)
