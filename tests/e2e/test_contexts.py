"""Sites by name: what is asked and what is listed says which one it is about."""

from __future__ import annotations

import os
import shutil
from unittest.mock import patch

import pytest
from live import STANDALONE, live_site


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    with live_site(tmp_path_factory.mktemp("contexts"), STANDALONE) as site:
        file = site.home / ".config" / "pvekit" / "contexts" / "lab.yaml"
        file.parent.mkdir(parents=True)
        shutil.copy(site.config, file)
        (file.parent.parent / "config.yaml").write_text("naming: {prefix: shared}\n")
        yield site


def by_name(live, *words):
    """A command line in which nothing but the context names a site."""
    changed = {"HOME": str(live.home), "XDG_STATE_HOME": str(live.home / "state")}
    with patch.object(type(live), "environ", changed), patch.dict(os.environ):
        os.environ.pop("PVEKIT_CONFIG", None)
        return live.pvekit(*words)


def test_runs_and_questions_name_their_site(live, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    live.order("start-fails")
    assert by_name(live, "--context", "lab", "template", "build").status != 0
    (run,) = by_name(live, "run", "list", "-o", "json").rows
    assert run["context"] == "lab"
    head, row = by_name(live, "run", "list").out.splitlines()
    assert head.split()[-1] == "CONTEXT"
    assert row.split()[-1] == "lab"
    asked = by_name(live, "--context", "lab", "run", "rollback", run["run"])
    assert asked.status == 2
    assert f"[lab] Remove what run {run['run']} has made?" in asked.err


def test_a_context_that_was_chosen_counts_where_no_project_speaks(live, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert by_name(live, "node", "list").status == 2
    assert by_name(live, "config", "use", "lab").status == 0
    assert by_name(live, "node", "list").status == 0
    origins = by_name(live, "config", "view", "--origin", "-o", "json").rows
    (prefix,) = [row for row in origins if row["key"] == "naming.prefix"]
    assert prefix["value"] == "shared"
    assert prefix["origin"].endswith("/.config/pvekit/config.yaml:1")
    (tmp_path / "config.yaml").write_text("naming: {prefix: mine}\n")
    assert "proxmox_nodes" in by_name(live, "node", "list").err
    assert by_name(live, "config", "use", "--none").status == 0
    names = by_name(live, "config", "contexts", "-o", "name")
    assert names.out == "context/lab\n"


def test_both_words_for_a_site_at_once_are_refused(live):
    answer = by_name(live, "--context", "lab", "--config", "x", "node", "list")
    assert answer.status == 2
    assert "give one of them" in answer.err
