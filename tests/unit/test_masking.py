"""Secrets: registered once, masked in whatever is told, noted or raised."""

from __future__ import annotations

import json
import shlex
from urllib.parse import quote

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from labsite import KEY, PLAN

from pvekit import masking
from pvekit.cli import say
from pvekit.cli.handler import run
from pvekit.cli.lazy import Entry
from pvekit.cli.root import TABLE
from pvekit.errors import PvekitError
from pvekit.journal import Store
from pvekit.masking import masked, register
from pvekit.shell import Secret


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(masking, "_values", set())
    masking._pattern.cache_clear()
    yield
    masking._pattern.cache_clear()


@given(st.text(st.characters(codec="utf-8"), min_size=6, max_size=30))
def test_no_form_of_a_secret_is_left(value):
    value = value.strip()
    if len(value) < 6 or "\n" in value or len(value.splitlines()) > 1:
        return
    register(value)
    forms = (value, shlex.quote(value), json.dumps(value), quote(value, safe=""))
    for form in forms:
        assert value not in masked(f"<{form}>")
        assert masking.HIDDEN in masked(f"<{form}>")


def test_a_short_secret_is_masked_where_it_stands_alone_and_a_shorter_one_is_none():
    register("root")
    assert masked("root is no uprooted root:root") == "*** is no uprooted ***:***"
    register("s")
    assert masked("1 s") == "1 s"


def test_each_line_of_a_key_is_masked_by_itself():
    register("-----BEGIN KEY-----\nAAAAB3NzaC1yc2E\nxy\n")
    assert masked("it said AAAAB3NzaC1yc2E, xy") == "it said ***, xy"


def test_the_longest_secret_wins():
    register("hunter22")
    register("hunter22-and-more")
    assert masked("hunter22-and-more hunter22") == "*** ***"


def test_a_secret_registers_itself():
    Secret("s3cret-token")
    assert masked("Bearer s3cret-token") == "Bearer ***"


def test_errors_journal_and_notes_are_masked(tmp_path, capsys):
    register("s3cret-token")
    error = PvekitError("No s3cret-token.", details="is s3cret-token", hint="s3cret-token?")
    assert "s3cret" not in f"{error} {error!r} {say.shown(error)}"
    journal = Store(tmp_path).begin("test", {"asked": {"token": "s3cret-token"}})
    journal.failed("vm/a/clone", "s3cret-token was refused")
    journal.close()
    assert "s3cret" not in "".join(path.read_text() for path in tmp_path.glob("*.jsonl"))
    say.begin()
    say.note("with s3cret-token")
    say.warn("with s3cret-token")
    assert "s3cret" not in capsys.readouterr().err


def test_the_traceback_of_a_bug_is_masked(tmp_path, monkeypatch, capsys):
    register("s3cret-token")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setitem(TABLE, "crash", Entry("s3cret-token:crash", "Crash."))
    assert run(["crash"]) == 3
    (file,) = tmp_path.glob("pvekit-bug-*")
    assert "***" in file.read_text()
    assert "s3cret" not in file.read_text() + capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("https://images.example/a.img?X-Signature=4bcdef0123", True),
        ("https://anna:4bcdef0123@images.example/a.img", False),
    ],
    ids=["a signed URL", "a user with a password"],
)
def test_the_token_of_a_url_is_told_nowhere(tmp_path, capsys, url, fits):
    data = yaml.safe_load(PLAN.read_text())
    data["vm_template"]["image_url"] = url
    data["cloud_init"]["ssh_public_key"] = KEY
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(data))
    path.chmod(0o600)
    for words in ("validate", "show"):
        run(["--config", str(path), "config", words])
        told = capsys.readouterr()
        assert told.out + told.err
        assert "4bcdef0123" not in told.out + told.err
    assert (run(["--config", str(path), "config", "validate"]) == 0) is fits
    assert "4bcdef0123" not in str(PvekitError(f"Cannot download {url}."))
