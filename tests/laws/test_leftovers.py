"""``gc``: after any crash the site is as before; what is at work or a stranger's is never touched."""

from __future__ import annotations

import contextlib
import json
import socket

import pytest
import yaml
from breaking import LINK, difference, fresh_desk
from labsite import PLAN, Cut, Killed, build_templates, desk_for, lab_site
from test_deleting import SOME, delete
from test_going_on import ONE, build, create

from pvekit.errors import PvekitError, UsageError
from pvekit.lab.site import SiteSpec
from pvekit.operations import collecting, creating, resuming, runs, templates, vm_wishes

CLAIMS = "/etc/pve/priv/pvekit"
RUN = "0dead0"
DAY = 24 * 3600


def gc(desk, *gone: str):
    """Look and remove; return what was found."""
    with collecting.looked(desk, frozenset(gone)) as sight:
        if sight.found.leftovers:
            report = collecting.remove(desk, sight)
            assert report.status == 0, report.errors
        return sight.found


def kinds(found) -> list[str]:
    return sorted(each.kind for each in found.leftovers)


def settle(site) -> None:
    """Let the jobs on the nodes come to their ends: what is at work is no leftover."""
    look = 'for d in /run/pvekit/jobs/*; do [ ! -d "$d" ] || [ -e "$d/rc" ] || echo "$d"; done'
    while any(site.on(node, look) for node in site.lab.site.nodes):
        pass


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    with lab_site(ONE) as site:
        # A stranger's VM, a stranger's disk without one, and the volume of somebody's Kubernetes.
        site.on("pve1", "qm create 150 --name stranger --memory 512 --scsi0 local-lvm:1")
        site.on("pve1", "pvesm alloc local-lvm 160 vm-160-disk-0 1G")
        site.on("pve1", "pvesm alloc local-lvm 9999 vm-9999-pvc-1 1G")
        assert build(desk_for(site, tmp_path_factory.mktemp("made"))).status == 0
        templated = site.save()
        assert create(desk_for(site, tmp_path_factory.mktemp("vm")))[1].status == 0
        yield site, {"templated": templated, "made": site.save()}


@SOME
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_broken_off_deletion_leaves_a_whole_vm_or_none(saved, tmp_path, when, every):
    gone = saved[0].restored(saved[1]["made"])
    assert delete(desk_for(gone, tmp_path)).status == 0
    wanted, points = gone.picture(), 0
    for at in range(LINK.index(when) % every, 1000, every):
        site = saved[0].restored(saved[1]["made"])
        whole = site.picture()
        desk = fresh_desk(site, tmp_path, f"at{at}")
        site.cut = Cut(at, when)
        with contextlib.suppress(PvekitError):
            delete(desk)
        struck, site.cut = site.cut.struck, None
        if not struck:
            break
        settle(site)
        gc(desk)
        running = {**whole, "pve1": [line for line in whole["pve1"] if not line.startswith("100.")]}
        assert site.picture() in (wanted, whole, running), at
        assert gc(desk).leftovers == (), at
        points += 1
    assert points > 8 // every


@pytest.fixture
def site(saved):
    return saved[0].restored(saved[1]["templated"])


@pytest.fixture
def desk(site, tmp_path):
    return desk_for(site, tmp_path)


def test_right_after_a_creation_nothing_is_found(site, desk):
    assert create(desk)[1].status == 0
    found = gc(desk)
    assert found.leftovers == ()
    assert {each.what for each in found.left_alone} == {
        "disk images of VM 160: local-lvm:vm-160-disk-0"
    }


def test_what_is_left_alone_says_how_to_look_at_it(desk):
    (alone,) = gc(desk).left_alone
    assert "not provably ours" in alone.why
    assert alone.look == "pvesm list local-lvm --vmid 160"


def test_the_live_runs_of_this_machine_are_no_leftovers(site, desk, tmp_path):
    site.cut = Cut(0, "before", match="qm set 100")
    assert create(desk)[1].status == 7
    site.cut = None
    before = site.picture()
    (run,) = [each.run for each in runs.listed(desk.store) if each.state == "unfinished"]
    journal = desk.store.open(run)  # as its process would
    assert gc(desk).leftovers == ()
    journal.close()
    assert site.picture() == before
    assert "vm" in kinds(gc(desk))


def claim(site, host: str, age: float, vmid: int = 100) -> None:
    now = float(site.on("pve1", "date +%s"))
    line = json.dumps(
        {"run": RUN, "vmid": vmid, "name": "x", "host": host, "pid": 1, "time": now - age},
        separators=(",", ":"),
    )
    site.on("pve1", f"mkdir -p {CLAIMS}; echo '{line}' >{CLAIMS}/vmid-{vmid}")


STUB = "printf '# qmclone temporary file\\nlock: clone\\n' >/etc/pve/qemu-server/100.conf"
DISK = "pvesm alloc local-lvm 100 vm-100-disk-0 1G"


