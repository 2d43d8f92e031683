"""The JSON Schema of the configuration, and what in a value violates it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from pvekit.config.document import Value
from pvekit.config.faults import Place
from pvekit.config.satisfying import satisfies

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

Schema = dict[str, Any]

CONFIG = "pvekit.config"
"""The package whose ``schema.json`` describes the configuration."""


@dataclass(frozen=True)
class Violation:
    """One keyword of the schema that a value at a place does not satisfy.

    With `of_key` the value is a key of the mapping at the place; `package` is whose schema it is.
    """

    place: Place
    keyword: str
    wanted: Any
    schema: Schema
    value: Any
    of_key: bool
    package: str = CONFIG


@cache
def load(package: str = CONFIG) -> Schema:
    """Return the JSON Schema (draft 2020-12) of a package's files."""
    text = (resources.files(package) / "schema.json").read_text(encoding="utf-8")
    schema: Schema = json.loads(text)
    return schema


def resolved(schema: Schema, package: str = CONFIG) -> Schema:
    """Return a schema together with what it refers to; its own words win."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    definition: Schema = load(package)["$defs"][reference.rpartition("/")[2]]
    return {**definition, **schema}


def at(place: Place) -> Schema:
    """Return the schema of a place; an empty one where none is known."""
    schema = load()
    for step in place:
        schema = resolved(schema)
        inner = schema.get("items") if isinstance(step, int) else None
        if isinstance(step, str):
            inner = schema.get("properties", {}).get(step, schema.get("additionalProperties"))
        if not isinstance(inner, dict):
            return {}
        schema = inner
    return resolved(schema)


def places(place: Place = ()) -> Iterator[Place]:
    """Yield the places of all keys whose names the schema gives, outer ones first."""
    for key in at(place).get("properties", {}):
        yield (*place, key)
        yield from places((*place, key))


def is_secret(place: Place) -> bool:
    """Whether what stands at a place, or in it, must never be shown."""
    return bool(at(place).get("writeOnly"))


def is_local_path(place: Place, written: str = "") -> bool:
    """Whether the text at a place is a path: every one, or those like ``x-local-path`` there."""
    told = at(place).get("x-local-path")
    return told is True or (isinstance(told, str) and re.search(told, written) is not None)


def violations(value: Value, package: str = CONFIG) -> list[Violation]:
    """Return all that is wrong with the values of a file."""
    schema = load(package)
    if satisfies(value, schema, schema):
        return []
    return [_violation(error, package) for error in validator(package).iter_errors(value)]


def _violation(error: ValidationError, package: str) -> Violation:
    schema: Any = error.schema
    return Violation(
        place=tuple(error.absolute_path),
        keyword=str(error.validator),
        wanted=error.validator_value,
        schema=schema,
        value=error.instance,
        of_key="propertyNames" in error.absolute_schema_path,
        package=package,
    )


@cache
def validator(package: str = CONFIG) -> Validator:
    """Return what judges the values of a package's files, by jsonschema."""
    from jsonschema import Draft202012Validator, ValidationError, validators

    def whole_match(
        _validator: Validator, pattern: str, instance: object, _schema: Schema
    ) -> Iterator[ValidationError]:
        # `$` of Python also matches before a final line break, which a command line must not get.
        if isinstance(instance, str) and not re.fullmatch(pattern, instance):
            yield ValidationError(f"does not match {pattern}")

    # JSON Schema takes 2.0 for an integer; `qm` does not.
    types = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    strict: type[Validator] = validators.extend(  # type: ignore[no-untyped-call]
        Draft202012Validator, {"pattern": whole_match}, type_checker=types
    )
    return strict(load(package), format_checker=Draft202012Validator.FORMAT_CHECKER)
