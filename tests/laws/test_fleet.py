"""Fleet files against a site: applied twice is once, what is broken off becomes whole, strangers
stay as they are, and what is written down from a site changes nothing in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from breaking import broken, difference, fresh_desk
from labsite import Cut, lab_site
from plans import build

from pvekit.errors import Conflict, PvekitError, Transient, UsageError
from pvekit.lab.site import SiteSpec
from pvekit.operations import (
    applying,
    creating,
    fleet_reading,
    foreseeing,
    resuming,
    runs,
)
from pvekit.operations.applying import Order
from pvekit.operations.carrying import Report
from pvekit.operations.exporting import exported
from pvekit.operations.selecting import selected
from pvekit.operations.vm_wishes import Request

SHOP = """
apiVersion: pvekit/v1
kind: Fleet
name: shop
groups:
  web:
    count: 2
    size: small
    network: {ip: 10.0.0.50-10.0.0.59/16, gateway: 10.0.0.1, dns: [10.0.0.1]}
    placement: {anti_affinity: hard}
    tags: [shop]
    description: "The web servers.\\nAsk Ann."
  db:
    names: [db-1]
    size: small
    disk_gb: 30
    start: false
"""
GROWN = SHOP.replace("count: 2", "count: 1").replace("Ask Ann", "Ask Bob").replace("30", "40")
OTHER = SHOP.replace("name: shop", "name: other").replace("db-1", "db-9").replace("59/16", "99/16")
PRUNE = Order(prune=True)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Two nodes of a PVE cluster with a template each, and a stranger's VM 150."""
    with lab_site(SiteSpec(nodes=2)) as site:
        site.on("pve1", "qm create 150 --name stranger --memory 512 --scsi0 local-lvm:1")
        desk = fresh_desk(site, tmp_path_factory.mktemp("fleet"), "made")
        assert build(desk).status == 0
        bare = site.save()
        assert apply(desk, SHOP).status == 0
        filled = site.save()
        yield lambda which="bare": site.restored(filled if which == "filled" else bare)


@pytest.fixture
def filled(saved):
    """A site to which the shop was applied."""
    return saved("filled")


def fleet_of(desk, text):
    return fleet_reading.fleet(desk.config, text.encode(), Path("fleet.yaml"))


def foreseen(desk, text, *, prune=False):
    return foreseeing.foresee(desk, fleet_of(desk, text), prune=prune)


def apply(desk, text, order=Order(), *, allow_restart=False):  # noqa: B008 - it is frozen
    """Apply a fleet as the command does."""
    fleet = fleet_of(desk, text)
    journal = applying.unfinished(desk, fleet, order)
    if journal is None:
        found = foreseeing.foresee(desk, fleet, prune=order.prune)
        if not found.pending:
            return Report("", {})
        applying.check(found, desk, allow_restart=allow_restart)
        journal = applying.begin(desk, found, order, allow_restart=allow_restart)
    return applying.carry_out(desk, journal, fleet).report


def told(found):
    return {
        item.name: [f"{f.name}: {f.old} -> {f.new} {f.how}" for f in item.fields] or item.action
        for item in found.items
    }


def config(site, vmid):
    return site.on("pve1", f"cat /etc/pve/nodes/*/qemu-server/{vmid}.conf")


def test_what_is_missing_is_made_as_the_file_says(site, desk):
    assert told(foreseen(desk, SHOP)) == dict.fromkeys(
        ("db-1", "shop-web-1", "shop-web-2"), "create"
    )
    report = apply(desk, SHOP)
    assert report.status == 0, report.errors
    web = [vm for vm in desk.inventory().vms if vm.name.startswith("shop-web")]
    assert {vm.node for vm in web} == {"pve1", "pve2"}
    assert {str(vm.addresses_configured[0]) for vm in web} == {"10.0.0.50/16", "10.0.0.51/16"}
    assert all(vm.running and vm.mark.fleet == "shop" and vm.mark.role == "web" for vm in web)
    assert all(vm.config.description.startswith("The web servers.\nAsk Ann.\n") for vm in web)
    (db,) = desk.inventory().find("db-1")
    assert db.running is False