@pytest.mark.parametrize("age", [60, 30 * DAY])
def test_what_another_machine_claims_is_never_touched(site, desk, age):
    claim(site, "elsewhere", age)
    site.on("pve1", STUB)
    site.on("pve1", DISK)
    before = site.picture()
    found = gc(desk)
    assert found.leftovers == ()
    told = [each for each in found.left_alone if "100" in each.what]
    assert bool(told) is (age > DAY)
    assert site.picture() == before


def test_what_a_machine_that_is_gone_claimed_is_removed(site, desk):
    before = site.picture()
    claim(site, "elsewhere", DAY)
    site.on("pve1", STUB)
    site.on("pve1", DISK)
    assert kinds(gc(desk, "elsewhere")) == ["claim", "vm", "volume"]
    assert site.picture() == before


def test_a_process_of_another_user_here_is_not_taken_for_dead(site, desk):
    claim(site, socket.gethostname(), 10 * DAY)
    assert gc(desk).leftovers == ()


@pytest.mark.parametrize(
    "damage", ["x\n", '{"event":"run","format":99}\n'], ids=["damaged", "newer"]
)
def test_a_run_whose_journal_cannot_be_read_counts_as_at_work(site, desk, damage):
    """What nobody can read proves nothing: neither that the run is over, nor that it is dead."""
    site.cut = Cut(0, "before", match="qm set")
    run = create(desk)[1].run
    site.cut = None
    path = desk.store.directory / f"{run}.jsonl"
    told = path.read_text()
    path.write_text(damage + told)
    before = site.picture()
    assert gc(desk).leftovers == ()
    assert site.picture() == before
    path.write_text(told)
    assert "vm" in kinds(gc(desk))


def test_a_collection_that_died_is_not_gone_on_with_but_begun_again(site, desk):
    before = site.picture()
    site.cut = Cut(0, "before", match="qm set")
    create(desk)
    site.cut = Cut(0, "killed before", match="qm destroy")
    with pytest.raises(Killed), collecting.looked(desk) as sight:
        collecting.remove(desk, sight)
    site.cut = None
    (dead,) = [each for each in runs.listed(desk.store, unfinished=True) if each.command == "gc"]
    for way in (resuming.foresee, resuming.resume, runs.roll_back):
        with pytest.raises(UsageError) as refusal:
            way(desk, desk.store.open(dead.run))
        assert refusal.value.hint == "`pvekit gc` looks at everything again."
    gc(desk)
    assert site.picture() == before
    assert runs.listed(desk.store, unfinished=True) == []


def test_a_clone_that_is_still_made_is_left_alone(site, desk):
    claim(site, "elsewhere", DAY)
    site.on("pve1", STUB)
    site.on("pve1", "mkdir -p /var/lock/qemu-server")
    waiting = "while [ ! -e /tmp/go ]; do sleep 1; done"
    hold = f'flock /var/lock/qemu-server/lock-100.conf sh -c "{waiting}"'
    site.on("pve1", f"setsid sh -c '{hold}' </dev/null >/dev/null 2>&1 &")
    while "held" not in held(site):
        pass
    before = site.picture()
    found = gc(desk, "elsewhere")
    assert found.leftovers == ()
    assert any("still being made" in each.why for each in found.left_alone)
    assert site.picture() == before
    site.on("pve1", "touch /tmp/go")


def held(site) -> str:
    return site.on("pve1", "flock -n /var/lock/qemu-server/lock-100.conf true || echo held")


def test_disks_that_lay_there_before_the_clone_are_not_ours(site, desk):
    site.cut = Cut(0, "after", match="vmid-100 name-")
    with contextlib.suppress(PvekitError):
        create(desk)
    site.cut = None
    if not site.on("pve1", f"ls {CLAIMS}").strip():
        pytest.fail("the claim was not made")
    site.on("pve1", DISK)
    found = gc(desk)
    assert "volume" not in kinds(found)
    assert "vm-100-disk-0" in site.on("pve1", "pvesm list local-lvm")


def test_a_vm_that_was_not_ready_in_time_is_kept(site, desk):
    site.lab.loop.do(lambda: site.lab.site.faults.order("guest-silent", count=-1))
    request = vm_wishes.Request(role="worker", size="small", timeout=20.0)
    report = creating.carry_out(desk, request, creating.begin(desk, request))[1]
    assert report.status == 9
    found = gc(desk)
    assert "vm" not in kinds(found)
    assert "name: k8s-worker-1" in site.on("pve1", "cat /etc/pve/qemu-server/100.conf")


def test_of_several_the_whole_ones_are_kept(site, desk):
    site.cut = Cut(1, "before", match="qm set")
    assert create(desk, count=2)[1].status == 4
    site.cut = None
    settle(site)
    gc(desk)
    (name,) = [row for row in site.on("pve1", "qm list").splitlines() if "k8s-worker" in row]
    assert "running" in name


