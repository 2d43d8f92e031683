"""Clones watched closely: races, lost links, signals, and the faults that can be ordered."""

import asyncio
import signal

import pytest

from pvekit.lab.clock import Clock
from pvekit.lab.machine import collect
from pvekit.lab.site import Site, SiteSpec
from pvekit.lab.streams import BytesReader, BytesWriter

STUB = b"# qmclone temporary file\nlock: clone\n"
CONF = "/etc/pve/qemu-server/101.conf"


class Cut:
    """A link that is lost after so many writes."""

    def __init__(self, writes):
        self.left = writes

    async def write(self, data):
        self.left -= 1
        if self.left < 0:
            raise BrokenPipeError


def run(scenario, **spec):
    async def main():
        site = Site(SiteSpec(**spec), clock=Clock(0))
        node = site.nodes["pve1"]
        make = "qm create 100 --name base --memory 512 --scsi0 local-lvm:2"
        assert (await collect(node.machine, make))[0] == 0
        await scenario(site, node)

    asyncio.run(main())


def volumes(node):
    return sorted(node.storages.pool("local-lvm").volumes)


async def started(node, line):
    """A line under way, at the moment when it has made the new VM's file."""
    task = asyncio.ensure_future(collect(node.machine, line))
    while not node.machine.files.exists(CONF):
        await asyncio.sleep(0)
    return task


def clones(node):
    live = node.machine.processes.values()
    return [process for process in live if process.argv[:2] == ("qm", "clone") and process.task]


def test_a_running_clone_shows_only_the_stub():
    async def scenario(_, node):
        task = await started(node, "qm clone 100 101 --name new")
        assert node.machine.files.read(CONF) == STUB
        shown = await collect(node.machine, "qm config 101")
        assert shown == (0, b"description:  qmclone temporary file\nlock: clone\n", b"")
        assert (await task)[0] == 0
        assert b"lock" not in node.machine.files.read(CONF)

    run(scenario)


def test_the_lock_file_tells_whether_a_clone_lives():
    async def scenario(_, node):
        probe = "flock -n /var/lock/qemu-server/lock-101.conf true"
        task = await started(node, "qm clone 100 101")
        assert (await collect(node.machine, probe))[0] == 1
        await task
        assert (await collect(node.machine, probe))[0] == 0

    run(scenario)


@pytest.mark.parametrize("writes", [2, 5])
def test_a_lost_link_leaves_stub_and_volume(writes):
    async def scenario(_, node):
        line = "qm clone 100 101 --full 1"
        out = Cut(writes)
        status = await node.machine.execute(line, BytesReader(b""), out, BytesWriter())
        assert status != 0
        assert node.machine.files.read(CONF) == STUB
        assert volumes(node) == ["vm-100-disk-0", "vm-101-disk-0"]
        assert node.tasks.all[-1].status == "broken pipe "
        probe = await collect(node.machine, "flock -n /var/lock/qemu-server/lock-101.conf true")
        assert probe[0] == 0
        assert (await collect(node.machine, "qm destroy 101"))[2] == b"VM is locked (clone)\n"
        again = "qm unlock 101 && qm destroy 101 --purge 1 --destroy-unreferenced-disks 1"
        assert (await collect(node.machine, again))[0] == 0
        assert volumes(node) == ["vm-100-disk-0"]

    run(scenario)


@pytest.mark.parametrize(("storage", "writes"), [("dir", 0), ("dir", 5), ("lvmthin", 0)])
def test_a_lost_link_leaves_nothing_where_removing_is_silent(storage, writes):
    async def scenario(_, node):
        before = volumes(node)
        streams = BytesReader(b""), Cut(writes), BytesWriter()
        assert await node.machine.execute("qm clone 100 101 --full 1", *streams) != 0
        assert node.tasks.all[-1].status == "broken pipe "
        assert not node.machine.files.exists(CONF)
        assert volumes(node) == before

    run(scenario, storage=storage)


def test_a_clone_into_a_file_survives_its_link():
    async def scenario(_, node):
        line = "qm clone 100 101 --full 1 >/tmp/out 2>&1 </dev/null"
        streams = BytesReader(b""), Cut(0), Cut(0)
        assert await node.machine.execute(line, *streams) == 0
        assert b"(100.00%)" in node.machine.files.read("/tmp/out")

    run(scenario)


@pytest.mark.parametrize(
    ("number", "left"), [(signal.SIGTERM, False), (signal.SIGINT, False), (signal.SIGKILL, True)]
)
def test_signals_roll_back_or_not(number, left):
    async def scenario(_, node):
        task = await started(node, "qm clone 100 101 --full 1")
        for process in clones(node):
            process.deliver(number)
        assert (await task)[0] != 0
        assert node.machine.files.exists(CONF) is left
        if not left:
            assert volumes(node) == ["vm-100-disk-0"]

    run(scenario)


