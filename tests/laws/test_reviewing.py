"""Reviews of sizes on a PVE cluster and on nodes that stand alone: what is told, sent, and left."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from breaking import DEATH, LINK, MOMENTS, broken, fresh_desk, settle
from labsite import Cut, Killed, lab_site
from plans import build, creating_of, standing

from pvekit.errors import Conflict, NotFound
from pvekit.lab.site import SiteSpec
from pvekit.operations import changing, resuming, reviewing, reviewing_book, reviewing_due, runs
from pvekit.operations.reviewing_order import Follow
from pvekit.operations.reviewing_rows import nodes, proposals, rows
from pvekit.operations.selecting import ALL, Selection
from pvekit.operations.vm_wishes import Request
from pvekit.reviews import Book
from pvekit.shell import LinkLost
from pvekit.sizing.history import memory_steps

DAY = 86400
EVERY = Selection((), (ALL,))
BIG = Request(role="web", size="medium", cpus=8, memory_mb=8192, wait=False)
MARK = "pvekit:v1 kind=vm vmid={0} name={1} role=web run=0123abcd need=4c4096m10g source=given"


def by_hand(vmid, name, more=""):
    """A VM of ours without a system on its disk, and so without an agent."""
    mark = MARK.format(vmid, name)
    created = (
        f"qm create {vmid} --name {name} --memory 4096 --cores 4 --description '{mark}' {more}"
    )
    return "pve2", f"{created} && qm start {vmid}"


def stopped(vmid, name):
    return "pve2", f"{by_hand(vmid, name)[1]} && qm stop {vmid}"


BOTH = pytest.mark.parametrize("saved", ["8.4", "9.2"], indirect=True)
"""On a PVE cluster of version 8, and on nodes of version 9 that stand alone."""


@pytest.fixture(scope="module", params=["8.4"])
def saved(request, tmp_path_factory):
    """Two nodes: big-1 on the first, big-2 (which takes all while it runs) and others beside it."""
    pve = request.param
    spec = SiteSpec(nodes=2, clustered=pve == "8.4", history_days=15, pve=pve)
    beside = [by_hand(230, "bare"), stopped(231, "off"), ("pve1", "qm create 150 --name stranger")]
    wanted = [
        creating_of(Request(**{**vars(BIG), "name": name, "vmid": vmid, "node": node}))
        for name, vmid, node in (("big-1", 210, "pve1"), ("big-2", 211, "pve2"))
    ]
    directory = tmp_path_factory.mktemp("review")
    with standing(spec, directory, build, *wanted, beside=beside) as start:
        plug = start()
        plug.on("pve2", "qm stop 211")
        plug.on("pve2", "qm set 211 --hotplug cpu,memory,disk --numa 1 && qm start 211")
        settle(plug)
        data = plug.save()
        yield lambda: plug.restored(data)


def order(site, kind, match="", **more):
    site.lab.loop.do(lambda: site.lab.site.faults.order(kind, match, **more))


def look(desk, wanted=EVERY, seconds=DAY):
    return reviewing.look(desk, wanted, seconds)


def finding(found, name):
    return next(each for each in found.findings if each.vm.name == name)


def follow(desk, found, wanted=EVERY, **more):
    """Follow a review as the command does."""
    asked = Follow(DAY, wait=False, **more)
    due = reviewing_due.due(found, restarts=asked.allow_restart)
    return changing.carry_out(desk, changing.begin(desk, asked, wanted, due.works))[1]


def options(site, node, vmid):
    lines = site.on(node, f"qm config {vmid} --current 1").splitlines()
    told = dict(line.split(": ", 1) for line in lines)
    return int(told["cores"]), int(told["memory"])


class Watched:
    """A site that counts the commands that are sent by node; links to some are lost for some."""

    def __init__(self, site, lost=(), match="\0"):
        self.site, self.lost, self.match, self.sent = site, lost, match, []

    def __getattr__(self, name):
        return getattr(self.site, name)

    def shell(self, place):
        inner, watched = self.site.shell(place), self

        class Shell:
            def run(self, command):
                watched.sent.append((place, command.input().decode()))
                if place in watched.lost and watched.match in command.input().decode():
                    raise LinkLost(f"cut on {place}")
                return inner.run(command)

        return Shell()


@BOTH
def test_a_review_tells_of_all_that_run_and_sends_no_change(site, desk):
    before = site.picture()
    site.forget_programs()
    found = look(desk)
    assert site.programs(changes=True) == []
    assert site.picture() == before
    assert runs.listed(desk.store) == []
    assert [each.vm.name for each in found.findings] == ["big-1", "big-2", "bare"]
    assert [(each.name, each.why) for each in found.left_out] == [("off", "it is stopped")]
    for row in rows(found)[:2]:
        assert row["cpu_p50"] <= row["cpu_p95"] <= row["cpu_p99"] <= row["cpu_max"] <= 8
        assert row["memory_p50"] <= row["memory_p99"] <= row["memory_max"] <= 8192
        assert row["cpu_slack"] == pytest.approx(100 * (8 - row["cpu_p99"]) / 8, abs=0.1)
        assert (row["signs"], row["oom_kills"], row["memory_pressure"]) == ([], 0, 0.0)
        assert row["recommended_cpus"] < 8
        assert row["memory_max"] <= row["recommended_memory_mb"] < 8192
        assert (row["how"], row["left_out"], row["confidence"]) == ("restart", "", "high")


def test_nodes_and_first_sizes_are_summed_up(site, desk):
    found = look(desk)
    one, two = nodes(found)
    (big,) = (row for row in rows(found) if row["name"] == "big-1")
    assert (one["node"], one["vms"], one["changes"]) == ("pve1", 1, 1)
    assert one["cpus_change"] == big["recommended_cpus"] - 8 < 0
    assert one["memory_change_mb"] == big["recommended_memory_mb"] - 8192 < 0
    assert two["vms"] == 2
    preset, given = proposals(found)
    assert (preset["source"], preset["count"], preset["too_small"]) == ("preset", 2, 0.0)
    assert (given["source"], given["count"]) == ("given", 1)
    assert preset["cpu_error_mean"] > 0 < preset["memory_error_median"]


@BOTH
@pytest.mark.parametrize("count", [9, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("seconds", "reads"), [(7 * DAY, 1), (DAY, 2), (30 * DAY, 2)])
def test_nodes_are_asked_once_for_all_their_vms(site, desk, seconds, reads, count):
    many = f"for i in $(seq 300 {299 + count}); do {{0}} >/dev/null || exit 1; done"
    create = MARK.format("$i", "many-$i")
    one = f'qm create $i --name many-$i --memory 128 --description "{create}" && qm start $i'
    site.on("pve2", many.format(one))
    watched = Watched(site)
    found = look(replace(desk, site=watched), seconds=seconds)
    assert len(found.findings) == count + 3
    for place in ("pve1", "pve2"):
        sent = [text for where, text in watched.sent if where == place]
        assert sum("rrddata" in text for text in sent) == reads
        assert sum("oom-kill" in text for text in sent) == 1
        # Besides these the site is read, and in one place of a PVE cluster high availability.
        assert len(sent) <= reads + 4


@BOTH
def test_memory_grows_where_a_kernel_killed_and_each_vm_gets_its_own_numbers(site, desk):
    order(site, "guest-oom", "211", count=3, process="postgres")
    found = look(desk)
    oom = finding(found, "big-2")
    assert oom.review.signs == ("oom",)
    assert oom.review.because.startswith("the kernel killed 3 processes (postgres) for want of")
    assert oom.review.memory_mb == memory_steps(8192 * 1.3)
    big = finding(found, "big-1").review
    assert follow(desk, found, allow_restart=True).status == 0
    assert options(site, "pve1", 210) == (big.cpus, big.memory_mb)
    assert options(site, "pve2", 211) == (oom.review.cpus, oom.review.memory_mb)
    (run,) = runs.listed(desk.store)
    assert (run.command, run.status) == ("size review", 0)


def test_what_can_be_plugged_in_needs_no_restart(site, desk):
    site.on("pve2", "qm stop 211 && qm set 211 --cores 1 --memory 1024 && qm start 211")
    order(site, "guest-oom", "211")
    found = look(desk, Selection(("big-2",)))
    effect = finding(found, "big-2").effect
    assert effect.how == "hot-plug"
    site.forget_programs()
    assert follow(desk, found, Selection(("big-2",))).status == 0
    assert [argv[1] for argv in site.programs(changes=True) if argv[0] == "qm"] == ["set"]
    assert options(site, "pve2", 211) == (1, 1408)
    # Its kernel still tells of what it killed, but that was before it grew.
    assert "Out of memory" in site.on("pve2", "qm guest exec 211 -- dmesg")
    grown = finding(look(desk), "big-2").review
    assert (grown.signs, grown.memory_mb <= 1408) == ((), True)
    order(site, "guest-oom", "211", ago="0")
    assert finding(look(desk), "big-2").review.signs == ("oom",)


def test_without_leave_to_restart_only_what_is_plugged_in_is_done(site, desk):
    site.on("pve2", "qm stop 211 && qm set 211 --cores 1 --memory 1024 && qm start 211")
    order(site, "guest-oom", "211")
    due = reviewing_due.due(look(desk), restarts=False)
    assert [work.vm.name for work in due.works] == ["big-2"]
    assert ("big-1", "it needs a restart: --allow-restart") in due.left_out


def test_a_restart_has_to_be_allowed(site, desk):
    found = look(desk)
    site.forget_programs()
    with pytest.raises(Conflict, match="takes a restart"):
        follow(desk, found)
    assert site.programs(changes=True) == []
    assert runs.listed(desk.store) == []


def test_a_run_that_died_is_gone_on_with_by_its_own_numbers(site, desk):
    found = look(desk)
    wanted = {each.vm.name: (each.review.cpus, each.review.memory_mb) for each in found.findings}
    site.cut = Cut(0, "killed after", match="qm set")
    with suppress(Killed):
        follow(desk, found, allow_restart=True)
    site.cut = None
    settle(site)
    asked = Follow(DAY, allow_restart=True, wait=False)
    journal = reviewing_due.unfinished(desk, asked, EVERY)
    assert journal is not None
    order(site, "guest-oom", "210")  # what a review would say by now does not count
    assert resuming.resume(desk, journal).report.status == 0
    assert options(site, "pve1", 210) == wanted["big-1"]
    assert options(site, "pve2", 211) == wanted["big-2"]
    assert reviewing_due.unfinished(desk, asked, EVERY) is None


SOME = (pytest.param("during", 23), pytest.param("killed after", 23))
ALL_POINTS = [pytest.param(when, 1, marks=pytest.mark.slow) for when in (*LINK, *DEATH)]


@pytest.mark.parametrize(("when", "every"), [*SOME, *ALL_POINTS])
def test_broken_off_anywhere_the_same_command_makes_it_whole(
    saved, tmp_path, when, every, record_property
):
    points = 0
    for at in range(MOMENTS.index(when) * 7 % every, 10_000, every):
        site = saved()
        desk = fresh_desk(site, tmp_path, f"desk{at}")
        found = look(desk)
        if not broken(lambda desk, found=found: given(desk, found), desk, site, at, when).struck:
            break
        points += 1
        assert given(desk, found).status == 0
        settle(site)
        for each in found.findings:
            wanted = each.review.cpus, each.review.memory_mb
            assert options(site, each.target.node, each.vm.vmid) == wanted
            status = site.on(each.target.node, f"qm status {each.vm.vmid}")
            assert status == "status: running\n", (when, at)
        assert {run.state for run in runs.listed(desk.store)} == {"finished"}
    assert points
    record_property("break points", points)


def given(desk, found):
    """Give the command: go on with its run, or follow the review."""
    asked = Follow(DAY, allow_restart=True, wait=False)
    journal = reviewing_due.unfinished(desk, asked, EVERY)
    if journal is not None:
        return changing.carry_out(desk, journal)[1]
    return follow(desk, found, allow_restart=True)


def test_a_run_that_died_before_it_had_decided_is_not_gone_on_with(site, desk):
    asked = Follow(DAY, allow_restart=True)
    changing.begin(desk, asked, EVERY, []).close()
    site.forget_programs()
    assert reviewing_due.unfinished(desk, asked, EVERY) is None
    again = changing.begin(desk, asked, EVERY, [])
    with pytest.raises(Conflict, match="had decided"):
        changing.carry_out(desk, again)
    assert site.programs(changes=True) == []


def test_twice_is_once(site, desk):
    found = look(desk)
    assert follow(desk, found, allow_restart=True).status == 0
    settle(site)
    # The lab's VMs use parts of what they have: what they used before, a review would find again.
    site.forget_programs()
    assert follow(desk, found, allow_restart=True).status == 0
    assert site.programs(changes=True) == []


def test_what_is_locked_or_under_high_availability_is_left_out(site, desk):
    site.on("pve1", "qm set 210 --lock backup")
    site.on("pve2", "printf 'vm: 211\\n\\tstate started\\n' >/etc/pve/ha/resources.cfg")
    found = look(desk)
    assert finding(found, "big-1").effect.left_out == "it is locked (backup)"
    assert finding(found, "big-2").effect.left_out == "high availability looks after it"
    due = reviewing_due.due(found, restarts=True)
    assert dict(due.left_out).keys() == {"big-1", "big-2"}
    assert "big-1" not in [work.vm.name for work in due.works]


def test_what_finds_no_room_is_left_out(site, desk):
    site.on("pve2", "qm create 500 --name fat --memory 50000")
    order(site, "guest-oom", "211")
    found = look(desk)
    assert "has no room for" in finding(found, "big-2").effect.left_out


def test_a_strangers_vm_is_refused_and_one_that_is_not_there(site, desk):
    site.on("pve1", "qm start 150")
    with pytest.raises(Conflict, match="not ours"):
        look(desk, Selection(("stranger",)))
    with pytest.raises(NotFound):
        look(desk, Selection(("nosuch",)))
    assert "stranger" not in [each.vm.name for each in look(desk).findings]


def test_a_guest_without_an_agent_is_reviewed_by_what_the_node_says(site, desk):
    found = look(desk)
    bare = finding(found, "bare")
    assert bare.signs is None
    assert bare.review.cpu is not None
    (row,) = (row for row in rows(found) if row["name"] == "bare")
    assert (row["oom_kills"], row["memory_pressure"], row["uptime_days"]) == (None, None, None)


@BOTH
def test_pressure_on_memory_keeps_it_as_it_is(site, desk):
    order(site, "guest-pressure", "210", percent="3")
    found = finding(look(desk), "big-1").review
    assert (found.memory_mb, found.signs) == (8192, ("memory-pressure",))


HOSTILE = (
    "signs 211 {}\n" * 3,
    "\x1b[2J\x00\xff[1;31m" * 50,
    "Out of memory: Killed process 1 (x)\n" * 100_000,
    '"}\nsigns 211 {"exitcode":0,"out-data":"99.0 1.0\\n[ 98.0] Out of memory: Killed process 7 (y)"}\n',
    "[ 0.1] h kernel: Out of memory: Killed process 1 ($(reboot)\x1b) x\n" * 1000,
    "[" + "9" * 100_000 + ".0] h kernel: Out of memory: Killed process 1 (x)\n",
)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_guest_speaks_for_itself_alone_and_not_at_length(site, desk, text):
    guest = site.lab.site.nodes["pve1"].guest(210)

    async def said(process):
        await process.say(text)
        return 0

    for name in ("journalctl", "dmesg"):
        guest.machine.programs[name] = said
    quiet = finding(look(desk), "big-2").review
    found = look(desk)
    assert quiet.signs == ()
    big = finding(found, "big-1")
    assert big.signs is None or big.signs.kills <= 40
    assert big.review.memory_mb <= memory_steps(8192 * 1.3)
    told = str(rows(found))
    assert "\x1b" not in told
    assert "$(" not in told


def test_a_guest_that_says_it_uses_more_than_it_has_is_not_believed(site, desk):
    guest = site.lab.site.nodes["pve1"].guest(210)
    guest.machine.proc.texts |= {
        "meminfo": lambda: "MemTotal:       999999999999 kB\nMemAvailable:          1 kB\n",
        "pressure/memory": lambda: "full avg10=0.00 avg60=0.00 avg300=999999999.00 total=1\n",
    }
    found = finding(look(desk), "big-1").review
    assert found.memory.used.max == 8192
    assert found.memory_mb <= memory_steps(8192 * 1.3)


def test_a_hostile_guest_that_says_no_end_is_cut_off(site, desk):
    guest = site.lab.site.nodes["pve1"].guest(210)

    async def endless(process):
        for _ in range(20_000):
            await process.say("[    1.0] Out of memory: Killed process 1 (x)" * 40 + "\n")
        return 0

    guest.machine.programs["journalctl"] = endless
    assert finding(look(desk), "big-2").signs is not None


@pytest.mark.parametrize(("match", "told"), [("rrddata", "history"), ("oom-kill", "signs")])
def test_a_node_that_does_not_say_all_is_told_and_the_others_reviewed(site, desk, match, told):
    found = look(replace(desk, site=Watched(site, lost=("pve2",), match=match)))
    assert [each for each in found.problems if told in each and "pve2" in each]
    assert finding(found, "big-1").review.cpu is not None
    assert finding(found, "big-1").signs is not None
    unheard = finding(found, "big-2")
    assert (unheard.review.cpu is None) is (told == "history")
    assert (unheard.signs is None) is (told == "signs")
    if told == "history":
        assert (unheard.review.cpus, unheard.review.memory_mb) == (8, 8192)


@BOTH
def test_a_node_that_is_down_is_no_reason_to_say_nothing_of_the_others(site, desk):
    order(site, "node-down", "pve2", how="refused")
    found = look(desk)
    assert [each.vm.name for each in found.findings] == ["big-1"]
    silent = {each.name for each in found.left_out if each.silent}
    assert silent in ({"big-2", "bare", "off"}, set())  # a PVE cluster tells of them, others cannot
    assert (found.silent_nodes, found.whole) == (("pve2",), False)


def test_what_was_found_is_kept_for_later_sizes(site, desk):
    found = look(desk)
    reviewing_book.keep(desk, found)
    kept = {each.name: each for each in Book.of(desk.store).read()}
    assert kept.keys() == {"big-1", "big-2", "bare"}
    big = kept["big-1"]
    assert (big.source, big.role, big.cpus, big.memory_mb) == ("preset", "web", 8, 8192)
    assert (big.proposed.cpus, big.proposed.memory_mb) == (8, 8192)
    assert big.memory == finding(found, "big-1").review.memory.used


def test_nothing_is_recorded_of_a_vm_that_was_just_made(tmp_path):
    with lab_site(SiteSpec(nodes=1, clustered=False, pve="9.2")) as site:
        site.on("pve1", by_hand(230, "young")[1])
        site.lab.site.clusters[0].born["230"] -= 150
        found = look(fresh_desk(site, tmp_path, "desk"))
        (young,) = found.findings
        assert young.review.cpu.used.samples in (2, 3)
        assert (young.review.cpus, young.review.memory_mb) == (4, 4096)
        assert young.review.confidence == "low"
        assert proposals(found) == []


def test_a_site_without_a_vm_of_ours_has_nothing_to_review(tmp_path):
    with lab_site(SiteSpec(nodes=1, clustered=False)) as site:
        desk = fresh_desk(site, tmp_path, "desk")
        assert look(desk).findings == ()
        with pytest.raises(NotFound):
            look(desk, Selection((), ("role=web",)))
