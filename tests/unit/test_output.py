"""How data is printed: one mechanism, six formats."""

from __future__ import annotations

import csv
import io
import json

import click
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from pvekit.cli import rendering
from pvekit.cli.output import FORMATS, Form, View, emit, emit_one, format_option

VIEW = View("Thing", "thing/{name}", ("name", "ours"), wide=("tags", "note"), passing=("age",))
ROWS = [
    {"name": "a", "ours": True, "tags": ["x", "y"], "note": None, "more": {"k": 1}, "age": "3d"},
    {"name": "b c", "ours": False, "tags": [], "note": 'say "hi",\nyou', "more": {}, "age": "1h"},
]


@click.group()
@click.option("--quiet", "-q", is_flag=True)
def outer(quiet: bool) -> None:
    """What -q is said before."""


@outer.command()
@format_option
@click.option("--one", is_flag=True)
@click.option("--none", is_flag=True)
@click.option("--did", is_flag=True)
def things(form: Form, one: bool, none: bool, did: bool) -> None:
    """Print things."""
    view = View(VIEW.kind, VIEW.name, VIEW.columns, VIEW.wide, VIEW.passing, result=did)
    if one:
        emit_one(form, view, ROWS[0])
    else:
        emit(form, view, [] if none else ROWS, run="r1")


def told(*words: str):
    done = CliRunner().invoke(outer, words)
    assert done.exit_code == 0, done
    return done.stdout


def test_a_table_has_its_columns_and_wide_all_of_them():
    assert told("things") == "NAME    OURS\na       yes\nb c     no\n"
    assert told("things", "-o", "wide").splitlines()[0].split() == ["NAME", "OURS", "TAGS", "NOTE"]
    assert told("things", "-o", "wide", "--no-headers").splitlines()[0].split() == [
        "a", "yes", "x,", "y",
    ]  # fmt: skip


def test_a_document_has_its_version_and_kind_and_no_passing_values():
    document = json.loads(told("things", "-o", "json"))
    assert list(document) == ["apiVersion", "kind", "run", "items"]
    assert (document["apiVersion"], document["kind"], document["run"]) == (
        "pvekit/v1", "ThingList", "r1",
    )  # fmt: skip
    assert [row["name"] for row in document["items"]] == ["a", "b c"]
    assert not any("age" in row for row in document["items"])
    assert yaml.safe_load(told("things", "-o", "yaml")) == document
    one = json.loads(told("things", "--one", "-o", "json"))
    assert (one["kind"], one["name"]) == ("Thing", "a")
    assert "age" not in one


def test_names_are_those_of_kubectl():
    assert told("things", "-o", "name") == "thing/a\nthing/b c\n"
    assert told("things", "--one", "-o", "name") == "thing/a\n"


def test_csv_is_quoted_only_where_it_must_be():
    head = "name,ours,tags,note\n"
    rows = 'a,true,"[""x"",""y""]",\nb c,false,[],"say ""hi"",\nyou"\n'
    assert told("things", "-o", "csv") == head + rows
    assert told("things", "-o", "csv", "--no-headers") == rows


def test_one_thing_is_a_line_for_each_value():
    lines = told("things", "--one").splitlines()
    assert [line.split()[0] for line in lines[1:]] == [
        "name", "ours", "tags", "note", "more.k", "age",
    ]  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_is_told_in_every_format(form):
    out = told("things", "--none", "-o", form)
    if form == "json":
        assert json.loads(out)["items"] == []
    elif form == "yaml":
        assert yaml.safe_load(out)["items"] == []
    else:
        assert out == ("name,ours,tags,note\n" if form == "csv" else "")


def test_quiet_has_data_but_no_results_that_nobody_asked_for():
    assert told("-q", "things")
    assert told("-q", "things", "--did") == ""
    assert told("-q", "things", "--did", "--one") == ""
    assert told("-q", "things", "--did", "-o", "table")
    assert told("things", "--did")


@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_characters="\r\x00")), min_size=2, max_size=2),
        max_size=4,
    )
)
def test_what_was_written_as_csv_is_read_back(cells):
    rows = [{"a": left, "b": right} for left, right in cells]
    text = rendering.csv(rows, ("a", "b"), headers=True)
    found = list(csv.reader(io.StringIO(text + "\n", newline="")))
    assert found == [["a", "b"], *cells]


def test_data_cannot_hide_the_version():
    with pytest.raises(ValueError, match="kind"):
        emit_one(Form("json"), VIEW, {"name": "a", "kind": "b"})
