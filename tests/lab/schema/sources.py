"""The real programs' schemas, as they were exported."""

import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

SHARED = Path(__file__).parents[3] / "../shared/pve"
VERSIONS = ("8.4", "9.2")


def programs(version: str) -> list[str]:
    """The programs whose tables were exported."""
    found = sorted((SHARED / version).glob("cli-*.json"))
    return [path.stem.removeprefix("cli-") for path in found]


def commands(program: str, version: str) -> dict[str, Mapping]:
    """The commands of a program by name; of a program that is one command, under no name."""
    source = json.loads((SHARED / version / f"cli-{program}.json").read_text())
    return {name.removeprefix(program).strip(): entry for name, entry in source.items()}


def named_properties(version: str) -> dict[str, Mapping]:
    """The property strings that have a name: the API's schema only tells the name."""
    found = {}
    for program in programs(version):
        for entry in commands(program, version).values():
            for spec in entry.get("options", {}).values():
                if spec.get("format_properties") and spec["format"] != "property-string":
                    found[spec["format"]] = spec["format_properties"]
    return found


def nodes(version: str) -> Iterator[Mapping]:
    """All paths of the API, a directory before what is in it."""
    todo = json.loads(gzip.decompress((SHARED / version / "api-schema.json.gz").read_bytes()))
    while todo:
        node = todo.pop(0)
        yield node
        todo[:0] = node.get("children", ())


def parameters(method: Mapping) -> dict[str, Mapping]:
    """A method's parameters; those that only one type of a thing has are marked so."""
    schema = method.get("parameters") or {}
    found = dict(schema.get("properties") or {})
    for part in schema.get("allOf", ()):
        found |= part.get("properties") or {}
        for kind in part.get("oneOf", ()):
            for name, spec in kind["properties"].items():
                before = found.get(name, {}).get("instance-types", [])
                found[name] = {**spec, "instance-types": [*before, kind["instance-type"]]}
        if "type-property" in part:
            found[part["type-property"]] = part["type-property-schema"]
    return found


def privileges(version: str) -> list[str]:
    """All privileges: the properties of what the API tells of a role."""
    roles = next(node for node in nodes(version) if node["path"] == "/access/roles/{roleid}")
    return sorted(roles["info"]["GET"]["returns"]["properties"])
