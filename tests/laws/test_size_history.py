"""Sizes from what similar VMs have used: read on the lab as Proxmox VE 8 and 9 keep it."""

from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from labsite import Cut, Killed, build_templates, create_vms, desk_for, lab_site

import pvekit
from pvekit.lab.site import SiteSpec
from pvekit.operations import creating, fitting, placing
from pvekit.operations.size_history import demand, read
from pvekit.operations.vm_wishes import Request
from pvekit.pve.use import Use, parse
from pvekit.shell import LinkLost

WORKER = Request(role="worker", size="small", wait=False)
AUTO = Request(role="worker", size="auto", wait=False)


@pytest.fixture(scope="module", params=["8.4", "9.2"])
def site(request, tmp_path_factory):
    """Two nodes with a template each and two small workers, of which records begin 8 days ago."""
    with lab_site(SiteSpec(nodes=2, pve=request.param, history_days=8)) as site:
        desk = desk_for(site, tmp_path_factory.mktemp("build"))
        build_templates(desk)
        create_vms(desk, replace(WORKER, count=2))
        create_vms(desk, replace(WORKER, role="pg", size="", workload="postgres", count=2))
        yield site


def placed(desk, request):
    return placing.ask(desk, request).places[0]


def asked_of_history(site):
    """Return what was asked of the records: always the highest of each interval."""
    asked = [argv for argv in site.programs() if "rrddata" in " ".join(argv)]
    assert all(argv[argv.index("--cf") + 1] == "MAX" for argv in asked), asked
    return asked


def test_a_size_comes_from_similar_vms_and_says_so(site, tmp_path):
    site.forget_programs()
    before = site.picture()
    found = placed(desk_for(site, tmp_path), AUTO)
    assert (found["source"], found["confidence"]) == ("history", "medium")
    # The two have 1 CPU and 2048 MiB each; a part of what is in use is page cache.
    assert found["cpus"] == 1
    assert 512 <= found["memory_mb"] <= 2048
    assert found["memory_mb"] % 128 == 0
    assert found["disk_gb"] == 80
    assert found["evidence"][0] == "similar VMs: k8s-worker-2, k8s-worker-1"
    assert found["evidence"][1].startswith("cpus of similar VMs: 2 VMs, ")
    assert site.picture() == before
    assert site.programs(changes=True) == []
    assert len(asked_of_history(site)) == 2


def test_nothing_is_read_where_nothing_is_similar_or_left_to_choose(site, tmp_path):
    desk = desk_for(site, tmp_path)
    site.forget_programs()
    assert placed(desk, replace(AUTO, role="other"))["source"] == "preset"
    assert placed(desk, replace(AUTO, workload="redis"))["source"] == "preset"
    assert placed(desk, WORKER)["source"] == "preset"
    assert placed(desk, replace(AUTO, cpus=1, memory_mb=600, disk_gb=30))["source"] == "given"
    assert asked_of_history(site) == []


def test_the_class_of_a_text_finds_its_vms_and_its_amounts_stay(site, tmp_path):
    desk = desk_for(site, tmp_path)
    found = placed(desk, replace(AUTO, role="db", workload="postgres, 400 qps"))
    # CPUs and memory are counted from the queries: nothing is left for history to say.
    assert (found["source"], found["cpus"], found["workload"]) == ("preset", 2, "postgresql")
    found = placed(desk, replace(AUTO, role="db", workload="postgres with 16 GB ram"))
    assert (found["source"], found["memory_mb"]) == ("history", 16384)
    assert found["evidence"][0] == "similar VMs: k8s-pg-2, k8s-pg-1"


def test_what_is_raised_to_the_floor_of_the_class_is_said_to_be(site, tmp_path):
    catalogue = tmp_path / "sizes"
    catalogue.mkdir()
    (catalogue / "pg.yaml").write_text(
        """postgresql:
  words: [postgres]
  preset: large
  because: it is wanted so
  source: measured
  floor: {cpus: 3, memory_mb: 5120, disk_gb: 20}
"""
    )
    desk = desk_for(site, tmp_path, more=f"sizes_dir: {catalogue}")
    found = placed(desk, replace(AUTO, role="db", workload="postgres"))
    assert (found["source"], found["cpus"], found["memory_mb"]) == ("history", 3, 5120)
    assert "no fewer CPUs than 3, the least of the workload class postgresql" in found["because"]
    assert "no less memory than 5120 MiB, the least of the workload class" in found["because"]


class Watched:
    """A site whose reading of records is counted, or fails as a lost link does."""

    def __init__(self, site, lost=()):
        self.site, self.lost, self.count = site, lost, 0

    def __getattr__(self, name):
        return getattr(self.site, name)

    def shell(self, place):
        inner, watched = self.site.shell(place), self

        class Shell:
            def run(self, command):
                if "rrddata" in str(command.stdin):
                    watched.count += 1
                    if place in watched.lost:
                        raise LinkLost(f"cut on {place}")
                return inner.run(command)

        return Shell()


