"""Runs as they are listed, and which journals go when they are pruned."""

from __future__ import annotations

import fcntl
import os

import pytest

from pvekit.journal import Journal, Store
from pvekit.journal.account import Account
from pvekit.operations import runs
from pvekit.operations.run_showing import steps

DAY = 86400.0
NOW = 1_000 * DAY


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "pvekit" / "runs")


def run(store, days, *told):
    """A run whose journal was written so many days ago."""
    begun = store.begin("vm create", {"asked": {}})
    begun.close()
    begun.path.write_text("")
    journal = Journal(begun.path, now=lambda: NOW - days * DAY)
    journal.begin("vm create", "", {"asked": {}})
    for tell in told:
        tell(journal)
    journal.close()
    return journal.run


def cloned(journal):
    journal.decided({"vm/web": {"at": {"vmid": 101, "node": "pve1"}}})
    journal.started("vm/web/clone")


def ended(journal):
    journal.finished(0)


def taken_back(journal):
    journal.rolling_back()
    journal.finished(0)


@pytest.mark.parametrize("text", ["", '{"time":1.0,"event":"run"'], ids=["empty", "torn"])
def test_a_journal_that_got_no_word_goes_too_unless_it_may_be_just_begun(store, text):
    run(store, 40, cloned)
    dead = store.directory / "0123abcd.jsonl"
    dead.write_text(text)
    os.utime(dead, (NOW - 60, NOW - 60))
    assert runs.prune(store, 0.0, now=NOW).removed == []
    os.utime(dead, (NOW - 2 * DAY, NOW - 2 * DAY))
    with dead.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert runs.prune(store, DAY, now=NOW).removed == []
    foreseen = runs.prune(store, DAY, now=NOW, dry_run=True).removed
    assert dead.exists()
    assert runs.prune(store, DAY, now=NOW).removed == foreseen
    assert [(each.run, each.state) for each in foreseen] == [("0123abcd", "empty")]
    assert not dead.exists()


def test_only_what_has_ended_and_is_old_goes(store):
    old = run(store, 40, cloned, ended)
    back = run(store, 40, cloned, taken_back)
    open_ = run(store, 40, cloned)
    half = run(store, 40, cloned, Journal.rolling_back)
    young = run(store, 20, cloned, ended)
    foreseen = runs.prune(store, 30 * DAY, now=NOW, dry_run=True)
    assert {r.run for r in foreseen.removed} == {old, back}
    assert len(list(store.directory.iterdir())) == 5
    pruned = runs.prune(store, 30 * DAY, now=NOW)
    assert {r.run for r in pruned.removed} == {old, back}
    assert {(r.run, why) for r, why in pruned.kept} == {
        (open_, "it is unfinished"),
        (half, "it is rolling back"),
    }
    assert {path.stem for path in store.directory.iterdir()} == {open_, half, young}


def test_a_run_that_is_carried_out_is_told_as_running_and_kept(store):
    name = run(store, 40, cloned)
    journal = store.open(name)
    assert [each.state for each in runs.listed(store)] == ["running"]
    assert [why for _, why in runs.prune(store, DAY, now=NOW).kept] == ["it is running"]
    journal.close()
    assert [each.state for each in runs.listed(store)] == ["unfinished"]


def test_the_list_says_what_was_made_and_how_it_ended(store):
    run(store, 3, cloned, ended)
    run(store, 2, cloned)
    run(store, 1, cloned, taken_back)
    told = {each.state: (each.status, each.made) for each in runs.listed(store)}
    assert told == {
        "finished": (0, "web (VM 101 on pve1)"),
        "unfinished": (None, "web (VM 101 on pve1)"),
        "rolled back": (0, ""),
    }
    assert [each.state for each in runs.listed(store, unfinished=True)] == ["unfinished"]


@pytest.mark.parametrize(
    ("seconds", "says"), [(0, "0s"), (59, "59s"), (60, "1m"), (7200, "2h"), (40 * DAY, "40d")]
)
def test_an_age_is_told_in_its_largest_unit(seconds, says):
    assert runs.age(seconds) == says


def told(*events):
    found = steps(Account("1", [{"time": at * 1.0, **event} for at, event in enumerate(events)]))
    return {step["step"]: (step["state"], step["attempts"], step["error"]) for step in found}


def step(event, key="vm/a/clone", **more):
    return {"event": event, "key": key, **more}


PASSED = {"state": "done", "seconds": 1.0, "says": ""}


def test_a_step_is_told_as_it_went_last():
    started, done = step("started", undo=False), step("done")
    assert told(started) == {"clone": ("started", 1, "")}
    assert told(started, done, step("passed", **PASSED)) == {"clone": ("done", 1, "")}
    broken = step("passed", state="failed", seconds=2.0, says="full")
    assert told(started, step("failed", why="full"), broken) == {"clone": ("failed", 1, "full")}
    assert told(started, broken, started) == {"clone": ("started", 2, "")}
    held = step("passed", state="held", seconds=0.0, says="")
    assert told(started, done, held) == {"clone": ("done", 1, "")}
    assert told(held) == {"clone": ("held", 0, "")}


def test_a_note_that_a_vm_stays_is_no_step(store):
    def kept(journal):
        journal.done("vm/web/clone")
        journal.kept("vm/web")

    told = steps(store.look(run(store, 1, cloned, kept)).account)
    assert [step["step"] for step in told] == ["clone"]
