"""What no longer fits is refused with both values, and nothing is sent."""

from __future__ import annotations

import dataclasses

import pytest
from labsite import Cut, config_for, desk_for, lab_site

from pvekit.errors import Conflict, PvekitError, Transient, UsageError
from pvekit.journal import Store
from pvekit.lab.site import SiteSpec
from pvekit.operations import creating, deleting, resuming, runs, templates, vm_wishes
from pvekit.operations.run_showing import shown

LOOK = (
    "grep -s '' /etc/pve/nodes/*/qemu-server/* /etc/pve/priv/pvekit/* /etc/pve/storage.cfg "
    "/run/pvekit/jobs/*/*; pvesm list local-lvm"
)
ONE = SiteSpec(nodes=1, clustered=False)
TWO = SiteSpec(nodes=2, clustered=True)
WORKER = vm_wishes.Request(role="worker", size="small")
STATIC = dataclasses.replace(WORKER, network="static", ip="10.0.0.20/24", gateway="10.0.0.1")
ON_PVE1 = dataclasses.replace(WORKER, node="pve1")


def build(desk, request=None):
    request = request or templates.Request()
    found, journal = templates.begin(desk, request, templates.decided(desk, request))
    return templates.carry_out(desk, found, journal)[1]


def create(desk, request):
    return creating.carry_out(desk, request, creating.begin(desk, request))[1]


def delete(desk):
    return deleting.carry_out(desk, deleting.decided(desk, ["k8s-worker-1"], 60))


class World:
    """A site with a template, and a command that was broken off before it sent a certain word."""

    def __init__(self, site, directory):
        self.site = site
        self.directory = directory
        self.desk = desk_for(site, directory)
        assert build(self.desk).status == 0

    def break_off(self, before, do):
        self.site.cut = Cut(0, "before", match=before)
        assert do(self.desk).status == 7
        self.site.cut = None
        (run,) = [each.run for each in runs.listed(self.desk.store, unfinished=True)]
        self.run = run
        return run

    def configured(self, more="", nodes=None):
        names = nodes or list(self.site.lab.site.nodes)
        return dataclasses.replace(self.desk, config=config_for(self.directory, names, more))

    def template(self, **changes):
        config = self.desk.config
        changed = {"base": dataclasses.replace(config.template("base"), **changes)}
        return dataclasses.replace(self.desk, config=dataclasses.replace(config, templates=changed))

    def picture(self):
        up = [name for name, node in self.site.lab.site.nodes.items() if node.machine.up]
        return {name: self.site.on(name, LOOK) for name in up}

    def refusal(self, desk=None, kind=Conflict):
        desk = desk or self.desk
        before = self.picture()
        self.site.forget_programs()
        with pytest.raises(kind) as caught:
            resuming.resume(desk, desk.store.open(self.run))
        with pytest.raises(kind) as foreseen:
            resuming.foresee(desk, desk.store.open(self.run))
        assert str(foreseen.value) == str(caught.value)
        assert self.site.programs(changes=True) == []
        assert self.picture() == before
        assert desk.store.look(self.run).account.standing == "unfinished"
        told = shown(desk.store.look(self.run), lambda: desk)
        assert told["resume"] is None
        assert told["resume_refused"] == str(caught.value)
        return str(caught.value)


@pytest.fixture
def world(tmp_path):
    with lab_site(ONE) as site:
        yield World(site, tmp_path)


@pytest.fixture
def two(tmp_path):
    with lab_site(TWO) as site:
        yield World(site, tmp_path)


def test_a_vm_that_is_gone(world):
    run = world.break_off("qm set", lambda desk: create(desk, WORKER))
    world.site.on("pve1", "qm destroy 100")
    assert f"VM 100: decided was k8s-worker-1 of run {run}, now it is gone" in world.refusal()


