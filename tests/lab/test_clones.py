"""Clones and what is around them: tasks, signals, locks, templates, and how VMs go again."""

import asyncio
import re

import pytest

from pvekit.lab.site import Site, SiteSpec
from tests.lab.parity.virtual import VirtualClock, run
from tests.lab.pve_lab import ask, do, played, volumes

MAKE = "qm create 100 --name base --memory 512 --scsi0 local-lvm:1"
SLOW = "qm clone 100 101 --full 1 --bwlimit 20000"
STUB = "# qmclone temporary file\nlock: clone\n"


def in_time(scenario, **spec):
    """Run a scenario in a lab whose time passes only while everybody waits."""

    async def main():
        site = Site(SiteSpec(storage="dir", **spec), clock=VirtualClock())
        await scenario(site, *site.nodes.values())

    run(main())


async def started(node, line=SLOW):
    """A line under way, some seconds later."""
    task = asyncio.ensure_future(ask(node, line))
    await asyncio.sleep(4)
    return task


def test_a_running_clone_shows_what_is_done_already():
    async def scenario(_, node, __):
        await do(node, f"{MAKE} --ide2 local-lvm:cloudinit --description 'about it'")
        task = await started(node)
        config = node.config(101)
        assert config.lock == "clone"
        assert config.description == "about it"
        assert config.values["ide2"] == "local-lvm:101/vm-101-cloudinit.qcow2,media=cdrom,size=4M"
        assert "scsi0" not in config.values
        assert (await task)[0]
        assert node.config(101).lock == ""

    in_time(scenario)


def test_before_its_first_disk_a_clone_shows_only_the_stub():
    async def scenario(_, node, __):
        await do(node, MAKE)
        task = await started(node)
        assert node.config_text(101) == STUB
        await task

    in_time(scenario)


def test_processes_and_files_of_a_task():
    async def scenario(_, node, __):
        await do(node, MAKE)
        task = await started(node)
        shown = await do(node, "ps ax -o pid,ppid,args")
        rows = [line.split(None, 2) for line in shown.splitlines()]
        parents = {words[2]: (words[0], words[1]) for words in rows}
        upid = node.tasks.all[-1].upid
        tool = next(args for args in parents if args.startswith("/usr/bin/qemu-img convert"))
        assert parents[f"task {upid}"][1] == parents[SLOW][0]
        assert parents[tool][1] == parents[f"task {upid}"][0]
        assert f"{upid} 0\n" in await do(node, "cat /var/log/pve/tasks/active")
        await task
        log = f"/var/log/pve/tasks/{upid.split(':')[4][-1]}/{upid}"
        assert (await do(node, f"tail -1 {log}")) == "TASK OK\n"
        assert re.search(
            rf"(?m)^{upid} [0-9A-F]{{8}} OK$", await do(node, "cat /var/log/pve/tasks/index")
        )

    in_time(scenario)


END = [
    ("kill -TERM {qm}", False),
    ("kill -INT {qm}", False),
    ("kill -TERM {worker}", False),
    ("kill -TERM {tool}", False),
    ("pvesh delete /nodes/pve1/tasks/{upid}", False),
    ("kill -KILL {qm}", True),
    ("kill -KILL {worker}", True),
]


@pytest.mark.parametrize(("line", "left"), END)
def test_what_ends_a_clone_and_what_it_leaves(line, left):
    async def scenario(_, node, __):
        await do(node, MAKE)
        task = await started(node)
        live = {process.argv[0]: process.pid for process in node.machine.processes.values()}
        upid = node.tasks.all[-1].upid
        names = {
            "qm": live["qm"],
            "worker": live[f"task {upid}"],
            "tool": live["/usr/bin/qemu-img"],
        }
        await do(node, f"bash -c '{line.format(**names, upid=upid)}'")
        worked, _, err = await task
        assert not worked
        assert (101 in node.vmids()) is left
        assert ("101/vm-101-disk-0.raw" in volumes(node)) is left
        if not left:
            assert err.startswith("clone failed: copy failed: command '/usr/bin/qemu-img convert")
            assert err.endswith("failed: interrupted by signal\n")
        ended = node.tasks.find(upid)
        assert ended.status == ("unexpected status" if left else err.strip())
        free = await ask(node, "flock -n /run/lock/qemu-server/lock-101.conf true")
        assert free[0]

    in_time(scenario)