def test_applied_twice_is_once(filled, tmp_path):
    desk = fresh_desk(filled, tmp_path, "desk")
    before = filled.picture()
    filled.forget_programs()
    found = foreseen(desk, SHOP, prune=True)
    assert found.pending == ()
    assert apply(desk, SHOP, PRUNE).run == ""
    assert filled.programs(changes=True) == []
    assert filled.picture() == before
    assert runs.listed(desk.store) == []


def test_a_preview_sends_nothing_and_shows_what_is_sent(site, desk):
    before = site.picture()
    fleet = fleet_of(desk, SHOP)
    shown = applying.commands(desk, foreseeing.foresee(desk, fleet, prune=False), Order())
    assert len([step for step in shown.pending if step.verb == "clone"]) == 3
    assert site.programs(changes=True) == []
    assert site.picture() == before


def test_each_difference_is_told_and_made(filled, tmp_path):
    desk = fresh_desk(filled, tmp_path, "desk")
    found = foreseen(desk, GROWN)
    assert told(found) == {
        "db-1": ["disk scsi0: 30 GiB -> 40 GiB off"],
        "shop-web-1": [
            "description: The web servers. / Ask Ann. -> The web servers. / Ask Bob. live"
        ],
        "shop-web-2": "keep",
    }
    assert apply(desk, GROWN).status == 0
    assert {item.action for item in foreseen(desk, GROWN).items} == {"keep"}
    assert "Ask Bob" in config(filled, desk.inventory().find("shop-web-1")[0].vmid)


def test_what_left_the_file_goes_only_when_it_is_pruned(filled, tmp_path):
    desk = fresh_desk(filled, tmp_path, "desk")
    assert apply(desk, GROWN).status == 0
    assert desk.inventory().find("shop-web-2")
    assert told(foreseen(desk, GROWN, prune=True)) == {"shop-web-2": "remove"}
    assert apply(desk, GROWN, PRUNE).status == 0
    assert not desk.inventory().find("shop-web-2")
    assert foreseen(desk, GROWN, prune=True).items == ()