def test_a_disk_that_is_only_pending_goes_with_its_vm(site, desk):
    """A node may lose its power after a drive was written down, but before it was attached."""
    site.cut = Cut(0, "before", match="qm set 100")
    assert create(desk)[1].status == 7
    site.cut = None
    site.on("pve1", "pvesm alloc local-lvm 100 vm-100-disk-9 1G")
    pending = "[PENDING]\\nscsi3: local-lvm:vm-100-disk-9,size=1G\\n"
    site.on("pve1", f"printf '{pending}' >>/etc/pve/local/qemu-server/100.conf")
    gc(desk)
    assert "vm-100-" not in site.on("pve1", "pvesm list local-lvm")
    assert gc(desk).leftovers == ()


def test_downloads_and_builds_that_nobody_goes_on_with(site, desk):
    folder = desk.config.image_dir
    site.on("pve1", f"mkdir -p {folder}/images {folder}/build/9005-abcdef012345 {folder}/mine")
    site.on(
        "pve1", f"echo x >{folder}/images/0123-jammy.img.part; echo x >{folder}/images/keep.img"
    )
    assert kinds(gc(desk)) == ["build", "download"]
    left = site.on("pve1", f"ls {folder}/images {folder}/build {folder}")
    assert "keep.img" in left
    assert "mine" in left
    assert ".part" not in left
    assert "9005" not in left


def test_a_build_that_another_machine_claims_is_left(site, desk):
    claim(site, "elsewhere", 60, vmid=9005)
    site.on("pve1", f"mkdir -p {desk.config.image_dir}/build/9005-abcdef012345")
    assert gc(desk).leftovers == ()


def rebuilt(desk) -> None:
    build_templates(desk, templates.Request(rebuild=True))


def test_an_older_generation_goes_and_the_newest_stays(site, desk):
    rebuilt(desk)
    assert kinds(gc(desk)) == ["old template"]
    rows = [line.split()[0] for line in site.on("pve1", "qm list").splitlines()[1:]]
    assert "9001" in rows
    assert "9000" not in rows
    assert create(desk)[1].status == 0


def test_an_older_generation_is_kept_while_somebody_may_clone_it(site, desk):
    rebuilt(desk)
    claim(site, "elsewhere", 60)
    found = gc(desk)
    assert found.leftovers == ()
    assert any("may be cloning it" in each.why for each in found.left_alone)


def test_a_protected_one_is_kept(site, desk):
    rebuilt(desk)
    site.on("pve1", "qm set 9000 --protection 1")
    assert gc(desk).leftovers == ()


@pytest.mark.parametrize("change", ["--cores 3", "--description mine"])
def test_what_changes_between_look_and_removal_stays(site, desk, change):
    site.cut = Cut(0, "before", match="qm start")
    assert create(desk)[1].status == 7
    site.cut = None
    with collecting.looked(desk) as sight:
        site.on("pve1", f"qm set 100 {change}")
        report = collecting.remove(desk, sight)
        assert (6 in {error.exit_status for error in report.errors}) is ("cores" in change)
    assert change.split()[1] in site.on("pve1", "qm config 100")


def test_looking_changes_nothing(site, desk):
    site.cut = Cut(0, "before", match="qm set 100")
    create(desk)
    site.cut = None
    before = site.picture()
    site.forget_programs()
    with collecting.looked(desk) as sight:
        assert sight.found.leftovers
    assert site.programs(changes=True) == []
    assert site.picture() == before


@pytest.mark.parametrize("storage", ["rbd", "dir"])
@pytest.mark.parametrize("place", ["qm clone", "qm set 10", "qm disk resize", "qm start"])
def test_on_a_pve_cluster_with_other_storage_the_site_is_as_before(tmp_path, storage, place):
    with lab_site(SiteSpec(nodes=2, storage=storage)) as site:
        rows = map(str.split, site.on("pve1", "pvesm status").splitlines())
        name = next(row[0] for row in rows if row[1] == storage and row[0] != "local")
        template = {**yaml.safe_load(PLAN.read_text())["vm_template"], "storage_pool": name}
        template["signing_key"] = str(tmp_path / "images.gpg")
        desk = desk_for(site, tmp_path, more=yaml.safe_dump({"vm_template": template}))
        assert build(desk).status == 0
        before = site.picture()
        site.cut = Cut(0, "after", match=place)
        assert create(desk, count=2)[1].status in (4, 7)
        site.cut = None
        settle(site)
        found = gc(desk)
        assert found.leftovers
        assert gc(desk).leftovers == ()
        kept = site.on("pve1", "cat /etc/pve/nodes/*/qemu-server/*.conf").count("kind=vm")
        assert kept <= 1
        assert kept or difference(site.picture(), before) == []