WAITING = [
    ("qm start 101", "", "can't lock file '{}' - got timeout\n"),
    ("qm destroy 101", "", "can't lock file '{}' - got timeout\n"),
    ("qm clone 100 101", None, "unable to create VM 101: config file already exists\n"),
]


@pytest.mark.parametrize(("line", "_out", "err"), WAITING)
def test_others_wait_for_a_clone(line, _out, err):
    async def scenario(_, node, __):
        await do(node, MAKE)
        task = await started(node)
        worked, _, found = await ask(node, line)
        assert not worked
        assert found == err.format("/var/lock/qemu-server/lock-101.conf")
        assert (await task)[0]

    in_time(scenario)


def test_the_loser_of_a_race_for_an_id_hears_of_the_lock_only():
    async def scenario(_, node, __):
        await do(node, MAKE)
        lines = (f"qm clone 100 101 --name c{number}" for number in range(2))
        found = await asyncio.gather(*(ask(node, line) for line in lines))
        assert sorted(worked for worked, _, _ in found) == [False, True]
        loser = next(answer for answer in found if not answer[0])
        path = "/var/lock/qemu-server/lock-101.conf"
        assert loser == (
            False,
            "trying to acquire lock...\n",
            f"can't lock file '{path}' - got timeout\n",
        )

    in_time(scenario)


def test_a_running_vm_is_mirrored():
    async def scenario(_, node, __):
        await do(node, MAKE)
        await do(node, "qm start 100")
        await do(node, "qm set 100 --memory 600")
        lines = (await do(node, "qm clone 100 101")).splitlines()
        assert lines[2] == "drive mirror is starting for drive-scsi0"
        assert lines[-6:] == [
            "all 'mirror' jobs are ready",
            "suspend vm",
            "drive-scsi0: Cancelling block job",
            "drive-scsi0: Done.",
            "resume vm",
            "found pending changes for 'memory', discarding for clone",
        ]
        assert node.config(101).values["memory"] == "512"
        assert node.guest(101) is None

    in_time(scenario)


def test_formats_follow_the_wish_the_source_and_the_place():
    async def scenario(site, node, __):
        text = site.clusters[0].tree.read("storage.cfg").decode()
        extra = "dir: other\n\tpath /srv/other\n\tcontent images\n\n"
        site.clusters[0].tree.write("storage.cfg", (text + extra).encode())
        await do(node, "qm create 100 --scsi0 local-lvm:1")
        await do(node, "qm clone 100 101 --storage other --format qcow2")
        await do(node, "qm clone 101 102 --storage local-lvm --format qcow2")
        await do(node, "qm clone 101 103")
        made = [node.config(vmid).values["scsi0"].split(",")[0] for vmid in (101, 102, 103)]
        assert made == [
            "other:101/vm-101-disk-0.qcow2",
            "local-lvm:vm-102-disk-0",
            "other:103/vm-103-disk-0.qcow2",
        ]

    played(scenario, storage="lvmthin")


def test_a_clone_on_shared_storage_can_be_made_for_another_node():
    async def scenario(_, one, two):
        await do(one, "qm create 100 --scsi0 ceph:1")
        await do(one, "qm clone 100 101 --target pve2")
        assert (101 in one.vmids(), 101 in two.vmids()) == (False, True)
        await do(two, "qm start 101")

    played(scenario, storage="rbd")


