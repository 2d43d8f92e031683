"""Every error has an id, every id a text, and every text an error."""

from __future__ import annotations

import ast
import importlib
import json
import re
from functools import cache
from pathlib import Path

import pytest
import yaml

import pvekit
from pvekit import errors, explanations
from pvekit.cli.handler import run
from pvekit.errors import PvekitError

ROOT = Path(pvekit.__file__).parent
ID = re.compile(r"[A-Z]+(-[A-Z]+)*")


@cache
def product():
    paths = [p for p in sorted(ROOT.rglob("*.py")) if "lab" not in p.relative_to(ROOT).parts]
    return [(path, ast.parse(path.read_text())) for path in paths]


@cache
def import_all():
    for path, _ in product():
        if path.stem != "__main__":
            parts = path.relative_to(ROOT.parent).with_suffix("").parts
            importlib.import_module(".".join(parts).removesuffix(".__init__"))


def classes(kind=PvekitError):
    import_all()
    return {kind, *(each for below in kind.__subclasses__() for each in classes(below))}


def given_ids():
    """Ids that stand in the code beside those of the classes: written out wherever they are."""
    for path, tree in product():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if re.fullmatch(r"[A-Z]+(-[A-Z]+)+", node.value):
                    yield node.value, path
            elif isinstance(node, ast.Call):
                for keyword in node.keywords:
                    literal = isinstance(keyword.value, ast.Constant)
                    if keyword.arg in ("id", "late_id") and literal and keyword.value.value:
                        yield keyword.value.value, path


def test_every_id_has_a_text_and_every_text_an_id():
    used = {each.id for each in classes()} | {identity for identity, _ in given_ids()}
    assert set(explanations.ids()) == used


def test_no_error_without_a_kind_goes_by_the_id_of_all():
    """A bare PvekitError says nothing by its class, so it must say its id."""
    bare = []
    for path, tree in product():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                named = {keyword.arg for keyword in node.keywords}
                if node.func.id == "PvekitError" and "id" not in named:
                    bare.append(f"{path}:{node.lineno}")
    assert bare == []


def test_two_kinds_of_error_do_not_share_an_id():
    own = [each for each in classes() if "id" in vars(each)]
    assert len({each.id for each in own}) == len(own)


@pytest.mark.parametrize("identity", explanations.ids())
def test_a_text_is_whole_and_short(identity):
    assert ID.fullmatch(identity)
    path = ROOT / "explanations" / f"{identity}.yaml"
    data = yaml.safe_load(path.read_text())
    assert {"title", "means", "mend"} <= data.keys() <= {"title", "means", "causes", "look", "mend"}
    each = explanations.explanation(identity)
    assert each.causes or each.look
    for line in (each.title, each.means, *each.causes, *each.look, *each.mend):
        assert isinstance(line, str)
        assert 0 < len(line) <= 250, line
        assert line.count("`") % 2 == 0, line
        assert line.isprintable()
        assert line == line.strip()
    assert not each.title.endswith(".")
    assert each.means.endswith(".")


def test_the_document_is_current():
    path = ROOT.parent / "docs" / "troubleshooting.md"
    assert path.read_text() == explanations.document(), "run `make docs`"


def test_all_are_listed(capsys):
    assert run(["explain", "-o", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)["items"]
    assert [row["id"] for row in rows] == list(explanations.ids())
    assert run(["explain"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert listed == list(explanations.ids())


@pytest.mark.parametrize("written", ["SSH-HOST-KEY-CHANGED", "ssh-host-key-changed"])
def test_one_is_told(written, capsys):
    assert run(["explain", written]) == 0
    told = capsys.readouterr().out
    for part in ("SSH-HOST-KEY-CHANGED: ", "Usual causes:", "What to do:", "ssh-keygen -R HOST"):
        assert part in told
    assert run(["explain", written, "-o", "yaml"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["id"] == "SSH-HOST-KEY-CHANGED"


def test_a_typing_error_is_met_with_the_nearest_id(capsys):
    assert run(["explain", "ssh-host-key-chnaged"]) == 5
    told = capsys.readouterr()
    assert told.out == ""
    assert "did you mean 'SSH-HOST-KEY-CHANGED'?" in told.err
    assert told.err.endswith("explain: pvekit explain NOT-FOUND\n")


def test_an_error_keeps_its_own_id():
    assert errors.LockTimeout("x").id == "PVE-LOCK-TIMEOUT"
    assert errors.LockTimeout("x", id="VM-LOCKED").id == "VM-LOCKED"
    assert errors.LockTimeout.id == "PVE-LOCK-TIMEOUT"
