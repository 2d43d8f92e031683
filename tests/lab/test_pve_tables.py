"""The lab's option tables are those of the real programs, without their prose."""

import json
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "../shared/pve"
KEPT = {
    "alias": "alias",
    "default_key": "default_key",
    "enum": "enum",
    "format": "format",
    "keyAlias": "key_alias",
    "maximum": "maximum",
    "maxLength": "max_length",
    "minimum": "minimum",
    "pattern": "pattern",
    "requires": "requires",
    "type": "type",
}
USAGES = {
    "qm": ("01-create", "qm"),
    "pvesh": ("04-pvesh-pvesm", "pvesh"),
    "pvesm": ("04-pvesh-pvesm", "pvesm"),
}


def reduced(spec):
    """One option without descriptions, defaults and nulls."""
    kept = {KEPT[key]: value for key, value in spec.items() if key in KEPT and value is not None}
    if not spec.get("optional", 0) and not spec.get("alias"):
        kept["required"] = True
    if "format_properties" in spec:
        kept["properties"] = {
            name: reduced(property_) for name, property_ in spec["format_properties"].items()
        }
    return kept


def collapsed(options):
    """Options by name; net0, net1, ... become one entry "net[n]" with the count of its numbers."""
    result = {}
    for name, spec in options.items():
        base = spec.get("same_format_as")
        if base is None:
            result[name] = reduced(spec)
    for base in [spec["same_format_as"] for spec in options.values() if "same_format_as" in spec]:
        stem = base.removesuffix("0") + "[n]"
        if base in result:
            result[stem] = {**result.pop(base), "numbers": 1}
        result[stem]["numbers"] += 1
    return dict(sorted(result.items()))


def usage_groups(program):
    """The commands in the order and groups of the program's own usage text."""
    recording, line = USAGES[program]
    for entry in map(json.loads, (SHARED / f"transcripts/{recording}.jsonl").open()):
        if entry["cmd"] == line:
            groups = entry["stderr"].split("\n\n")[1:-1]
            words = rf"^ +{program} ((?:[a-z][a-z-]* ?)+)"
            return [[found.strip() for found in re.findall(words, g, re.M)] for g in groups]
    raise LookupError(line)


def tables(program) -> Mapping[str, object]:
    """What the lab keeps of one program."""
    source = json.loads((SHARED / f"8.4/cli-{program}.json").read_text())
    names = {name.removeprefix(f"{program} "): entry for name, entry in source.items()}
    if program == "qm":  # the program asks for this one by itself
        names["guest passwd"]["options"]["password"]["optional"] = 1
    return {
        "aliases": {name: entry["alias"] for name, entry in names.items() if "alias" in entry},
        "commands": {
            name: {"args": entry["args"], "options": collapsed(entry["options"])}
            for name, entry in names.items()
            if "alias" not in entry
        },
        "usage": usage_groups(program),
    }


@pytest.mark.skipif(not SHARED.exists(), reason="the real programs' tables are not here")
@pytest.mark.parametrize("program", ["qm", "pvesh", "pvesm"])
def test_tables_are_those_of_the_real_programs(program):
    ours = json.loads(resources.files("pvekit.lab.data").joinpath(f"{program}.json").read_text())
    assert ours == tables(program)