def test_a_power_loss_leaves_what_was_there():
    async def scenario(_, node):
        task = await started(node, "qm clone 100 101 --full 1")
        boot_id = node.machine.boot_id
        node.reboot()
        await task
        assert node.machine.files.read(CONF) == STUB
        assert node.machine.boot_id != boot_id

    run(scenario)


def test_two_clones_to_one_id_have_one_winner():
    async def scenario(_, node):
        lines = [f"qm clone 100 101 --name c{number} --full 1" for number in range(3)]
        results = await asyncio.gather(*(collect(node.machine, line) for line in lines))
        statuses = [status for status, _, _ in results]
        assert statuses.count(0) == 1
        for status, out, err in results:
            if status:
                assert b"got timeout" in err or b"config file already exists" in err, out
        assert volumes(node) == ["vm-100-disk-0", "vm-101-disk-0"]

    run(scenario)


def test_two_nodes_that_create_one_id_have_one_winner():
    async def scenario(site, _):
        machines = [node.machine for node in site.nodes.values()]
        results = await asyncio.gather(
            *(collect(machine, "qm create 500 --name x") for machine in machines)
        )
        assert sorted(status == 0 for status, _, _ in results) == [False, True]

    run(scenario)


def test_clones_of_one_template_run_side_by_side():
    async def scenario(_, node):
        assert (await collect(node.machine, "qm template 100"))[0] == 0
        lines = [f"qm clone 100 {101 + number} --full 1" for number in range(8)]
        results = await asyncio.gather(*(collect(node.machine, line) for line in lines))
        assert [status for status, _, _ in results] == [0] * 8
        macs = await collect(node.machine, "cat /etc/pve/qemu-server/10*.conf | grep vmgenid")
        assert len(set(macs[1].splitlines())) == 9

    run(scenario)


FAULTS = [
    (
        ("lock-held", "config 101"),
        "can't lock file '/var/lock/qemu-server/lock-101.conf' - got timeout",
    ),
    (
        ("lock-held", "storage local-lvm"),
        "clone failed: can't lock file '/var/lock/pve-manager/pve-storage-local-lvm' - got timeout",
    ),
    (
        ("storage-full", "local-lvm"),
        "clone failed: copy failed: command '/usr/bin/qemu-img convert",
    ),
    (("clone-fails", "100 101"), "clone failed: copy failed: command '/usr/bin/qemu-img convert"),
    (("quorum-lost", ""), "cluster not ready - no quorum?"),
]


@pytest.mark.parametrize(("fault", "message"), FAULTS)
def test_an_ordered_fault_fails_the_clone_and_nothing_stays(fault, message):
    async def scenario(site, node):
        site.faults.order(fault[0], fault[1])
        status, _, err = await collect(node.machine, "qm clone 100 101 --full 1")
        assert status != 0
        assert err.decode().startswith(message)
        assert not node.machine.files.exists(CONF)
        assert volumes(node) == ["vm-100-disk-0"]
        site.faults.clear()
        assert (await collect(node.machine, "qm clone 100 101 --full 1"))[0] == 0

    run(scenario)


def test_a_clone_that_loses_quorum_at_the_end_is_left_behind():
    async def scenario(site, node):
        task = await started(node, "qm clone 100 101 --full 1")
        site.faults.order("quorum-lost")
        status, _, err = await task
        assert status != 0
        assert b"Permission denied" in err
        assert node.machine.files.read(CONF) == STUB

    run(scenario)


def test_start_fails_as_ordered_and_once():
    async def scenario(site, node):
        site.faults.order("start-fails", "100")
        first = await collect(node.machine, "qm start 100")
        assert (first[0] != 0, first[2]) == (True, b"start failed: QEMU exited with code 1\n")
        assert (await collect(node.machine, "qm start 100"))[0] == 0
        struck = [event["kind"] for event in site.log.of("fault")]
        assert struck == ["start-fails"]

    run(scenario)


def test_resize_fails_with_status_0_when_its_lock_is_held():
    async def scenario(site, node):
        site.faults.order("lock-held", "config 100")
        result = await collect(node.machine, "qm resize 100 scsi0 +1G")
        lock = b"can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout\n"
        assert result == (0, b"trying to acquire lock...\n", lock)

    run(scenario)


def test_waiting_for_a_lock_that_is_given_back():
    async def scenario(_, node):
        path = "/var/lock/qemu-server/lock-100.conf"
        handle = node.machine.locks.try_acquire(path)
        task = asyncio.ensure_future(collect(node.machine, "qm set 100 --cores 2"))
        await asyncio.sleep(0.01)
        handle.release()
        assert await task == (
            0,
            b"update VM 100: -cores 2\n",
            b"trying to acquire lock...\n OK\n",
        )

    run(scenario)