def test_fleets_and_strangers_do_not_touch_each_other(filled, tmp_path):
    desk = fresh_desk(filled, tmp_path, "desk")
    request = Request(role="worker", size="small", wait=False)
    assert creating.carry_out(desk, request, creating.begin(desk, request))[1].status == 0
    before = filled.picture()
    assert apply(desk, OTHER).status == 0
    empty = OTHER.replace("count: 2", "count: 0").replace("names: [db-9]", "names: []")
    assert apply(desk, empty, PRUNE).status == 0
    assert difference(filled.picture(), before) == []
    names = {vm.name for vm in desk.inventory().vms if not vm.is_template}
    assert names == {"stranger", "k8s-worker-1", "db-1", "shop-web-1", "shop-web-2"}


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (("names: [db-1]", "names: [stranger]"), Conflict, "is not ours"),
        (("name: shop", "name: other\n"), Conflict, "is one of the fleet shop"),
        (("disk_gb: 30", "disk_gb: 20"), UsageError, "cannot shrink"),
        (("size: small\n    net", "size: medium\n    net"), Conflict, "takes a restart"),
        (("count: 2", "count: 3"), PvekitError, "anti-affinity"),
        (("59/16", "50/16"), PvekitError, "no free address"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_sent(filled, tmp_path, change, error, says):
    desk = fresh_desk(filled, tmp_path, "desk")
    text = SHOP.replace(*change)
    if "other" in change[1]:
        text = text.replace("count: 2", "names: [shop-web-1]")
    filled.forget_programs()
    with pytest.raises(error, match=says):
        apply(desk, text)
    assert filled.programs(changes=True) == []
    assert runs.listed(desk.store, unfinished=True) == []


def test_restarts_are_made_where_they_are_allowed(filled, tmp_path):
    desk = fresh_desk(filled, tmp_path, "desk")
    text = SHOP.replace("size: small\n    net", "size: small\n    memory_mb: 4096\n    net")
    text = text.replace("10.0.0.50-", "10.0.0.52-")
    found = foreseen(desk, text)
    assert [f.how for item in found.items for f in item.fields] == ["restart"] * 4
    report = apply(desk, text, allow_restart=True)
    assert report.status == 0, report.errors
    assert foreseen(desk, text).items == ()
    web = [vm for vm in desk.inventory().vms if vm.name.startswith("shop-web")]
    assert all(vm.running and vm.memory_mb == 4096 and not vm.config.pending for vm in web)
    assert {str(vm.addresses_configured[0].ip) for vm in web} == {"10.0.0.52", "10.0.0.53"}


def test_settings_of_people_that_the_file_does_not_name_stay(filled, tmp_path):
    desk = fresh_desk(filled, tmp_path, "desk")
    (db,) = desk.inventory().find("db-1")
    net0 = f"{db.config.values['net0']},firewall=1"
    filled.on(db.node, f"qm set {db.vmid} --net0 {net0} --balloon 512")
    text = SHOP.replace("start: false", "start: false\n    network: {bridge: vmbr0, vlan: 7}")
    assert apply(desk, text).status == 0
    values = desk.inventory().find("db-1")[0].config.values
    assert values["net0"].endswith("bridge=vmbr0,firewall=1,tag=7")
    assert (values["balloon"], values["net0"].split(",")[0]) == (
        "512",
        net0.split(",", maxsplit=1)[0],
    )


def test_a_stopped_vm_that_is_to_run_is_started(filled, tmp_path):
    desk = fresh_desk(filled, tmp_path, "desk")
    text = SHOP.replace("start: false", "start: true\n    onboot: true")
    found = ["onboot: no -> yes off", "power: off -> running off"]
    assert told(foreseen(desk, text)) == {"db-1": found}
    assert apply(desk, text).status == 0
    assert foreseen(desk, SHOP).items == ()


def test_what_is_written_down_from_a_site_changes_nothing_in_it(filled, tmp_path):
    desk = fresh_desk(filled, tmp_path, "desk")
    request = Request(role="worker", size="small", wait=False, tags=("a", "b"))
    assert creating.carry_out(desk, request, creating.begin(desk, request))[1].status == 0
    text = yaml.safe_dump(exported(desk, selected((), every=True)))
    filled.forget_programs()
    assert foreseen(desk, text, prune=True).items == ()
    assert apply(desk, text, PRUNE).run == ""
    assert filled.programs(changes=True) == []
    again = yaml.safe_dump(exported(desk, selected((), every=True)))
    assert again == text


def test_no_file_describes_two_fleets(filled, tmp_path):
    desk = fresh_desk(filled, tmp_path, "desk")
    assert apply(desk, OTHER).status == 0
    with pytest.raises(Conflict, match="fleets other, shop"):
        exported(desk, selected((), every=True))
    names = exported(desk, selected((), every=True), fleet="shop")
    assert names["name"] == "shop"


POINTS = (3, 9, 14, 22, 31, 40)


@pytest.mark.parametrize("when", ["before", "after", "killed after"])
def test_broken_and_applied_again_is_whole(saved, tmp_path, when):
    tried = become_whole(saved, tmp_path, when, POINTS)
    assert tried == len(POINTS)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "during", "after", "killed before", "killed after"])
def test_broken_anywhere_and_applied_again_is_whole(saved, tmp_path, when):
    assert become_whole(saved, tmp_path, when, range(1000)) > 30


def become_whole(saved, tmp_path, when, points):
    """Break a run that makes, changes and removes at these commands; it ends as if unbroken."""
    text = GROWN.replace("db-1", "db-2, db-1")
    whole = saved("filled")
    assert apply(fresh_desk(whole, tmp_path, "whole"), text, PRUNE).status == 0
    wanted, tried = whole.picture(), 0
    for at in points:
        site = saved("filled")
        desk = fresh_desk(site, tmp_path, f"at{at}")
        first = broken(lambda desk: apply(desk, text, PRUNE), desk, site, at, when)
        if not first.struck:
            break
        tried += 1
        if not first.well:
            report = apply(desk, text, PRUNE)
            assert report.status == 0, (at, report.errors)
        assert difference(site.picture(), wanted) == [], at
        assert foreseen(desk, text, prune=True).items == ()
        assert runs.listed(desk.store, unfinished=True) == []
    return tried