@pytest.mark.parametrize(("lost", "source"), [((), "history"), (("pve1", "pve2"), "preset")])
def test_one_command_for_each_node_and_an_answer_even_without(site, tmp_path, lost, source):
    watched = Watched(site, lost)
    found = placed(desk_for(watched, tmp_path), AUTO)
    assert (found["source"], watched.count) == (source, 2)
    told = [each for each in found["evidence"] if each.startswith("no history from")]
    assert sorted(told) == [f"no history from {node}: cut on {node}" for node in sorted(lost)]


def test_all_nodes_are_asked_at_the_same_time(site, tmp_path):
    """Each waits for the other one: one after the other, they would wait in vain."""
    both = threading.Barrier(2, timeout=30)

    class Together(Watched):
        def shell(self, place):
            inner = super().shell(place)

            class Shell:
                def run(self, command):
                    if "rrddata" in str(command.stdin):
                        both.wait()
                    return inner.run(command)

            return Shell()

    assert placed(desk_for(Together(site), tmp_path), AUTO)["source"] == "history"


@pytest.mark.parametrize(("ago", "counts"), [(3600, True), (2 * 86400, True), (4 * 86400, False)])
def test_pressure_that_9_has_recorded_counts_for_3_days(site, tmp_path, ago, counts):
    desk = desk_for(site, tmp_path)
    inventory = desk.inventory()
    vms = [vm for vm in inventory.vms if vm.ours and not vm.is_template][:2]
    faults, do = site.lab.site.faults, site.lab.loop.do
    do(lambda: faults.order("vm-pressure", str(vms[0].vmid), ago=str(ago), percent="0.01"))
    try:
        uses, _ = read(desk, inventory, vms)
    finally:
        do(lambda: faults.clear("vm-pressure"))
    nine = site.lab.site.spec.pve == "9.2"
    waited = [demand(uses[vm.domain, vm.vmid]).memory_pressure for vm in vms]
    assert waited == [counts and nine, False]


def test_what_was_chosen_is_in_the_mark(site, tmp_path):
    desk = desk_for(site, tmp_path)
    ((spec, at),) = create_vms(desk, AUTO)
    need = f"need={spec.cpus}c{spec.memory_mb}m{spec.disk_gb}g"
    described = site.on(at.node, f"qm config {at.vmid}").replace("%3D", "=")
    assert f"{need} source=history workload=kubernetes-worker" in described


def test_a_run_that_was_broken_off_keeps_the_size_that_it_decided(site, tmp_path):
    request = replace(AUTO, tags=("broken",))
    site.cut = Cut(0, "killed after", match="qm clone")
    desk = desk_for(site, tmp_path)
    with pytest.raises(Killed):
        creating.carry_out(desk, request, creating.begin(desk, request))
    site.cut = None
    ((spec, at),) = creating.pinned(desk, journal := creating.unfinished(desk, request)).decisions
    assert spec.source == "history"
    # The presets say another size, and history may say yet another one by now.
    fitting.check(desk, journal)
    decided, report = creating.carry_out(desk, request, journal)
    assert report.status == 0
    assert decided.decisions == ((spec, at),)


