"""``vm delete`` of a VM that an unfinished run still has in its hands."""

from __future__ import annotations

import pytest
from labsite import Cut, Killed, desk_for, lab_site
from test_going_on import ONE, build

from pvekit.errors import Conflict
from pvekit.operations import creating, deleting, listing, runs, vm_wishes
from pvekit.operations.desk import Desk

NAME = "k8s-worker-1"
WORKER = vm_wishes.Request(role="worker", size="small")
TWO = vm_wishes.Request(role="worker", size="small", count=2)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    with lab_site(ONE) as site:
        assert build(desk_for(site, tmp_path_factory.mktemp("made"))).status == 0
        yield site, site.save()


@pytest.fixture
def site(saved):
    return saved[0].restored(saved[1])


@pytest.fixture
def desk(site, tmp_path):
    return desk_for(site, tmp_path)


def begin(desk: Desk, request=WORKER) -> str:
    """Begin a run and carry it out; whatever becomes of it."""
    journal = creating.begin(desk, request)
    try:
        creating.carry_out(desk, request, journal)
    except Killed:
        journal.close()  # as the death of its process does
    return journal.run


def states(desk: Desk) -> dict[str, str]:
    return {run.run: run.state for run in runs.listed(desk.store)}


@pytest.mark.parametrize(
    ("match", "when"),
    [
        ("qm set", "before"),
        ("qm set", "after"),
        ("qm set", "killed before"),
        ("qm start", "killed after"),
        ("sh -s -- sight", "killed before"),
    ],
)
def test_a_dead_run_gives_its_vm_up(site, desk, match, when):
    """Between clone and configuration the run holds its claims, in the wait for the guest none."""
    before = site.picture()
    site.cut = Cut(0, when, match=match)
    dead = begin(desk)
    site.cut = None
    assert states(desk)[dead] == "unfinished"
    found = deleting.decided(desk, [NAME], 60)
    (taken,) = found.taken
    assert (taken.run, taken.subjects) == (dead, (f"vm/{NAME}",))
    report = deleting.carry_out(desk, found)
    assert report.status == 0, report.errors
    assert states(desk) == {dead: "rolled back", report.run: "finished"}
    assert site.picture() == before


def test_a_preview_shows_what_is_sent(site, desk):
    site.cut = Cut(0, "before", match="qm set")
    dead = begin(desk)
    site.cut = None
    site.forget_programs()
    seen = deleting.foresee(desk, deleting.decided(desk, [NAME], 60))
    assert [step.verb for step in seen.pending][:2] == ["take-over@pve1", "claim@pve1"]
    assert "release name-k8s-worker-1 vmid-100 on pve1" in str(seen.pending[0].changes[0])
    assert site.programs(changes=True) == []
    assert states(desk) == {dead: "unfinished"}


def test_a_run_at_work_keeps_its_vm(site, desk):
    site.cut = Cut(0, "before", match="qm set")
    run = begin(desk)
    site.cut = None
    journal = desk.store.open(run)
    with pytest.raises(Conflict, match=f"VM 100 .* is being worked on by run {run}") as refusal:
        deleting.decided(desk, [NAME], 60)
    assert "process" in refusal.value.hint
    journal.close()


def test_a_vm_that_a_run_at_work_has_finished_may_go(site, desk):
    site.cut = Cut(1, "before", match="qm set")
    run = begin(desk, TWO)
    site.cut = None
    whole = next(name for name in ("k8s-worker-1", "k8s-worker-2") if _kept(desk, run, name))
    journal = desk.store.open(run)
    assert deleting.carry_out(desk, deleting.decided(desk, [whole], 60)).status == 0
    journal.close()


def test_a_dead_run_goes_on_without_the_vm_that_was_taken(site, desk):
    site.cut = Cut(0, "killed before", match="qm set")
    dead = begin(desk, TWO)
    site.cut = None
    left = {"k8s-worker-1", "k8s-worker-2"}
    left.discard(NAME)
    assert deleting.carry_out(desk, deleting.decided(desk, [NAME], 60)).status == 0
    assert states(desk)[dead] == "unfinished"
    journal = desk.store.open(dead)
    found, report = creating.carry_out(desk, TWO, journal)
    assert report.status == 0, report.errors
    assert {spec.name for spec, _ in found.decisions} == left


def test_a_dead_run_whose_other_vms_are_whole_ends(site, desk):
    site.cut = Cut(1, "before", match="qm set")
    dead = begin(desk, TWO)
    site.cut = None
    half = next(name for name in ("k8s-worker-1", "k8s-worker-2") if not _kept(desk, dead, name))
    assert deleting.carry_out(desk, deleting.decided(desk, [half], 60)).status == 0
    assert states(desk)[dead] == "finished"


def test_a_claim_of_another_machine_is_respected(site, desk, tmp_path):
    site.cut = Cut(0, "before", match="qm set")
    run = begin(desk)
    site.cut = None
    (tmp_path / "other").mkdir()
    with pytest.raises(Conflict, match=f"claimed by run {run} of process") as refusal:
        deleting.decided(desk_for(site, tmp_path / "other"), [NAME], 60)
    assert "gc --gone" in refusal.value.hint


def test_a_deletion_that_died_gives_a_vm_up_to_another(site, desk):
    assert creating.carry_out(desk, TWO, creating.begin(desk, TWO))[1].status == 0
    site.cut = Cut(0, "before", match="qm shutdown")
    first = deleting.carry_out(desk, deleting.decided(desk, ["100", "101"], 60))
    site.cut = None
    assert first.status
    third = creating.carry_out(desk, WORKER, creating.begin(desk, WORKER))[0]
    (spec, _at), *_ = third.decisions
    names = {row.name for row in listing.rows(desk.inventory())}
    assert spec.name in names
    assert names & ({"k8s-worker-1", "k8s-worker-2"} - {spec.name})
    report = deleting.carry_out(desk, deleting.decided(desk, sorted(names), 60))
    assert report.status == 0, report.errors
    assert "vmid-" not in site.on("pve1", "ls /etc/pve/priv/pvekit")


def _kept(desk: Desk, run: str, name: str) -> bool:
    return desk.store.look(run).account.is_kept(f"vm/{name}")
