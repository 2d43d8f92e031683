"""The journal: on disk before the change, one writer, a torn line lost, resuming by request."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from pvekit import masking
from pvekit.errors import Conflict, NotFound
from pvekit.journal import Journal, Store
from pvekit.journal.journal import read


@pytest.fixture
def store(tmp_path):
    return Store.of({"XDG_STATE_HOME": str(tmp_path)}, tmp_path)


def test_the_files_are_private(store):
    journal = store.begin("vm create", {"role": "worker"})
    assert journal.path.stat().st_mode & 0o777 == 0o600
    assert store.directory.stat().st_mode & 0o777 == 0o700


def test_without_the_variable_it_lies_under_home(tmp_path):
    assert Store.of({}, tmp_path).directory == tmp_path / ".local/state/pvekit/runs"


def test_each_event_is_on_disk_at_once(store):
    journal = store.begin("vm create", {})
    assert journal.started("vm/a/clone") == 1
    assert journal.started("vm/a/clone") == 2
    events = [json.loads(line) for line in journal.path.read_text().splitlines()]
    assert [event["event"] for event in events] == ["run", "started", "started"]


def test_there_is_one_writer(store):
    journal = store.begin("vm create", {})
    with pytest.raises(Conflict):
        Journal(journal.path)
    journal.close()
    Journal(journal.path).close()


def test_a_torn_last_line_is_lost_and_cut_off(store):
    journal = store.begin("vm create", {"n": 1})
    journal.started("vm/a/clone")
    journal.close()
    with journal.path.open("ab") as file:
        file.write(b'{"event":"done","ke')
    again = Journal(journal.path)
    assert again.touched() == {"vm/a/clone"}
    again.done("vm/a/clone")
    assert [event["event"] for event in read(again.path).events] == ["run", "started", "done"]


def test_a_run_on_another_site_is_another_request(store):
    here, there = Store(store.directory, "pve1=a:22"), Store(store.directory, "pve1=b:22")
    journal = here.begin("vm create", {"role": "worker"})
    journal.close()
    assert there.unfinished("vm create", {"role": "worker"}) is None
    assert here.unfinished("vm create", {"role": "worker"}).run == journal.run


def test_an_identical_unfinished_request_is_found(store):
    journal = store.begin("vm create", {"role": "worker", "tags": []})
    journal.close()
    found = store.unfinished("vm create", {"tags": [], "role": "worker"})
    assert found is not None
    assert found.run == journal.run


@pytest.mark.parametrize(
    ("kind", "request_"), [("vm create", {"role": "master"}), ("template build", {"role": "w"})]
)
def test_another_request_is_not(store, kind, request_):
    store.begin("vm create", {"role": "w"}).close()
    assert store.unfinished(kind, request_) is None


def test_a_finished_run_or_a_living_one_is_not(store):
    done = store.begin("vm create", {})
    done.finished(0)
    done.close()
    living = store.begin("vm create", {})
    assert store.unfinished("vm create", {}) is None
    living.close()


def test_the_last_decision_counts_and_a_dropped_one_does_not(store):
    journal = store.begin("vm create", {})
    journal.decided({"vm/a": {"vmid": 1}, "vm/b": {"vmid": 3}})
    journal.started("vm/b/clone")
    journal.started("vm/a/clone")
    journal.decided({"vm/a": {"vmid": 2}}, instead_of=["vm/b"])
    assert journal.touched() == {"vm/a/clone"}
    assert journal.decisions() == {"vm/a": {"vmid": 2}}


def test_a_run_is_opened_by_the_beginning_of_its_id(store):
    journal = store.begin("vm create", {})
    journal.close()
    assert store.open(journal.run[:5]).run == journal.run
    with pytest.raises(NotFound):
        store.open("zzz")


def test_a_decision_stays_as_it_is_even_if_a_word_of_it_is_a_password(store, monkeypatch):
    monkeypatch.setattr(masking, "_values", {"ubuntu", "worker"})
    masking._pattern.cache_clear()
    decisions = {"vm/worker": {"spec": {"user": "ubuntu", "role": "worker"}}}
    with closing(store.begin("vm create", {})) as journal:
        journal.decided(decisions)
        journal.started("vm/worker/clone")
        journal.failed("vm/worker/clone", "ubuntu was refused")
    masking._pattern.cache_clear()
    with closing(store.open(journal.run)) as again:
        assert again.decisions() == decisions
        assert again.has_failed("vm/worker/clone")
        assert again.events[-1]["why"] == "*** was refused"