@pytest.mark.parametrize(
    ("hours", "of8", "of9"),
    [
        (1, ("hour", 60), ("hour", 60)),
        (24, ("day", 1800), ("day", 60)),
        (30, ("day", 1800), ("week", 1800)),
        (7 * 24, ("week", 10800), ("month", 1800)),
        (8 * 24, ("week", 10800), ("month", 1800)),
        (29 * 24, ("month", 43200), ("month", 1800)),
        (90 * 24, ("year", 604800), ("year", 21600)),
    ],
)
def test_the_finest_archive_that_covers_a_span_is_read(site, tmp_path, hours, of8, of9):
    desk = desk_for(site, tmp_path)
    inventory = desk.inventory()
    vms = [vm for vm in inventory.vms if vm.ours and not vm.is_template]
    site.forget_programs()
    uses, problems = read(desk, inventory, vms, hours * 3600)
    frame, step = of9 if site.lab.site.spec.pve == "9.2" else of8
    asked = asked_of_history(site)
    assert [argv[argv.index("--timeframe") + 1] for argv in asked] == [frame] * len(vms)
    assert problems == ()
    for used in uses.values():
        assert used.step_seconds == step
        assert len(used.cpu) == len(used.memory_mb)
        assert len(used.cpu) * step >= hours * 3600
        assert len(used.pressure) == (len(used.cpu) if site.lab.site.spec.pve == "9.2" else 0)
        assert abs(used.end - time.time()) <= step + 60
        assert len(used.last(3600 * 24).cpu) == min(len(used.cpu), max(1, 86400 // step))


def test_all_that_reads_records_asks_for_the_highest():
    """The mean of half an hour hides the peaks that count: nobody may ask for it."""
    package = Path(pvekit.__file__).parent
    texts = {path: path.read_text() for path in (*package.rglob("*.py"), *package.rglob("*.sh"))
             if "lab" not in path.relative_to(package).parts}  # fmt: skip
    asking = {path.name: text for path, text in texts.items() if "/rrddata" in text}
    assert asking.keys() == {"use.sh"}
    for command in re.findall(r"pvesh get [^|]*/rrddata[^|]*", asking["use.sh"]):
        assert "--cf MAX" in command


# What a node answers


MEMINFO = '{"out-data":"MemTotal:  2097152 kB\\nMemAvailable:  1048576 kB\\n","exitcode":0}'


def rows(*values, maxmem=4 << 30):
    found = [{"time": 1800 * n} for n in range(len(values))]
    for row, value in zip(found, values, strict=True):
        if value is not None:
            row |= {"cpu": 0.5, "maxcpu": 4, "mem": value * maxmem, "maxmem": maxmem}
    return str(found).replace("'", '"')


def test_an_answer_is_read():
    found = parse(
        f"rrd 100 {rows(None, 0.25, 0.5)}\nmeminfo 100 {MEMINFO}\nrrd 101 \nmeminfo 101 \n"
    )
    assert found == {
        100: Use(1800, (None, 2.0, 2.0), (None, 1024.0, 2048.0), 4096.0, 1024.0, (), 3600.0),
    }


@pytest.mark.parametrize(
    "said",
    [
        "", "[]", "{", '{"out-data": 5}', '{"out-data": "MemTotal: 2048 kB\\n"}', "[" * 5000,
        MEMINFO.replace("2097152", "9" * 15), MEMINFO.replace("2097152", "1"),
        MEMINFO.replace("2097152", "9" * 400), MEMINFO.replace("2097152", "1048576"),
    ],
)  # fmt: skip
def test_a_guest_that_makes_no_sense_says_nothing_of_its_memory(said):
    use = parse(f"rrd 100 {rows(0.25, 0.5)}\nmeminfo 100 {said}\n")[100]
    assert (use.guest_used_mb, use.memory_mb) == (None, (1024.0, 2048.0))


def test_rows_from_before_an_upgrade_to_9_are_laid_out_in_the_finer_steps():
    """Proxmox VE 9 puts rows of its old archive, further apart, before those of the new one."""
    times = (0, 10800, 21600, 23400, 25200)
    told = [{"time": at, "cpu": n / 10, "maxcpu": 10} for n, at in enumerate(times)]
    used = parse(f"rrd 100 {json.dumps(told)}")[100]
    assert (used.step_seconds, used.end) == (1800, 25200.0)
    assert used.cpu == (0,) * 6 + (1,) * 6 + (2, 3, 4)


def test_pressure_is_read_where_it_is_counted():
    told = [{"time": 60 * n, "cpu": 0.5, "maxcpu": 1} for n in range(3)]
    assert parse(f"rrd 100 {json.dumps(told)}")[100].pressure == ()
    told[1]["pressurememoryfull"] = 0.25
    assert parse(f"rrd 100 {json.dumps(told)}")[100].pressure == (None, 0.25, None)


def test_times_that_are_absurd_take_neither_time_nor_memory():
    told = [{"time": at, "cpu": 1, "maxcpu": 1} for at in (0, 1, 10**10, 10**10 + 1, 10**300)]
    used = parse(f"rrd 100 {json.dumps(told)}")[100]
    assert len(used.cpu) <= 50_000
    assert used.cpu[-2:] == (1, 1)


@pytest.mark.parametrize(
    "text",
    ["", "rrd", "rrd x []", "rrd 100 {}", "rrd 100 []", "rrd 100 [1,2]", 'rrd 100 [{"time":5}]',
     'rrd 100 [{"time":5},{"time":5}]', 'rrd 100 [{"time":"a"},{"time":null}]', "lab: no"],
)  # fmt: skip
def test_what_is_no_record_is_none(text):
    assert parse(text) == {}


def test_figures_that_are_none_are_missing():
    text = 'rrd 100 [{"time":0,"cpu":-1,"maxcpu":2,"mem":true},{"time":60,"cpu":1e999,"mem":"x"}]'
    assert parse(text)[100] == Use(60, (None, None), (None, None), end=60.0)


def test_page_cache_is_left_out_by_what_the_guest_says_now():
    used = parse(f"rrd 100 {rows(0.25, 0.5)}\nmeminfo 100 {MEMINFO}")[100]
    assert demand(used).memory.values == (1024.0, 1024.0)


def test_memory_that_is_always_all_but_used_up_is_unknown():
    full = parse(f"rrd 100 {rows(0.9, 0.95)}")[100]
    assert demand(full).memory is None
    rising = parse(f"rrd 100 {rows(0.5, 0.95)}")[100]
    assert demand(rising).memory.seen == pytest.approx((2048.0, 3891.2))
