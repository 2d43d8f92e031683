"""`vm snapshot`: taken, listed, gone back to, removed, and refused where it cannot be."""

from __future__ import annotations

import pytest
from plans import build, creating_of, standing

from pvekit.errors import Conflict, NotFound, UsageError
from pvekit.lab.site import SiteSpec
from pvekit.operations import changing, runs, vm_wishes
from pvekit.operations.selecting import Selection
from pvekit.operations.snapshots import Remove, RollBack, Take, listed

ONE = SiteSpec(nodes=1, clustered=False)
WORKER = vm_wishes.Request(role="worker", size="small")
NAME = "k8s-worker-1"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A site with a running worker, VM 100."""
    directory = tmp_path_factory.mktemp("snapshots")
    with standing(ONE, directory, build, creating_of(WORKER)) as start:
        yield start


def do(desk, order, *names):
    wanted = names or (NAME,)
    journal = changing.begin(desk, order, wanted, changing.decided(desk, order, wanted))
    return changing.carry_out(desk, journal)[1]


def option(site, key):
    lines = site.on("pve1", "qm config 100").splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith(f"{key}: ")), None)


def call_it(site, kind):
    """Let the storage of the disks be of another type, as far as the configuration tells."""
    site.on("pve1", f"sed -i 's/^lvmthin: local-lvm/{kind}: local-lvm/' /etc/pve/storage.cfg")


def test_storage_without_snapshots_is_refused_before_anything_is_sent(site, desk):
    call_it(site, "dir")
    site.forget_programs()
    with pytest.raises(Conflict, match="of type dir has them for qcow2 only"):
        do(desk, Take("before"))
    assert site.programs(changes=True) == []
    assert runs.listed(desk.store) == []


def test_a_snapshot_is_taken_listed_gone_back_to_and_removed(site, desk):
    assert do(desk, Take("before", description="first: 100 %")).status == 0
    (found,) = listed(desk, NAME)
    assert (found.name, found.current, found.whole, found.vmstate) == ("before", True, True, False)
    assert found.description == "first: 100 %"
    site.on("pve1", "qm set 100 --description x")
    with pytest.raises(Conflict, match="not ours"):
        do(desk, RollBack("before"))


def test_going_back_gives_the_old_options_and_the_power_it_had(site, desk):
    assert do(desk, Take("before")).status == 0
    genid = option(site, "vmgenid")
    site.on("pve1", "qm stop 100 && qm set 100 --cores 7 && qm start 100")
    report = do(desk, RollBack("before"))
    assert report.status == 0, report.errors
    assert option(site, "cores") == "1"
    assert option(site, "vmgenid") != genid
    assert site.on("pve1", "qm status 100") == "status: running\n"
    assert do(desk, RollBack("before", start=False)).status == 0
    assert site.on("pve1", "qm status 100") == "status: stopped\n"
    assert do(desk, RollBack("before")).status == 0
    assert site.on("pve1", "qm status 100") == "status: stopped\n"
    assert do(desk, Remove("before")).status == 0
    assert listed(desk, NAME) == []


def test_the_memory_is_saved_too(site, desk):
    assert do(desk, Take("live", vmstate=True)).status == 0
    assert listed(desk, NAME)[0].vmstate
    assert do(desk, RollBack("live")).status == 0
    assert site.on("pve1", "qm status 100") == "status: running\n"


def test_without_a_name_it_gets_one_of_the_time(desk):
    assert do(desk, Take(), *()).status == 0
    assert listed(desk, NAME)[0].name.startswith("at-20")


def test_all_selected_get_one(site, desk):
    journal = changing.begin(
        desk,
        Take("all"),
        Selection((), ("role=worker",)),
        changing.targets(desk, Selection((), ("role=worker",))),
    )
    assert changing.carry_out(desk, journal)[1].status == 0
    assert [each.name for each in listed(desk, NAME)] == ["all"]


@pytest.mark.parametrize("name", ["current", "Pending", "a", "2bad", "with blank", "x" * 41])
def test_a_name_that_cannot_be_is_refused(desk, name):
    with pytest.raises(UsageError, match="no name for a snapshot"):
        do(desk, Take(name))


def test_names_that_are_there_or_are_not(desk):
    assert do(desk, Take("before")).status == 0
    with pytest.raises(Conflict, match="has a snapshot 'before' already"):
        do(desk, Take("before"))
    for order in (Remove("other"), RollBack("other")):
        with pytest.raises(NotFound, match="has no snapshot 'other'"):
            do(desk, order)


def test_what_is_left_of_a_broken_one_is_no_way_back_but_can_be_removed(site, desk):
    assert do(desk, Take("before")).status == 0
    conf = "/etc/pve/qemu-server/100.conf"
    site.on("pve1", f"sed -i 's/^snaptime:/snapstate: delete\\nsnaptime:/' {conf}")
    with pytest.raises(Conflict, match="it is not whole"):
        do(desk, RollBack("before"))
    assert do(desk, Remove("before")).status == 0


def test_zfs_goes_back_to_the_last_only(site, desk):
    assert do(desk, Take("first")).status == 0
    conf = "/etc/pve/qemu-server/100.conf"
    site.on("pve1", f"sed -i 's/^snaptime: .*/snaptime: 1000/' {conf}")
    assert do(desk, Take("second")).status == 0
    call_it(site, "zfspool")
    site.forget_programs()
    with pytest.raises(Conflict, match="later ones are second"):
        do(desk, RollBack("first"))
    assert site.programs(changes=True) == []
    order = RollBack("second")
    assert [work.aim.snap for work in changing.decided(desk, order, [NAME])] == ["second"]


def test_one_without_a_generation_or_of_another_name_cannot_go_back(site, desk):
    assert do(desk, Take("before")).status == 0
    conf = "/etc/pve/qemu-server/100.conf"
    whole = site.on("pve1", f"cat {conf}")
    site.on("pve1", f"sed -i '/^vmgenid/d' {conf}")
    with pytest.raises(Conflict, match="no vmgenid"):
        do(desk, RollBack("before"))
    head, _, tail = whole.partition("[before]")
    changed = head + "[before]" + tail.replace(f"name: {NAME}", "name: old")
    site.on("pve1", f"cat >{conf} <<'EOF'\n{changed}EOF\n")
    with pytest.raises(Conflict, match="was called old then"):
        do(desk, RollBack("before"))


def test_an_unfinished_one_is_taken_back(site, desk):
    order = Take("before")
    changing.begin(desk, order, [NAME], changing.decided(desk, order, [NAME])).close()
    (run,) = runs.listed(desk.store, unfinished=True)
    journal = desk.store.open(run.run)
    journal.started(f"vm/{NAME}/snapshot")
    site.on("pve1", "qm snapshot 100 before")
    assert runs.roll_back(desk, journal).status == 0
    assert listed(desk, NAME) == []
