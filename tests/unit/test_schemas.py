"""The published schema: complete, current, and never changed so that a reader breaks."""

from __future__ import annotations

import copy
import importlib
import json
import pkgutil
from pathlib import Path

import jsonschema
import pytest
from documents import broken

import pvekit.cli
from pvekit.cli.handler import run
from pvekit.cli.output import API_VERSION, View
from pvekit.schemas import schema, text

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden/documents-v1.json"
KINDS = schema()["$defs"]


def views() -> dict[str, View]:
    modules = [
        importlib.import_module(f"pvekit.cli.{each.name}")
        for each in pkgutil.iter_modules(pvekit.cli.__path__)
    ]
    found = [value for each in modules for value in vars(each).values() if isinstance(value, View)]
    return {view.kind: view for view in found}


def test_it_is_a_schema_of_this_version():
    jsonschema.Draft202012Validator.check_schema(schema())
    for kind, each in KINDS.items():
        assert each["properties"]["apiVersion"] == {"const": API_VERSION}
        assert each["properties"]["kind"] == {"const": kind}
    assert [ref["$ref"] for ref in schema()["oneOf"]] == [f"#/$defs/{kind}" for kind in KINDS]


@pytest.mark.parametrize("kind", sorted(views()))
def test_every_kind_that_is_printed_has_its_schema(kind):
    view = views()[kind]
    found = [KINDS[name] for name in (kind, f"{kind}List") if name in KINDS]
    assert found, f"describe {kind} or {kind}List in pvekit/schemas/v1.json"
    rows = [
        each["properties"]["items"]["items"] if "items" in each["properties"] else each
        for each in found
    ]
    shown = {*view.columns, *view.wide} - {*view.passing}
    assert all(shown & row["properties"].keys() for row in rows), "columns are keys of the data"


def test_what_was_promised_is_kept():
    golden = json.loads(GOLDEN.read_text())["$defs"]
    gone = [f"{kind} is gone" for kind in golden if kind not in KINDS]
    changed = [
        fault for kind, old in golden.items() for fault in broken(old, KINDS.get(kind, {}), kind)
    ]
    assert gone + changed == [], "this needs a new version, beside this one"


def test_what_was_added_is_promised_from_now_on():
    assert GOLDEN.read_text() == text(), "if only things were added: copy v1.json over the golden"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda vm: vm["properties"].pop("node"), "Vm.node: is not described any more"),
        (lambda vm: vm["required"].remove("node"), "Vm.node: may be missing"),
        (lambda vm: vm["properties"]["node"].update(type="integer"), "Vm.node: may be integer"),
        (
            lambda vm: vm["properties"]["node"].update(type=["string", "null"]),
            "Vm.node: may be null",
        ),
        (lambda vm: vm["properties"]["node"].pop("type"), "Vm.node: may be anything"),
        (lambda vm: vm["properties"]["kind"].update(const="X"), "Vm.kind: is not Vm any more"),
        (
            lambda vm: vm["properties"]["config"]["additionalProperties"].update(type="integer"),
            "Vm.config[]: may be integer",
        ),
    ],
)
def test_an_incompatible_change_is_seen(change, fault):
    new = copy.deepcopy(KINDS["Vm"])
    change(new)
    assert fault in list(broken(KINDS["Vm"], new, "Vm"))


def test_an_addition_is_compatible():
    new = copy.deepcopy(KINDS["Vm"])
    new["properties"]["colour"] = {"type": "string"}
    new["required"].append("colour")
    assert list(broken(KINDS["Vm"], new, "Vm")) == []


def test_the_schema_is_printed(capsys):
    assert run(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == schema()


def test_the_documents_name_every_kind():
    told = (ROOT / "docs/output.md").read_text()
    assert [kind for kind in KINDS if f"`{kind}`" not in told] == []
