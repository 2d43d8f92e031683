"""Templates after they were built: looked at, checked, rebuilt for a newer image, removed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from labsite import desk_for, lab_site
from test_going_on import ONE, TEMPLATE, create, order

from pvekit.errors import Conflict, NotFound, Transient
from pvekit.lab.site import SiteSpec
from pvekit.operations import collecting, template_deleting, templates
from pvekit.operations.template_listing import listed
from pvekit.operations.template_verifying import details, verified

NAME = "ubuntu-2204-cloud-template"


def build(desk, request=TEMPLATE):
    found, journal = templates.begin(desk, request, templates.decided(desk, request))
    return templates.carry_out(desk, found, journal)[1]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    with lab_site(ONE) as site:
        site.on("pve1", "qm create 150 --name foreign --memory 512 --scsi0 local-lvm:1")
        site.on("pve1", "qm template 150")
        before = site.picture()
        assert build(desk_for(site, tmp_path_factory.mktemp("made"))).status == 0
        yield site, before, site.save()


@pytest.fixture
def site(saved):
    return saved[0].restored(saved[2])


@pytest.fixture
def desk(site, tmp_path):
    return desk_for(site, tmp_path)


def states(desk, *names):
    return {each.check: each.state for _, _, each in verified(desk, names)}


def test_a_fresh_template_is_whole_and_up_to_date(desk):
    assert set(states(desk).values()) == {"ok"}
    (detail,) = details(desk, [NAME])
    assert (detail.vmid, detail.node, detail.current) == (9000, "pve1", True)
    assert detail.disk_gb >= 16


@pytest.mark.parametrize("word", [NAME, "9000", f"pve1/{NAME}", "pve1/9000"])
def test_each_way_to_name_one(desk, word):
    assert [each.vmid for each in details(desk, [word])] == [9000]


@pytest.mark.parametrize("word", ["foreign", "150", "nowhere/9000", "no-such"])
def test_nobody_elses_template_is_meant(site, desk, word):
    with pytest.raises(NotFound, match="no template"):
        template_deleting.decided(desk, [word])


def test_verifying_finds_what_is_wrong(site, desk):
    order(site, "checksum-wrong", count=-1)
    assert states(desk)["image"] == "warn"
    site.on("pve1", "qm set 9000 --delete scsi1 || qm set 9000 --delete ide2")
    site.on("pve1", "pvesm free local-lvm:base-9000-disk-0")
    found = states(desk)
    assert (found["disks"], found["cloud-init"]) == ("fail", "fail")


def test_verifying_sends_no_change(site, desk):
    before = site.picture()
    site.forget_programs()
    list(verified(desk, []))
    assert site.programs(changes=True) == []
    assert site.picture() == before


def test_deleted_is_gone_and_nothing_else(site, desk, saved):
    found = template_deleting.decided(desk, [NAME])
    assert template_deleting.carry_out(desk, found).status == 0
    left = set(site.picture()["pve1"]) ^ set(saved[1]["pve1"])
    assert not [line for line in left if "9000" in line]
    assert listed(desk) == []
    assert "template: 1" in site.on("pve1", "cat /etc/pve/qemu-server/150.conf")


def test_what_linked_clones_need_stays(tmp_path):
    with lab_site(SiteSpec(nodes=1, clustered=False, storage="nfs")) as site:
        desk = desk_for(site, tmp_path)
        template = replace(desk.config.template("base"), storage_pool="nas")
        desk = replace(desk, config=replace(desk.config, templates={"base": template}))
        assert build(desk).status == 0
        site.on("pve1", "qm clone 9000 300 --name linked")
        site.forget_programs()
        with pytest.raises(Conflict, match="linked clones") as refusal:
            template_deleting.decided(desk, [NAME])
        assert "VM 300 (linked)" in refusal.value.details
        assert [each.linked_clones for each in details(desk, [])] == [("linked (300)",)]
        assert site.programs(changes=True) == []


def test_a_protected_or_locked_one_stays(site, desk):
    site.on("pve1", "qm set 9000 --protection 1")
    with pytest.raises(Conflict, match="protected"):
        template_deleting.decided(desk, [NAME])
    site.on(
        "pve1", "qm set 9000 --protection 0; echo 'lock: backup' >>/etc/pve/qemu-server/9000.conf"
    )
    with pytest.raises(Transient, match="backup"):
        template_deleting.decided(desk, [NAME])


def test_one_that_was_changed_since_it_was_looked_at_stays(site, desk):
    found = template_deleting.decided(desk, [NAME])
    site.on("pve1", "qm set 9000 --memory 1024")
    assert template_deleting.carry_out(desk, found).status == 6
    assert "9000.conf" in site.on("pve1", "ls /etc/pve/qemu-server")


def test_if_newer_builds_only_for_another_image(site, desk):
    newer = templates.Request(if_newer=True)
    assert templates.decided(desk, newer).works == ()
    mark = details(desk, [NAME])[0].image
    config = site.on("pve1", "cat /etc/pve/qemu-server/9000.conf")
    assert f"image={mark}" in config or f"image%3D{mark}" in config
    site.on("pve1", f"sed -i s/{mark}/{'0' * len(mark)}/ /etc/pve/qemu-server/9000.conf")
    assert templates.decided(desk, templates.Request()).works == ()
    assert build(desk, newer).status == 0
    assert templates.decided(desk, newer).works == ()
    copies = {each.vmid: each.image for each in details(desk, [NAME])}
    assert copies[9000] != mark
    assert mark in copies.values()
    made, report = create(desk)
    assert report.status == 0
    assert {at.template for _, at in made.decisions} == set(copies) - {9000}


def test_gc_of_templates_takes_the_older_one_only(site, desk):
    assert build(desk, templates.Request(rebuild=True)).status == 0
    site.on("pve1", "mkdir -p /run/pvekit/jobs/old; touch -d '3 days ago' /run/pvekit/jobs/old")
    with collecting.looked(desk) as whole:
        sight = whole.only(frozenset(("old template", "template", "download", "build")))
        assert [each.kind for each in sight.found.leftovers] == ["old template"]
        assert collecting.remove(desk, sight).status == 0
    assert len(listed(desk)) == 1


def test_copies_on_several_nodes_go_together_or_one_by_one(tmp_path):
    with lab_site(SiteSpec(nodes=2, clustered=True)) as site:
        desk = desk_for(site, tmp_path)
        assert build(desk).status == 0
        assert {each.node for each in template_deleting.decided(desk, [NAME])} == {"pve1", "pve2"}
        (only,) = template_deleting.decided(desk, [f"pve2/{NAME}"])
        assert template_deleting.carry_out(desk, [only]).status == 0
        assert [each.node for each in listed(desk)] == ["pve1"]
