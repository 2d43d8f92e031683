"""Reading a site: what a PVE cluster shares is read once, and whoever fails delays nobody."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from dataclasses import replace

import pytest
from labsite import desk_for, lab_site

from pvekit.doctor.examine import status
from pvekit.errors import PvekitError
from pvekit.inventory.read import assemble
from pvekit.lab.site import SiteSpec
from pvekit.operations.doctoring import Surroundings, diagnosed
from pvekit.operations.known_cache import KnownCache
from pvekit.operations.known_reading import known
from pvekit.operations.site_reading import readings
from pvekit.pve.scripts import text
from pvekit.run.clock import Clock
from pvekit.run.context import Policy
from pvekit.run.scheduler import WORKERS
from pvekit.shell import LinkLost, Result, Unreachable


class Watched:
    """A site that notes which node was asked for what, and where some nodes are not as they were.

    ``dead`` are out of reach, ``lost`` say nothing to the question for what all share.
    """

    def __init__(self, site, dead=(), lost=()):
        self.site, self.dead, self.lost = site, frozenset(dead), frozenset(lost)
        self.asked = []
        self.lab = site.lab

    def shell(self, place):
        return _Shell(self, place)

    def is_behind(self, node):
        return self.site.is_behind(node)


class _Shell:
    def __init__(self, watched, place):
        self.watched, self.place = watched, place

    def run(self, command):
        whole = not command.input().startswith(b"# sparing.sh")
        self.watched.asked.append((self.place, "whole" if whole else "spared"))
        if self.place in self.watched.dead:
            raise Unreachable("no route to host")
        if whole and self.place in self.watched.lost:
            raise LinkLost("no end")
        return self.watched.site.shell(self.place).run(command)


def read(site, tmp_path, **changed):
    """Return the inventory, who was asked for what, and the warnings."""
    watched, warned = Watched(site, **changed), []
    desk = replace(desk_for(site, tmp_path), site=watched, warn=warned.append)
    return desk.inventory(), Counter(watched.asked), warned


@pytest.fixture(scope="module")
def cluster():
    with lab_site(SiteSpec(nodes=3)) as site:
        site.on("pve1", "qm create 100 --name one --memory 512")
        site.on("pve3", "qm create 102 --name three --memory 512")
        yield site


class Sparing:
    """A site of which one part of each command can be left out, and that counts what is told."""

    def __init__(self, site, without=""):
        self.site, self.without, self.bytes = site, without, 0

    def shell(self, place):
        return _Counted(self, place)

    def is_behind(self, node):
        return self.site.is_behind(node)


class _Counted:
    def __init__(self, sparing, place):
        self.sparing, self.place = sparing, place

    def run(self, command):
        text = command.input().decode().replace(self.sparing.without, "")
        result = self.sparing.site.shell(self.place).run(replace(command, stdin=text))
        self.sparing.bytes += len(result.out)
        return result


def whole(asked):
    return [place for place, what in asked.elements() if what == "whole"]


@pytest.mark.parametrize("vms", [1, 4, 20])
def test_a_site_is_read_without_a_program_of_proxmox_however_many_vms_it_has(vms, tmp_path):
    for spec in (SiteSpec(nodes=1, clustered=False), SiteSpec(nodes=2)):
        with lab_site(spec) as site:
            for vmid in range(100, 100 + vms):
                site.on("pve1", f"qm create {vmid} --memory 512")
            site.forget_programs()
            assert len(desk_for(site, tmp_path).inventory().vms) == vms
            assert site.programs() == []
            assert len(list(site.lab.site.log.of("exec"))) == (1 if spec.nodes == 1 else 3)


def test_what_a_pve_cluster_shares_is_read_from_one_node(cluster, tmp_path):
    found, asked, _ = read(cluster, tmp_path)
    assert [vm.name for vm in found.vms] == ["one", "three"]
    assert [(node.alias, node.online) for node in found.nodes] == [
        (name, True) for name in ("pve1", "pve2", "pve3")
    ]
    assert len(whole(asked)) == 1
    assert Counter(place for place, what in asked if what == "spared") == Counter(
        ["pve1", "pve2", "pve3"]
    )


@pytest.mark.parametrize("only", ["pve1", "pve2", "pve3"])
def test_whichever_node_tells_it_the_site_is_the_same(cluster, tmp_path, only):
    names = ["pve1", "pve2", "pve3"]
    found, asked, _ = read(cluster, tmp_path, lost=set(names) - {only})
    assert found.vms == read(cluster, tmp_path)[0].vms
    assert set(whole(asked)) >= {only}


def test_where_no_node_tells_what_is_there_nothing_counts_as_gone(cluster, tmp_path):
    with pytest.raises(PvekitError) as told:
        read(cluster, tmp_path, lost=["pve1", "pve2", "pve3"])
    assert told.value.id == "SITE-SILENT"
    for name in ("pve1", "pve2", "pve3"):
        assert re.search(rf"{name}: ", told.value.details)


def test_a_dead_node_is_named_and_the_others_are_read(cluster, tmp_path):
    found, _, warned = read(cluster, tmp_path, dead=["pve1"])
    assert [vm.name for vm in found.vms] == ["one", "three"]
    assert [node.alias for node in found.nodes if not node.online] == ["pve1"]
    assert warned == ["pve1: no route to host"]


def test_a_node_without_quorum_is_not_asked_where_another_has_it(tmp_path):
    with lab_site(SiteSpec(nodes=3)) as site:
        site.lab.loop.do(lambda: site.lab.site.faults.order("quorum-lost", "pve1"))
        found, asked, _ = read(site, tmp_path)
        assert found.domains[0].quorate
        assert not found.node("pve1").writable
        assert "pve1" not in whole(asked)


def test_without_any_quorum_one_node_tells_what_is_there(tmp_path):
    with lab_site(SiteSpec(nodes=2)) as site:
        site.on("pve2", "qm create 100 --name two --memory 512")
        for name in ("pve1", "pve2"):
            site.lab.loop.do(lambda name=name: site.lab.site.faults.order("quorum-lost", name))
        found, asked, _ = read(site, tmp_path)
        assert [vm.name for vm in found.vms] == ["two"]
        assert (found.domains[0].quorate, len(whole(asked))) == (False, 1)


def test_standalone_hosts_tell_all_at_once(tmp_path):
    with lab_site(SiteSpec(nodes=3, clustered=False)) as site:
        found, asked, _ = read(site, tmp_path)
        assert len(found.domains) == 3
        assert set(asked.values()) == {1}
        assert whole(asked) == []


class Hundred:
    """A hundred hosts; the silent one gives up only after all others have told.

    ``most`` is how many were asked at the same moment.
    """

    def __init__(self, silent):
        self.silent = silent
        self.told, self.most, self._now = set(), 0, 0
        self._lock, self._all = threading.Lock(), threading.Event()
        self.names = [f"n{number}" for number in range(100)]

    def shell(self, place):
        return _Host(self, place)

    def answer(self, place):
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            if place == self.silent:
                assert self._all.wait(60), "the others wait for the silent one"
                raise Unreachable("nothing came in 15 s")
            with self._lock:
                self.told.add(place)
                if len(self.told) == 99:
                    self._all.set()
        finally:
            with self._lock:
                self._now -= 1


class _Host:
    def __init__(self, site, place):
        self.site, self.place = site, place

    def run(self, command):
        self.site.answer(self.place)
        members = json.dumps({"nodename": self.place})
        boot = f"/proc/sys/kernel/random/boot_id:{self.place}"
        return Result(
            command, 0, f"fact local_mode 755\n/etc/pve/.members:{members}\n{boot}\nend\n", ""
        )


@pytest.mark.parametrize("silent", ["n0", "n50", "n99"])
def test_of_a_hundred_nodes_a_silent_one_delays_nobody_and_is_named(silent):
    site = Hundred(silent)
    found = assemble(readings(site, site.names, "/images", Clock(), Policy(retries=0)))
    assert {node.alias for node in found.nodes if node.online} == set(site.names) - {silent}
    assert found.problems == (f"{silent}: nothing came in 15 s",)
    assert site.most <= WORKERS


def doctored(site, tmp_path, through):
    """Return what the doctor finds by way of another site, and how that came to it."""
    desk = replace(desk_for(site, tmp_path), site=through)
    return diagnosed(desk, Surroundings(tmp_path))


@pytest.mark.parametrize("quorum", [(), ("pve1",), ("pve1", "pve2", "pve3")], ids=str)
def test_the_doctor_finds_the_same_in_what_one_node_tells_for_all(tmp_path, quorum):
    with lab_site(SiteSpec(nodes=3)) as site:
        site.on("pve2", "pvesh create /pools --poolid x")
        site.on("pve3", "qm create 102 --name three --net0 virtio,bridge=vmbr0")
        for vmid in range(200, 230):
            site.on("pve1", f"qm create {vmid} --memory 512")
        for name in quorum:
            site.lab.loop.do(lambda name=name: site.lab.site.faults.order("quorum-lost", name))
        full, spared = Sparing(site, text("sparing")), Sparing(site)
        varies = re.compile("not seen: .*")  # by who tells, where each sees itself only
        found = [
            [
                replace(each, says=varies.sub("", each.says))
                for each in doctored(site, tmp_path, way)
            ]
            for way in (full, spared)
        ]
        assert found[0] == found[1]
        assert spared.bytes < full.bytes * 2 / 3


def test_the_doctor_says_where_no_node_tells_what_all_share(cluster, tmp_path):
    watched = Watched(cluster, lost=["pve1", "pve2", "pve3"])
    found = doctored(cluster, tmp_path, watched)
    assert {each.where for each in found if each.id == "PVE-FILES-UNREADABLE"} == set(watched.lost)
    assert status(found) == 7
    found = doctored(cluster, tmp_path, Watched(cluster, lost=["pve1", "pve3"]))
    assert "PVE-FILES-UNREADABLE" not in {each.id for each in found}


@pytest.mark.parametrize("lost", [(), ("pve1",), ("pve1", "pve2")], ids=str)
def test_names_for_a_prompt_come_from_one_node_too(cluster, tmp_path, lost):
    watched = Watched(cluster, lost=lost)
    config = desk_for(cluster, tmp_path).config
    cache = KnownCache(tmp_path / "names", "site")
    found = known(config, watched, cache, 60.0, 1000.0)
    assert sorted(vm.name for vm in found.vms) == ["one", "three"]
    asked = Counter(watched.asked)
    assert len(whole(asked)) <= 1 + len(lost)
    assert set(asked.values()) == {1}, "nobody is asked twice for the same"
