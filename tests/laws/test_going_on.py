"""Runs that are gone on with after more than a broken link: stopped builds, stolen vmids, news."""

from __future__ import annotations

import dataclasses
import threading

import pytest
from labsite import Cut, build_templates, desk_for, lab_site

from pvekit.lab.site import SiteSpec
from pvekit.operations import changing, creating, runs, templates, vm_wishes
from pvekit.operations.orders import Work
from pvekit.operations.template_listing import listed

TEMPLATE = templates.Request()
ONE = SiteSpec(nodes=1, clustered=False)
STOP = changing.Order("stop", 120)


def build(desk):
    journal = templates.unfinished(desk, TEMPLATE)
    if journal is not None:
        return templates.carry_out(desk, templates.go_on(desk, journal), journal)[1]
    found, journal = templates.begin(desk, TEMPLATE, templates.decided(desk, TEMPLATE))
    return templates.carry_out(desk, found, journal)[1]


def create(desk, **asked):
    request = vm_wishes.Request(role="worker", size="small", **asked)
    journal = creating.unfinished(desk, request) or creating.begin(desk, request)
    return creating.carry_out(desk, request, journal)


def begin(desk, order, *names):
    return changing.begin(desk, order, names, changing.targets(desk, names))


@pytest.fixture
def site():
    with lab_site(ONE) as site:
        yield site


@pytest.fixture
def desk(site, tmp_path):
    return desk_for(site, tmp_path)


def order(site, kind, *args, **detail):
    site.lab.loop.do(lambda: site.lab.site.faults.order(kind, *args, **detail))


def test_a_build_vm_that_somebody_stops_is_no_template(site, desk):
    order(site, "guest-slow", seconds=0.5)
    reports = []
    building = threading.Thread(target=lambda: reports.append(build(desk)))
    building.start()
    while not site.on("pve1", "ls /run/qemu-server"):
        pass
    site.on("pve1", "qm stop 9000")
    building.join()
    assert "before it had finished" in reports[0].errors[0].details
    assert listed(desk) == []
    assert build(desk).status == 0
    assert [template.vmid for template in listed(desk)] == [9000]


def test_a_recipe_that_fails_ends_the_build_with_its_last_words(site, desk, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("extends: base\ncommands: [no-such-program]\n")
    request = templates.Request(recipe=str(path))
    found, journal = templates.begin(desk, request, templates.decided(desk, request))
    report = templates.carry_out(desk, found, journal)[1]
    assert "the recipe failed" in report.errors[0].details
    assert listed(desk) == []


def test_a_package_that_cannot_be_had_ends_the_build(site, desk, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("extends: base\npackages: [no-such-package]\n")
    request = templates.Request(recipe=str(path))
    found, journal = templates.begin(desk, request, templates.decided(desk, request))
    report = templates.carry_out(desk, found, journal)[1]
    assert "package" in report.errors[0].details
    assert "is not installed" in report.errors[0].details
    assert listed(desk) == []


def test_an_image_that_is_gone_is_downloaded_again(site, desk):
    assert build(desk).status == 0
    site.on("pve1", "rm -f /var/lib/vz/pvekit/images/*")
    build_templates(desk, templates.Request(rebuild=True))


def test_a_changed_configuration_is_another_run(site, desk, tmp_path):
    order(site, "start-fails", count=1)
    assert build(desk).status != 0
    template = dataclasses.replace(desk.config.template("base"), base_memory_mb=1024)
    config = dataclasses.replace(desk.config, templates={"base": template})
    assert templates.unfinished(dataclasses.replace(desk, config=config), TEMPLATE) is None
    assert templates.unfinished(desk, TEMPLATE) is not None


def test_a_named_vm_gets_another_vmid_if_a_stranger_took_its_own(site, desk):
    assert build(desk).status == 0
    site.cut = Cut(0, "before", match="qm clone")
    _, report = create(desk, name="web-1")
    assert report.status == 7
    site.cut = None
    site.on("pve1", "qm create 100 --name stranger --memory 512")
    found, report = create(desk, name="web-1")
    assert report.status == 0, report.errors
    assert [(spec.name, at.vmid) for spec, at in found.decisions] == [("web-1", 101)]
    assert "name: stranger" in site.on("pve1", "cat /etc/pve/qemu-server/100.conf")


def test_a_failed_stop_leaves_no_unfinished_run(site, desk):
    assert build(desk).status == 0
    assert create(desk)[1].status == 0
    journal = begin(desk, STOP, "k8s-worker-1")
    site.on("pve1", "qm set 100 --description mine")
    assert changing.carry_out(desk, journal)[1].status == 6
    assert {run.state for run in runs.listed(desk.store)} == {"finished"}
    assert "100.pid" in site.on("pve1", "ls /run/qemu-server").split()


def test_a_vm_that_is_named_twice_is_meant_once_and_the_site_is_read_once(site, desk):
    assert build(desk).status == 0
    assert create(desk)[1].status == 0
    site.cut = Cut(-1, "before")  # never cuts, but counts the commands
    targets = changing.targets(desk, ["k8s-worker-1", "100"])
    assert [target.vmid for target in targets] == [100]
    assert len(STOP.plan(desk, Work(targets[0], None)).steps) == 1
    assert next(site.cut.count) == 1