@pytest.mark.parametrize("asked", [{}, {"count": 2}, {"vmid": 100}], ids=["one", "two", "asked"])
def test_what_is_foreseen_for_a_stolen_vmid_is_what_is_done(world, asked):
    request = dataclasses.replace(WORKER, **asked)
    world.site.cut = Cut(0, "before", match="qm clone 9000 100")
    assert create(world.desk, request).status in (4, 7)
    world.site.cut = None
    world.site.on("pve1", "qm create 100 --name web --memory 512")
    before = world.picture()
    if "vmid" in asked:
        with pytest.raises(Conflict):
            creating.foresee(world.desk, request, creating.unfinished(world.desk, request))
        return
    journal = creating.unfinished(world.desk, request)
    found, preview = creating.foresee(world.desk, request, journal)
    assert world.picture() == before
    assert "clone" in {step.verb for step in preview.pending}
    journal = creating.unfinished(world.desk, request)
    made, report = creating.carry_out(world.desk, request, journal)
    assert report.status == 0, report.errors
    assert {(spec.name, at.vmid) for spec, at in made.decisions} == {
        (spec.name, at.vmid) for spec, at in found.decisions
    }


def test_a_vmid_that_is_a_strangers_by_now(world):
    run = world.break_off("qm clone", lambda desk: create(desk, WORKER))
    world.site.on("pve1", "qm create 100 --name web --memory 512")
    told = world.refusal()
    assert f"decided was k8s-worker-1 of run {run}, now it is web on pve1, which pvekit" in told
    world.site.on("pve1", "qm destroy 100")
    report = resuming.resume(world.desk, world.desk.store.open(run)).report
    assert report.status == 0, report.errors


def test_a_vm_that_was_renamed(world):
    world.break_off("qm set", lambda desk: create(desk, WORKER))
    world.site.on("pve1", "qm set 100 --name other")
    assert "now it is other on pve1, marked as VM 100 (k8s-worker-1)" in world.refusal()


def test_a_vmid_that_another_run_claims(world):
    world.break_off("qm clone", lambda desk: create(desk, WORKER))
    claim = "/etc/pve/priv/pvekit/vmid-100"
    world.site.on("pve1", f"""rm {claim}; echo '{{"run":"other","vmid":100}}' >{claim}""")
    told = world.refusal()
    assert f"vmid 100: decided was for run {world.run}, now it is claimed by run other" in told


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--name k8s-worker-1", "name k8s-worker-1: decided was for VM 100, now it is that of VM"),
        ("--ipconfig0 ip=10.0.0.20/24", "address 10.0.0.20: decided was for VM 100, now it is"),
    ],
)
def test_a_name_or_address_that_is_taken(world, options, says):
    world.break_off("qm clone", lambda desk: create(desk, STATIC))
    world.site.on("pve1", f"qm create 105 --memory 512 {options}")
    assert says in world.refusal()


def test_a_template_that_is_gone(world):
    world.break_off("qm clone", lambda desk: create(desk, WORKER))
    world.site.on("pve1", "qm destroy 9000")
    told = world.refusal()
    assert (
        "template VM 9000 on pve1: decided was ubuntu-2204-cloud-template, now it is gone" in told
    )


def test_a_template_that_was_built_again_in_its_place(world):
    world.break_off("qm clone", lambda desk: create(desk, WORKER))
    (before,) = [run.run for run in runs.listed(world.desk.store) if run.command == templates.KIND]
    world.site.on("pve1", "qm destroy 9000")
    after = build(world.desk).run
    assert f"decided was of run {before}, now it is of run {after}" in world.refusal()


def test_a_template_of_another_recipe_in_its_place(world):
    world.break_off("qm clone", lambda desk: create(desk, WORKER))
    world.site.on("pve1", "qm destroy 9000")
    other = world.template(base_cpus=2)
    assert build(other).status == 0
    assert "decided was of digest " in world.refusal()


