"""Documents held against their published schema, and schemas against older ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import jsonschema

from pvekit.schemas import schema


def checked(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document that its schema allows and that has nothing beside it."""
    kind = document["kind"]
    validator(kind).validate(document)
    return document


@cache
def validator(kind: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(strict(schema()["$defs"][kind]))


def strict(node: Any) -> Any:
    """Return a schema that allows no key that it does not name."""
    if isinstance(node, list):
        return [strict(each) for each in node]
    if not isinstance(node, dict):
        return node
    found = {key: strict(value) for key, value in node.items()}
    if isinstance(node.get("properties"), dict):
        found.setdefault("additionalProperties", False)
    return found


def broken(old: Mapping[str, Any], new: Mapping[str, Any], at: str = "") -> Iterator[str]:
    """Yield what a reader of documents of the old schema cannot rely on any more."""
    if "const" in old and old["const"] != new.get("const"):
        yield f"{at}: is not {old['const']} any more"
    if "type" in old:
        extra = types(new) - types(old)
        if extra:
            yield f"{at}: may be {', '.join(sorted(extra))}"
    for key in set(old.get("required", ())) - set(new.get("required", ())):
        yield f"{at}.{key}: may be missing"
    for key, value in old.get("properties", {}).items():
        if key in new.get("properties", {}):
            yield from broken(value, new["properties"][key], f"{at}.{key}")
        else:
            yield f"{at}.{key}: is not described any more"
    for key in ("items", "additionalProperties"):
        if isinstance(old.get(key), dict):
            yield from broken(old[key], new.get(key, {}), f"{at}[]")


def types(node: Mapping[str, Any]) -> set[str]:
    found = node.get("type", ["anything"])
    named = {found} if isinstance(found, str) else set(found)
    return named | ({"integer"} if "number" in named else set())
