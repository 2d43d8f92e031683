"""A node that dies in mid-clone leaves disks that no config names; nobody else's are ever freed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from labsite import Cut, desk_for, lab_site
from test_going_on import ONE, TEMPLATE, build, create

from pvekit.errors import LockTimeout, UsageError
from pvekit.operations import runs, templates

STUB = "printf '# qmclone temporary file\\nlock: clone\\n' >/etc/pve/qemu-server/100.conf"
DISK = "pvesm alloc local-lvm 100 vm-100-disk-0 1G"


@pytest.fixture
def site():
    with lab_site(ONE) as site:
        yield site


@pytest.fixture
def desk(site, tmp_path):
    desk = desk_for(site, tmp_path)
    assert build(desk).status == 0
    return desk


def volumes(site) -> list[str]:
    return [line.split()[0] for line in site.on("pve1", "pvesm list local-lvm").splitlines()[1:]]


def broken_off(site, desk, *left: str) -> None:
    """A creation whose clone was begun, and what the node's death has left of it."""
    site.cut = Cut(0, "before", match="qm clone")
    assert create(desk)[1].status == 7
    site.cut = None
    for line in left:
        site.on("pve1", line)


@pytest.mark.parametrize("left", [(DISK,), (STUB, DISK), (STUB,)], ids=["disk", "both", "stub"])
def test_going_on_leaves_no_orphan(site, desk, tmp_path, left):
    with lab_site(ONE) as other:
        (tmp_path / "other").mkdir()
        undisturbed = desk_for(other, tmp_path / "other")
        assert build(undisturbed).status == 0
        assert create(undisturbed)[1].status == 0
        wanted = volumes(other)
    broken_off(site, desk, *left)
    found, report = create(desk)
    assert report.status == 0, report.errors
    assert [at.vmid for _, at in found.decisions] == [100]
    assert volumes(site) == wanted


@pytest.mark.parametrize("left", [(DISK,), (STUB, DISK), (STUB,)], ids=["disk", "both", "stub"])
def test_rolling_back_leaves_no_orphan(site, desk, left):
    before = site.picture()
    broken_off(site, desk, *left)
    (run,) = [each.run for each in runs.listed(desk.store) if each.state == "unfinished"]
    report = runs.roll_back(desk, desk.store.open(run))
    assert report.status == 0, report.errors
    assert site.picture() == before


@pytest.mark.parametrize("retries", [0, 1], ids=["given up", "tried again"])
def test_a_disk_whose_storage_is_locked_while_it_is_freed_is_freed_later(site, desk, retries):
    """pvesm free says that it went well although it waited for the lock in vain."""
    before = site.picture()
    broken_off(site, desk, DISK)
    (run,) = [each.run for each in runs.listed(desk.store) if each.state == "unfinished"]
    site.lab.loop.do(lambda: site.lab.site.faults.order("lock-held", "storage", count=1))
    patient = replace(desk, policy=replace(desk.policy, retries=retries))
    report = runs.roll_back(patient, desk.store.open(run))
    assert [type(error) for error in report.errors] == [LockTimeout] * (1 - retries)
    if report.errors:
        assert runs.roll_back(desk, desk.store.open(run)).status == 0
    assert site.picture() == before


def test_a_vmid_under_which_a_strangers_disk_lies_is_passed_over(site, desk):
    site.on("pve1", DISK)
    found, report = create(desk)
    assert report.status == 0, report.errors
    assert [at.vmid for _, at in found.decisions] == [101]
    assert "local-lvm:vm-100-disk-0" in volumes(site)


def test_a_vmid_that_was_asked_for_is_refused_then(site, desk):
    site.on("pve1", DISK)
    _, report = create(desk, vmid=100)
    assert report.status == 6
    assert "local-lvm:vm-100-disk-0" in str(report.errors[0])
    assert "pvesm list local-lvm --vmid 100" in report.errors[0].hint


def test_a_template_is_built_beside_a_strangers_disk(tmp_path):
    with lab_site(ONE) as site:
        site.on("pve1", "pvesm alloc local-lvm 9000 vm-9000-disk-0 1G")
        desk = desk_for(site, tmp_path)
        report = build(desk)
        assert report.status == 0, report.errors
        assert "local-lvm:vm-9000-disk-0" in volumes(site)
        (work,) = templates.resumed(desk.store.open(report.run)).works
        assert work.at.vmid == 9001


def test_a_template_goes_on_without_an_orphan(tmp_path):
    with lab_site(ONE) as site:
        desk = desk_for(site, tmp_path)
        site.cut = Cut(0, "before", match="qm create")
        assert build(desk).status == 7
        site.cut = None
        site.on("pve1", "pvesm alloc local-lvm 9000 vm-9000-disk-0 1G")
        assert templates.unfinished(desk, TEMPLATE) is not None
        assert build(desk).status == 0
        assert all("9000-disk-1" not in volid for volid in volumes(site))


def test_the_vmid_of_the_volumes_of_kubernetes_is_never_a_vms(site, desk):
    with pytest.raises(UsageError, match="9999"):
        create(desk, vmid=9999)