def test_a_finished_clone_needs_neither_template_nor_storage_any_more(world):
    run = world.break_off("qm set", lambda desk: create(desk, WORKER))
    world.site.on("pve1", "qm destroy 9000")
    report = resuming.resume(world.desk, world.desk.store.open(run)).report
    assert report.status == 0, report.errors


def test_a_storage_that_is_gone(world):
    world.break_off("qm clone", lambda desk: create(desk, WORKER))
    world.site.on("pve1", "pvesm remove local-lvm")
    told = world.refusal()
    assert "storage on pve1: decided was local-lvm, now it is gone; there are local" in told


def test_a_node_that_the_configuration_does_not_name_any_more(two):
    two.break_off("qm clone", lambda desk: create(desk, ON_PVE1))
    told = two.refusal(two.configured(nodes=["pve2"]))
    assert "node: decided was pve1, now it is not in the configuration, which names pve2" in told


def test_a_node_under_another_address_or_name(two):
    here = dataclasses.replace(
        two.desk, store=Store(two.desk.store.directory, "pve1=10.0.0.1:22 pve2=10.0.0.2:22")
    )
    two.desk = here
    two.break_off("qm clone", lambda desk: create(desk, ON_PVE1))

    def at(places):
        return dataclasses.replace(here, store=Store(here.store.directory, places))

    moved = two.refusal(at("pve1=10.0.0.9:22 pve2=10.0.0.2:22"))
    assert "node pve1: decided was 10.0.0.1:22, now it is 10.0.0.9:22" in moved
    renamed = two.refusal(at("first=10.0.0.1:22 pve2=10.0.0.2:22"))
    assert "decided was 10.0.0.1:22, now it is not in the configuration" in renamed
    assert "first (10.0.0.1:22)" in renamed
    other = two.refusal(at("a=10.9.0.1:22"), UsageError)
    assert "pve1 (10.0.0.1:22), pve2 (10.0.0.2:22)" in other
    more = at("pve1=10.0.0.1:22 pve2=10.0.0.2:22 pve3=10.0.0.3:22")
    assert resuming.resume(more, more.store.open(two.run)).report.status == 0


def test_a_vm_that_is_on_another_node(two):
    two.break_off("qm set", lambda desk: create(desk, ON_PVE1))
    two.site.on(
        "pve1", "mv /etc/pve/nodes/pve1/qemu-server/100.conf /etc/pve/nodes/pve2/qemu-server"
    )
    assert "VM 100: decided was on pve1, now it is on pve2" in two.refusal()


def test_a_vm_that_was_moved_is_not_said_to_be_taken_back(two):
    """Rolled back, the run would be over, and its VM left on the other node unseen."""
    run = two.break_off("qm set", lambda desk: create(desk, ON_PVE1))
    two.site.on("pve1", "qm migrate 100 pve2")
    assert "100.conf" in two.site.on("pve1", "ls /etc/pve/nodes/pve2/qemu-server")
    report = runs.roll_back(two.desk, two.desk.store.open(run))
    assert (report.status, report.open) == (6, True)
    assert "VM 100 of run" in str(report.errors[0])
    assert "pve2" in str(report.errors[0])
    two.site.on("pve2", "qm migrate 100 pve1")
    assert runs.roll_back(two.desk, two.desk.store.open(run)).status == 0
    assert "100.conf" not in two.site.on("pve1", "ls /etc/pve/nodes/*/qemu-server")


