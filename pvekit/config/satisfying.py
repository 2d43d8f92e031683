"""Whether values certainly satisfy a JSON Schema, without jsonschema, which takes long to import.

Nearly every configuration is without a fault, and then nothing else is asked. What this does not
know for certain it does not vouch for: then jsonschema says what is wrong, if anything is.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any

Schema = Mapping[str, Any]
Value = Any

_KINDS: dict[str, tuple[type, ...]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
}
_FORMATS: dict[str, Callable[[str], object]] = {
    "ipv4": ipaddress.IPv4Address,
    "ipv6": ipaddress.IPv6Address,
}
_SAYS_NOTHING = frozenset(
    (
        *("title", "description", "default", "$schema", "$defs", "$id", "$comment"),
        *("writeOnly", "x-local-path", "additionalProperties"),
    )
)
"""What limits no value; ``additionalProperties`` is looked at together with ``properties``."""


def satisfies(value: Value, schema: Schema, whole: Schema) -> bool:
    """Whether a value certainly satisfies a schema, whose references lead into the whole one."""
    for keyword, wanted in schema.items():
        if keyword in _SAYS_NOTHING:
            continue
        rule = _RULES.get(keyword)
        if rule is None or not rule(value, wanted, schema, whole):
            return False
    return _further(value, schema, whole)


def _further(value: Value, schema: Schema, whole: Schema) -> bool:
    """Whether the keys are allowed that ``properties`` does not name."""
    further = schema.get("additionalProperties", True)
    if further is True or not isinstance(value, dict):
        return True
    others = [inner for key, inner in value.items() if key not in schema.get("properties", {})]
    if further is False:
        return not others
    return all(satisfies(inner, further, whole) for inner in others)


def _is_a(value: Value, kinds: str | list[str]) -> bool:
    listed = [kinds] if isinstance(kinds, str) else kinds
    return any(type(value) in _KINDS[kind] for kind in listed)


def _referred(value: Value, reference: str, whole: Schema) -> bool:
    place, _, name = reference.rpartition("/")
    definition = whole.get("$defs", {}).get(name)
    return place == "#/$defs" and definition is not None and satisfies(value, definition, whole)


def _has_properties(value: Value, wanted: Schema, whole: Schema) -> bool:
    if not isinstance(value, dict):
        return True
    return all(satisfies(value[key], inner, whole) for key, inner in wanted.items() if key in value)


def _depends(value: Value, wanted: Mapping[str, list[str]]) -> bool:
    if not isinstance(value, dict):
        return True
    return all(set(others) <= value.keys() for key, others in wanted.items() if key in value)


def _formatted(value: Value, wanted: str) -> bool:
    try:
        _FORMATS[wanted](value)
    except (KeyError, ValueError):
        return False
    return isinstance(value, str) and "%" not in value


def _is_number(value: Value) -> bool:
    return type(value) in (int, float)


_Rule = Callable[[Any, Any, Schema, Schema], bool]

_RULES: dict[str, _Rule] = {
    "$ref": lambda value, wanted, _, whole: _referred(value, wanted, whole),
    "type": lambda value, wanted, *_: _is_a(value, wanted),
    "enum": lambda value, wanted, *_: any(
        type(value) is type(each) and value == each for each in wanted
    ),
    "pattern": lambda value, wanted, *_: (
        not isinstance(value, str) or re.fullmatch(wanted, value) is not None
    ),
    "format": lambda value, wanted, *_: _formatted(value, wanted),
    "minLength": lambda value, wanted, *_: not isinstance(value, str) or len(value) >= wanted,
    "maxLength": lambda value, wanted, *_: not isinstance(value, str) or len(value) <= wanted,
    "minimum": lambda value, wanted, *_: not _is_number(value) or value >= wanted,
    "maximum": lambda value, wanted, *_: not _is_number(value) or value <= wanted,
    "exclusiveMinimum": lambda value, wanted, *_: not _is_number(value) or value > wanted,
    "minItems": lambda value, wanted, *_: not isinstance(value, list) or len(value) >= wanted,
    "items": lambda value, wanted, _, whole: (
        not isinstance(value, list) or all(satisfies(each, wanted, whole) for each in value)
    ),
    "properties": lambda value, wanted, _, whole: _has_properties(value, wanted, whole),
    "propertyNames": lambda value, wanted, _, whole: (
        not isinstance(value, dict) or all(satisfies(key, wanted, whole) for key in value)
    ),
    "required": lambda value, wanted, *_: (
        not isinstance(value, dict) or set(wanted) <= value.keys()
    ),
    "dependentRequired": lambda value, wanted, *_: _depends(value, wanted),
    "anyOf": lambda value, wanted, _, whole: any(satisfies(value, each, whole) for each in wanted),
}

KEYWORDS = _SAYS_NOTHING | _RULES.keys()
"""The keywords of JSON Schema that are known here."""