def test_the_pool_of_a_clone_and_what_a_purge_forgets():
    async def scenario(site, node, __):
        await do(node, MAKE)
        await do(node, "pvesh create /pools --poolid p1")
        await do(node, "qm clone 100 101 --pool p1")
        assert "pool:p1::101::" in await do(node, "cat /etc/pve/user.cfg")
        jobs = "vzdump: two\n\tschedule daily\n\tvmid 100,101\n\nvzdump: one\n\tvmid 101\n\n"
        site.clusters[0].tree.write("jobs.cfg", jobs.encode())
        ha = "vm: 100\n\tstate stopped\n\nvm: 101\n\tstate stopped\n\n"
        site.clusters[0].tree.write("ha/resources.cfg", ha.encode())
        why = "used in HA resources and purge parameter not set."
        told = f"unable to remove VM 101 - {why}\n"
        assert await ask(node, "qm destroy 101") == (False, "", told)
        assert await do(node, "qm destroy 101 --purge") == (
            "purging VM 101 from related configurations..\n"
            "NOTE: removed VM 101 from HA resource configuration.\n"
        )
        left = await do(node, "cat /etc/pve/jobs.cfg /etc/pve/ha/resources.cfg /etc/pve/user.cfg")
        assert "101" not in left
        assert "vmid 100\n" in left
        assert "vzdump: one" not in left
        assert "vm: 100\n" in left

    played(scenario)


def test_a_dead_storage_breaks_off_what_scans_all():
    async def scenario(_, node, __):
        await do(node, MAKE)
        await do(node, "pvesm add rbd dead --pool p --monhost 10.99.0.250")
        worked, out, err = await ask(node, "qm destroy 100 --destroy-unreferenced-disks 1")
        assert (worked, out) == (False, "")
        assert err.startswith("rbd error: ")
        assert volumes(node) == []
        assert "scsi0: local-lvm:100/vm-100-disk-0.raw" in node.config_text(100)
        await do(node, "pvesm remove dead")
        gone = "disk image '/var/lib/local-lvm/images/100/vm-100-disk-0.raw' does not exist\n"
        assert await do(node, "qm destroy 100") == gone

    played(scenario)


def test_what_a_destroy_leaves_alone():
    async def scenario(_, node, __):
        await do(node, MAKE)
        await do(node, "pvesm alloc local-lvm 100 vm-100-disk-7.raw 1G")
        await do(node, "qm create 200 --scsi0 local-lvm:1")
        await do(node, "qm set 100 --scsi3 local-lvm:200/vm-200-disk-0.raw")
        await do(node, "qm destroy 100")
        assert volumes(node) == ["100/vm-100-disk-7.raw", "200/vm-200-disk-0.raw"]

    played(scenario)


def test_one_disk_of_a_template_and_the_base_of_linked_clones():
    async def scenario(_, node, __):
        await do(node, f"{MAKE} --scsi1 local-lvm:1")
        await do(node, "qm template 100 --disk scsi1")
        values = node.config(100).values
        assert values["scsi1"].startswith("local-lvm:100/base-100-disk-")
        assert values["scsi0"].startswith("local-lvm:100/vm-100-disk-")
        why = f"Linked clone feature is not supported for '{values['scsi0'].split(',')[0]}' (scsi0)"
        assert await ask(node, "qm clone 100 101") == (False, "", f"{why}\n")
        await do(node, "qm template 100 --disk scsi0")
        await do(node, "qm clone 100 101")
        worked, _, err = await ask(node, "qm destroy 100")
        assert not worked
        assert err.endswith("is still in use by linked cloned\n")
        await do(node, "qm destroy 101")
        await do(node, "qm destroy 100")
        assert volumes(node) == []

    played(scenario)


def test_the_new_versions_words():
    async def scenario(_, node, __):
        await do(node, MAKE)
        first = (await do(node, "qm clone 100 101")).splitlines()[0]
        assert first == "creating a clone of VM 100 with ID 101"

    played(scenario, pve="9.2")