@pytest.mark.parametrize("at", [8, 20, 35])
def test_broken_and_taken_back_leaves_nothing(saved, tmp_path, at):
    site = saved()
    before = site.picture()
    desk = fresh_desk(site, tmp_path, "desk")
    assert broken(lambda desk: apply(desk, SHOP), desk, site, at, "killed after").struck
    for run in runs.listed(desk.store, unfinished=True):
        assert runs.roll_back(desk, desk.store.open(run.run)).status == 0
    assert difference(site.picture(), before) == []


def test_going_on_by_the_runs_id(saved, tmp_path):
    site = saved("filled")
    desk = fresh_desk(site, tmp_path, "desk")
    assert broken(lambda d: apply(d, GROWN, PRUNE), desk, site, 12, "killed after").struck
    (run,) = runs.listed(desk.store, unfinished=True)
    resumed = resuming.resume(desk, desk.store.open(run.run))
    assert resumed.report.status == 0, resumed.report.errors
    assert foreseen(desk, GROWN, prune=True).items == ()


def test_another_file_waits_for_the_unfinished_run_of_the_fleet(saved, tmp_path):
    site = saved()
    desk = fresh_desk(site, tmp_path, "desk")
    assert broken(lambda d: apply(d, SHOP), desk, site, 20, "killed after").struck
    with pytest.raises(Conflict, match=r"Run .* of the fleet shop is unfinished"):
        apply(desk, GROWN)
    elsewhere = fresh_desk(site, tmp_path, "elsewhere")
    with pytest.raises((Conflict, Transient)):
        apply(elsewhere, GROWN)


def test_nothing_is_removed_where_something_failed_before(filled, tmp_path):
    desk = fresh_desk(filled, tmp_path, "desk")
    for _ in range(9):
        filled.lab.loop.do(lambda: filled.lab.site.faults.order("start-fails"))
    text = GROWN.replace("start: false", "start: true")
    report = apply(desk, text, PRUNE)
    assert report.status == 4
    assert report.outcomes["vm/db-1"].error
    assert "not removed yet" in report.outcomes["vm/shop-web-2"].error.brief
    assert desk.inventory().find("shop-web-2")


@pytest.mark.parametrize("at", ["disk resize", "destroy"], ids=["change", "removal"])
def test_what_cannot_be_taken_back_is_not_said_to_be(filled, tmp_path, at):
    """Only what a run makes is taken back where it fails: it goes on with the rest."""
    desk = replace(fresh_desk(filled, tmp_path, "desk"), on_failure="rollback")
    filled.cut = Cut(0, "before", match=at)
    report = apply(desk, GROWN, PRUNE)
    filled.cut = None
    failed = {name: each.state for name, each in report.outcomes.items() if each.error}
    assert failed
    assert set(failed.values()) == {"failed"}
    assert report.open
    again = apply(desk, GROWN, PRUNE)
    assert (again.status, again.run) == (0, report.run)
    assert foreseen(desk, GROWN, prune=True).pending == ()


def test_what_was_agreed_to_is_what_is_done(filled, tmp_path):
    desk = fresh_desk(filled, tmp_path, "desk")
    shown = foreseen(desk, GROWN, prune=True)
    filled.on(
        "pve1",
        "qm set $(grep -l 'name: db-1' /etc/pve/qemu-server/*.conf | tr -dc 0-9) --memory 1024",
    )
    (db,) = desk.inventory().find("db-1")
    filled.on(db.node, f"qm set {db.vmid} --memory 1024")
    with pytest.raises(Conflict, match="has changed since the plan"):
        applying.begin(desk, shown, PRUNE, allow_restart=True)
    assert runs.listed(desk.store, unfinished=True) == []


def test_a_part_of_the_site_that_is_silent_is_not_taken_for_empty(tmp_path):
    with lab_site(SiteSpec(nodes=2, clustered=False)) as site:
        desk = fresh_desk(site, tmp_path, "desk")
        inventory = desk.inventory()
        nodes = [
            replace(n, online=False, domain="") if n.alias == "pve2" else n for n in inventory.nodes
        ]
        silent = replace(inventory, nodes=tuple(nodes))
        with pytest.raises(Transient, match="pve2 does not answer"):
            foreseeing.check_whole(silent)
