"""``size sample``: what VMs that run use, noted down on the lab as on Proxmox VE 8 and 9."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace

import pytest
from labsite import build_templates, create_vms, desk_for, lab_site

from pvekit.errors import NotFound, PvekitError
from pvekit.lab import usage
from pvekit.lab.site import SiteSpec
from pvekit.operations.selecting import Selection
from pvekit.operations.size_history import demand, read
from pvekit.operations.size_sampling import SECONDS_OFF, prune, sample_key, status, take
from pvekit.operations.vm_wishes import Request
from pvekit.pve import counters
from pvekit.samples import Sample, Samples
from pvekit.shell import LinkLost

WORKER = Request(role="worker", size="small", wait=False)
STEP = 300


@pytest.fixture(scope="module", params=["8.4", "9.2"])
def site(request, tmp_path_factory):
    """Two nodes with two workers each, of which one is off, and records of 2 days."""
    with lab_site(SiteSpec(nodes=2, pve=request.param, history_days=2)) as site:
        desk = desk_for(site, tmp_path_factory.mktemp("build"))
        build_templates(desk)
        create_vms(desk, replace(WORKER, count=4, wait=True))
        (off,) = [vm for vm in desk.inventory().vms if vm.name == "k8s-worker-4"]
        site.on(off.node, f"qm stop {off.vmid}")
        yield site


@pytest.fixture
def desk(site, tmp_path):
    return desk_for(site, tmp_path)


@pytest.fixture
def samples(desk):
    return Samples.of(desk.store)


def states(taken):
    return {each.vm.name: each.state for each in taken.vms}


def later(site, seconds):
    """Let time pass on the nodes."""
    for node in site.lab.site.nodes.values():
        node.machine.clock.ahead[0] += seconds


def asked(site):
    return [argv for argv in site.programs() if argv[0] == "qm" and "exec" in argv]


def ours(desk):
    inventory = desk.inventory()
    return inventory, [vm for vm in inventory.vms if vm.ours and not vm.is_template]


def kept(desk, name):
    """Return all samples of a VM."""
    (vm,) = [vm for vm in ours(desk)[1] if vm.name == name]
    return Samples.of(desk.store).read(sample_key(vm), 0, time.time() + 10 * 86400)


class Watched:
    """A site whose commands with some text are counted, and fail on lost nodes."""

    def __init__(self, site, text, lost=()):
        self.site, self.text, self.lost, self.count = site, text, lost, 0

    def __getattr__(self, name):
        return getattr(self.site, name)

    def shell(self, place):
        inner, watched = self.site.shell(place), self

        class Shell:
            def run(self, command):
                if watched.text in str(command.stdin):
                    watched.count += 1
                    if place in watched.lost:
                        raise LinkLost(f"cut on {place}")
                return inner.run(command)

        return Shell()


def test_every_vm_that_runs_is_sampled_by_one_command_for_each_node(site, tmp_path):
    watched = Watched(site, "# sample.sh")
    desk = desk_for(watched, tmp_path)
    site.forget_programs()
    before = site.picture()
    taken = take(desk, None, Samples.of(desk.store), time.time())
    assert states(taken) == {
        "k8s-worker-1": "sampled",
        "k8s-worker-2": "sampled",
        "k8s-worker-3": "sampled",
        "k8s-worker-4": "stopped",
    }
    assert status(taken) == 0
    assert watched.count == 2
    assert len(asked(site)) == 3
    assert site.programs(changes=True) == []
    assert site.picture() == before
    for each in taken.vms:
        assert kept(desk, each.vm.name) == ((each.sample,) if each.sample else ())
    one = taken.vms[0].sample
    assert one.total_mb == taken.vms[0].vm.memory_mb
    assert 0 < one.used_mb < one.total_mb
    assert (one.some_ms, one.full_ms) == (0, 0)


def test_two_samples_say_what_the_processors_did_between(site, desk, samples):
    ahead = time.time()
    for turn in range(3):
        later(site, STEP * (turn > 0))
        assert status(take(desk, None, samples, ahead + STEP * turn)) == 0
    later(site, -2 * STEP)
    inventory, vms = ours(desk)
    vms = [vm for vm in vms if vm.running]
    uses, problems = read(desk, inventory, vms, 86400)
    assert problems == ()
    for vm in vms:
        used = uses[vm.domain, vm.vmid]
        found = kept(desk, vm.name)
        mean = usage.cpu_seconds(vm.vmid, found[0].at, found[-1].at) / (found[-1].at - found[0].at)
        own = [value for value in used.cpu if value is not None][-2:]
        assert own == pytest.approx([mean * vm.cpus] * 2, rel=0.05)
        # The guest's own figure, without page cache, stands in the place of Proxmox VE's.
        assert demand(used).memory.seen[-1] == found[-1].used_mb
        assert used.memory_mb[0] is not None
        assert used.step_seconds <= STEP
        assert not demand(used).memory_pressure


def test_only_those_that_are_meant(site, desk, samples):
    meant = Selection(("k8s-worker-2", "k8s-worker-4"))
    taken = take(desk, meant, samples, time.time())
    assert states(taken) == {"k8s-worker-2": "sampled", "k8s-worker-4": "stopped"}
    with pytest.raises(NotFound):
        take(desk, Selection(("nobody",)), samples, time.time())


def test_a_second_process_takes_no_second_sample(desk, samples):
    first = take(desk, None, samples, time.time())
    again = take(desk, None, samples, time.time())
    assert set(states(again).values()) == {"recent", "stopped"}
    assert kept(desk, "k8s-worker-1") == (first.vms[0].sample,)


def test_tasks_that_wait_for_memory_keep_it_from_shrinking(site, desk, samples):
    (vm,) = [vm for vm in ours(desk)[1] if vm.name == "k8s-worker-2"]
    faults, do = site.lab.site.faults, site.lab.loop.do
    do(lambda: faults.order("guest-pressure", str(vm.vmid), percent="100"))
    try:
        for turn in range(2):
            later(site, STEP * turn)
            take(desk, None, samples, time.time())
    finally:
        later(site, -STEP)
        do(lambda: faults.clear("guest-pressure"))
    inventory, vms = ours(desk)
    uses, _ = read(desk, inventory, vms)
    waited = {v.name: demand(uses[v.domain, v.vmid]).memory_pressure for v in vms if v.running}
    assert waited == {"k8s-worker-1": False, "k8s-worker-2": True, "k8s-worker-3": False}


@pytest.mark.parametrize(("lost", "ends"), [({"pve2"}, 4), ({"pve1", "pve2"}, 7)])
def test_a_node_that_does_not_say_leaves_a_gap_and_a_status(site, tmp_path, lost, ends):
    desk = desk_for(Watched(site, "# sample.sh", lost), tmp_path)
    taken = take(desk, None, Samples.of(desk.store), time.time())
    assert status(taken) == ends
    for each in taken.vms:
        gone = each.node in lost and each.vm.running
        assert (each.state == "unread") is (each.error is not None) is gone
    assert any(kept(desk, each.vm.name) for each in taken.vms) is (ends == 4)


def test_own_samples_speak_where_the_node_does_not(site, tmp_path):
    desk = desk_for(site, tmp_path)
    for turn in range(2):
        later(site, STEP * turn)
        take(desk, None, Samples.of(desk.store), time.time())
    later(site, -STEP)
    inventory, vms = ours(desk)
    lost = replace(desk, site=Watched(site, "rrddata", {"pve1", "pve2"}))
    uses, problems = read(lost, inventory, vms)
    assert len(problems) == 2
    running = [vm for vm in vms if vm.running]
    assert uses.keys() == {(vm.domain, vm.vmid) for vm in running}
    for vm in running:
        assert demand(uses[vm.domain, vm.vmid]).memory.seen


def test_a_node_whose_clock_is_far_off_is_not_believed_the_time(site, desk, samples):
    later(site, 10 * SECONDS_OFF)
    now = time.time()
    try:
        taken = take(desk, None, samples, now)
    finally:
        later(site, -10 * SECONDS_OFF)
    assert {each.sample.at for each in taken.vms if each.sample} == {int(now)}


def test_samples_that_cannot_be_kept_are_one_error(desk, samples):
    samples.directory.parent.mkdir(parents=True, exist_ok=True)
    samples.directory.write_text("no directory")
    with pytest.raises(PvekitError, match="Cannot keep samples") as refused:
        take(desk, None, samples, time.time())
    assert refused.value.id == "SAMPLES-UNUSABLE"


def test_old_months_go(desk, samples):
    now = time.time()
    samples.add({"100-a": Sample(int(now) - 200 * 86400, 1, 1), "100-b": Sample(int(now), 1, 1)})
    prune(samples, 90 * 86400.0, now)
    assert [path.name[:5] for path in samples.directory.glob("1*")] == ["100-b"]


def test_guests_that_do_not_tell_are_named_once_and_sampled_all_the_same(site, tmp_path):
    """The last test on this site: one of its VMs has no agent from now on, one a mute one."""
    warned = []
    desk = replace(desk_for(site, tmp_path), warn=warned.append)
    found = {vm.name: vm for vm in ours(desk)[1]}
    bare, mute = found["k8s-worker-1"], found["k8s-worker-3"]
    site.lab.loop.do(lambda: site.lab.site.faults.order("guest-silent", str(mute.vmid)))
    for vm, agent in ((bare, 0), (mute, 1)):
        site.on(vm.node, f"qm stop {vm.vmid}; qm set {vm.vmid} --agent {agent}; qm start {vm.vmid}")
    site.forget_programs()
    taken = take(desk, None, Samples.of(desk.store), time.time())
    assert warned == [
        "no guest agent tells of memory in k8s-worker-1, k8s-worker-3: only CPU was sampled"
    ]
    # Who has no agent is not even asked.
    assert len(asked(site)) == 2
    found = {each.vm.name: each.sample for each in taken.vms}
    assert found["k8s-worker-1"].used_mb is found["k8s-worker-3"].used_mb is None
    assert found["k8s-worker-2"].used_mb is not None


# What a node answers


def counted(out: str) -> counters.Counters:
    said = json.dumps({"out-data": out, "exitcode": 0})
    return counters.parse(f"cpu 100 1795000000 5 250\nguest 100 {said}\nend\n")[100]


MEMINFO = "MemTotal: 2097152 kB\nMemFree: 1 kB\nMemAvailable: 1048576 kB\n"
FULL = "full avg10=0.00 avg60=0.00 avg300=0.00 total=2500000"


def test_an_answer_is_read():
    found = counted(f"{MEMINFO}some avg10=1.00 avg60=0.10 avg300=0.00 total=5000000\n{FULL}\n")
    assert (found.at, found.process, found.cpu_seconds) == (1795000000, 5, 2.5)
    assert found.memory == counters.GuestMemory(1024, 2048, 5000, 2500)
    assert counted(MEMINFO).memory == counters.GuestMemory(1024, 2048)


@pytest.mark.parametrize(
    "out",
    ["", "MemTotal: 5 kB\n", "MemTotal: 0 kB\nMemAvailable: 0 kB\n", "x" * 60000,
     "MemTotal: 2048 kB\nMemAvailable: 9999999 kB\n", "MemTotal: -1 kB\nMemAvailable: 1 kB\n",
     f"MemTotal: {'9' * 400} kB\nMemAvailable: 1 kB\n", "\0\x1b[31m\nend\ncpu 101 1 2 3\n",
     "MemTotal: 999999999999999 kB\nMemAvailable: 1 kB\n"],
)  # fmt: skip
def test_what_a_hostile_guest_says_is_no_figure(out):
    found = counted(out)
    assert (found.cpu_seconds, found.memory) == (2.5, None)


@pytest.mark.parametrize("line", ["full total=1e9", f"full {'x' * 300} total=5", "full total=-5"])
def test_a_hostile_pressure_is_none(line):
    assert counted(f"{MEMINFO}{line}\n").memory.full_ms is None


@pytest.mark.parametrize("text", ["", "cpu 100 1 2 3\n", "lab: no"])
def test_half_an_answer_is_an_error(text):
    with pytest.raises(PvekitError):
        counters.parse(text)


@pytest.mark.parametrize("line", ["cpu 100", "cpu 100 1 2", "cpu 100 1 2 x", "cpu 100 1 2 3 4",
                                  f"cpu 100 1 2 {'9' * 19}", "cpu x 1 2 3"])  # fmt: skip
def test_what_is_no_counter_is_left_out(line):
    assert counters.parse(f"{line}\nend\n") == {}


def test_a_guest_cannot_speak_for_another_one():
    told = json.dumps({"out-data": "a\nguest 101 {}\ncpu 101 1 2 3\n"})
    found = counters.parse(f"cpu 100 1795000000 5 250\nguest 100 {told}\nend\n")
    assert re.search("cpu 101", told)
    assert found.keys() == {100}