def test_a_node_that_does_not_answer(two):
    run = two.break_off("qm clone", lambda desk: create(desk, ON_PVE1))
    down = two.site.lab.loop
    down.do(lambda: two.site.lab.site.faults.order("node-down", "pve1", count=-1))
    assert "pve1 does not answer" in two.refusal(kind=Transient)
    down.do(two.site.lab.site.faults.clear)
    assert resuming.resume(two.desk, two.desk.store.open(run)).report.status == 0


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("vm_sizes: {small: {cpus: 3, memory_mb: 2048, disk_gb: 20}}", "cpus of k8s-worker-1: decided was 1, now it is 3"),
        ("clone: {onboot: true}", "onboot of k8s-worker-1: decided was no, now it is yes"),
        ("clone: {bridge: vmbr9}", "bridge of k8s-worker-1: decided was vmbr0, now it is vmbr9"),
        ("naming: {prefix: lab}", "name: decided was k8s-worker-1, now it is lab-worker-NUMBER"),
        ("cloud_init: {ssh_public_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO6Hh+FhEXHLvmcnYMFyS1h4VqTwGcZCHnmVRNHjUQbL me, user: root}", "user of k8s-worker-1: decided was ubuntu, now it is root"),
        ("roles: {worker: {tags: [blue]}}", "decided was pvekit, worker, now it is blue, pvekit, worker"),
    ],
    ids=lambda value: value[:20],
)  # fmt: skip
def test_a_configuration_that_wants_something_else(world, more, says):
    world.break_off("qm set", lambda desk: create(desk, WORKER))
    assert says in world.refusal(world.configured(more))


def test_a_role_whose_template_is_another(world):
    world.break_off("qm set", lambda desk: create(desk, WORKER))
    told = world.refusal(world.template(name="other"))
    assert "decided was ubuntu-2204-cloud-template, now it is other" in told


def test_a_vm_to_be_deleted_that_another_run_has_made_anew(world):
    first = create(world.desk, WORKER).run
    world.break_off("qm destroy", delete)
    claims = "/etc/pve/priv/pvekit/vmid-100 /etc/pve/priv/pvekit/name-k8s-worker-1"
    world.site.on("pve1", f"qm stop 100; qm destroy 100; rm {claims}")
    second = create(world.desk, WORKER).run
    told = world.refusal()
    assert (
        f"decided was k8s-worker-1 of run {first}, now it is k8s-worker-1 of run {second}" in told
    )
    found = deleting.decided(world.desk, ["k8s-worker-1"], 60)
    assert found.run == ""
    assert deleting.carry_out(world.desk, found).status == 0
    assert world.desk.store.look(world.run).account.status == 6


def test_a_build_whose_vm_is_gone_or_a_strangers(world):
    again = templates.Request(rebuild=True)
    run = world.break_off("qm template", lambda desk: build(desk, again))
    world.site.on("pve1", "qm destroy 9001")
    told = world.refusal()
    assert f"VM 9001: decided was ubuntu-2204-cloud-template of run {run}, now it is gone" in told
    world.site.on("pve1", "qm create 9001 --name web --memory 512")
    assert "now it is web on pve1, which pvekit did not make" in world.refusal()


def test_a_build_of_a_template_that_is_configured_otherwise_by_now(world):
    again = templates.Request(rebuild=True)
    world.break_off("qm template", lambda desk: build(desk, again))
    told = world.refusal(world.template(base_cpus=2))
    assert "template ubuntu-2204-cloud-template: decided was digest " in told
    told = world.refusal(world.template(name="other"))
    assert "now it is not configured" in told


def test_a_run_that_has_ended_or_is_taken_back(world):
    done = create(world.desk, WORKER).run
    with pytest.raises(UsageError, match="has ended with status 0"):
        resuming.resume(world.desk, world.desk.store.open(done))
    run = world.break_off("qm set", lambda desk: create(desk, WORKER))
    world.site.cut = Cut(0, "before", match="qm destroy")
    assert runs.roll_back(world.desk, world.desk.store.open(run)).status == 7
    world.site.cut = None
    assert creating.unfinished(world.desk, WORKER) is None
    with pytest.raises(UsageError, match="is being taken back"):
        resuming.resume(world.desk, world.desk.store.open(run))
    assert runs.roll_back(world.desk, world.desk.store.open(run)).status == 0
    with pytest.raises(UsageError, match="was taken back"):
        resuming.resume(world.desk, world.desk.store.open(run))
    with pytest.raises(PvekitError, match="is taken back already"):
        runs.roll_back(world.desk, world.desk.store.open(run))
