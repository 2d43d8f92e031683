"""`vm migrate`: to another node of the PVE cluster, on or off, and what is refused before."""

from __future__ import annotations

from contextlib import suppress

import pytest
from breaking import fresh_desk, settle
from labsite import Cut, Killed
from plans import build, creating_of, standing

from pvekit.errors import Conflict, NoCapacity, NotFound
from pvekit.lab.site import SiteSpec
from pvekit.operations import changing, resuming, runs, vm_wishes
from pvekit.operations.migrating import Migrate

WORKER = vm_wishes.Request(role="worker", size="small")
NAME = "k8s-worker-1"


def made(spec, directory):
    with standing(spec, directory, build, creating_of(WORKER)) as start:
        yield start


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """Two nodes of a PVE cluster with storage of their own, and VM 100 on the first."""
    yield from made(SiteSpec(nodes=2), tmp_path_factory.mktemp("local"))


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The same on two nodes that stand alone."""
    yield from made(SiteSpec(nodes=2, clustered=False), tmp_path_factory.mktemp("alone"))


@pytest.fixture
def site(local):
    return local()


def migrate(desk, to="pve2", name=NAME, **asked):
    order = Migrate(to, **asked)
    journal = changing.begin(desk, order, [name], changing.decided(desk, order, [name]))
    return changing.carry_out(desk, journal)[1]


def changes(site):
    return [" ".join(words) for words in site.programs(changes=True) if words[0] == "qm"]


def where(site):
    return site.on("pve1", "ls -d /etc/pve/nodes/*/qemu-server/100.conf").split("/")[4]


def test_a_running_vm_moves_with_its_disks_and_runs_on(site, desk):
    site.forget_programs()
    report = migrate(desk, with_local_disks=True)
    assert report.status == 0, report.errors
    assert where(site) == "pve2"
    assert site.on("pve2", "qm status 100") == "status: running\n"
    assert changes(site)[0] == "qm migrate 100 pve2 --online 1 --with-local-disks 1"
    site.forget_programs()
    assert migrate(desk, with_local_disks=True).status == 0
    assert changes(site) == [], "it is there already"
    assert migrate(desk, "pve1", with_local_disks=True).status == 0
    assert where(site) == "pve1"


def test_one_that_is_off_moves_off(site, desk):
    site.on("pve1", "qm stop 100")
    site.forget_programs()
    assert migrate(desk, with_local_disks=True).status == 0
    assert site.on("pve2", "qm status 100") == "status: stopped\n"
    assert changes(site)[0] == "qm migrate 100 pve2"


@pytest.mark.parametrize(
    ("line", "asked", "error", "says"),
    [
        ("true", {}, Conflict, "local-lvm:vm-100-disk-0"),
        ("true", {"online": False, "with_local_disks": True}, Conflict, "cannot move --offline"),
        ("true", {"to": "pve7"}, NotFound, "no node 'pve7'"),
        (
            "ha-manager add vm:100",
            {"with_local_disks": True},
            Conflict,
            "ha-manager migrate vm:100",
        ),
        ("qm snapshot 100 s1", {"with_local_disks": True}, Conflict, "has snapshots"),
        ("qm set 100 --lock backup", {"with_local_disks": True}, Exception, "locked"),
        (
            "pvesm set local-lvm --nodes pve1",
            {"with_local_disks": True},
            Conflict,
            "pve2 has no storage local-lvm",
        ),
        (
            "sed -i 's/bridge=vmbr0/bridge=vmbr7/' /etc/pve/qemu-server/100.conf",
            {"with_local_disks": True},
            Conflict,
            "pve2 has no bridge vmbr7",
        ),
        (
            "sed -i 's/^memory: .*/memory: 900000/' /etc/pve/qemu-server/100.conf",
            {"with_local_disks": True},
            NoCapacity,
            "memory of pve2",
        ),
    ],
)
def test_what_stands_in_the_way_is_said_before_anything_is_sent(
    site, desk, line, asked, error, says
):
    site.on("pve1", line)
    site.forget_programs()
    with pytest.raises(error, match=says):
        migrate(desk, **asked)
    assert site.programs(changes=True) == []
    assert runs.listed(desk.store) == []


def test_nodes_that_stand_alone_are_refused(alone, tmp_path):
    site = alone()
    with pytest.raises(Conflict, match="not in the same PVE cluster"):
        migrate(fresh_desk(site, tmp_path, "desk"), with_local_disks=True)


@pytest.mark.parametrize("when", ["before", "during", "after", "killed before", "killed after"])
def test_a_broken_off_migration_is_gone_on_with_by_its_id(site, desk, when):
    site.cut = Cut(0, when, match="qm migrate")
    with suppress(Killed):
        migrate(desk, with_local_disks=True)
    assert site.cut.struck
    site.cut = None
    settle(site)
    for run in runs.listed(desk.store, unfinished=True):
        assert resuming.resume(desk, desk.store.open(run.run)).report.status == 0
    assert where(site) == "pve2"
    assert site.on("pve2", "qm status 100") == "status: running\n"
    assert len([line for line in changes(site) if line.startswith("qm migrate")]) == 1
