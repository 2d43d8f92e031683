"""VMs that run: power, pausing, saved memory, changes at once or at the next start."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from pvekit.lab.machine import collect
from pvekit.lab.site import Site, SiteSpec
from tests.lab.parity.virtual import VirtualClock, run

AGENT = "https://dl.rockylinux.org/pub/rocky/9/images/x86_64/Rocky-9-GenericCloud.qcow2"
CREATE = (
    "qm create 100 --name vm --memory 512 --cpu host --ostype l26 --scsihw virtio-scsi-single "
    "--agent 1 --net0 virtio,bridge=vmbr0 --scsi0 local-lvm:0,import-from=/root/image.qcow2 "
    "--scsi1 local-lvm:cloudinit --ipconfig0 ip=10.0.0.9/16,gw=10.0.0.1 --boot order=scsi0"
)


class Host:
    """The first node of a site with one VM whose guest has an agent."""

    def __init__(self) -> None:
        self.site = Site(SiteSpec(seed=1), clock=VirtualClock())
        self.node = self.site.nodes["pve1"]

    async def try_(self, line: str, stdin: bytes = b"") -> tuple[int, str, str]:
        status, out, err = await collect(self.node.machine, line, stdin)
        return status, out.decode(), err.decode()

    async def do(self, line: str, stdin: bytes = b"") -> str:
        status, out, err = await self.try_(line, stdin)
        assert status == 0, (line, out, err)
        return out

    async def fails(self, line: str) -> str:
        status, out, err = await self.try_(line)
        assert status != 0, (line, out)
        return err

    async def start(self) -> None:
        await self.do("qm start 100")
        await asyncio.sleep(60)
        await self.do("qm agent 100 ping")

    def tasks(self) -> list[str]:
        return [task.kind for task in self.node.tasks.all]


def on_host(work: Callable[[Host], Awaitable[None]]) -> None:
    async def all_of_it() -> None:
        host = Host()
        image = host.site.world.internet.fetch(AGENT)
        host.node.machine.files.write("/root/image.qcow2", image)
        await host.do(CREATE)
        await work(host)

    run(all_of_it())


def test_a_paused_guest_goes_on_where_it_was():
    async def work(host: Host) -> None:
        await host.start()
        await host.do("qm suspend 100")
        assert await host.do("qm status 100") == "status: paused\n"
        assert await host.fails("qm agent 100 ping") == "QEMU guest agent is not running\n"
        assert await host.fails("qm shutdown 100") == "VM is paused - cannot shutdown\n"
        assert await host.fails("qm reboot 100") == "VM is paused - cannot shutdown\n"
        await host.do("qm resume 100")
        await host.do("qm agent 100 ping")
        assert {"qmpause", "qmresume"} <= set(host.tasks())

    on_host(work)


def test_a_guest_that_was_suspended_to_disk_keeps_its_memory():
    async def work(host: Host) -> None:
        await host.start()
        boot = host.node.guests[100].machine.boot_id
        assert "State saved, quitting\n" in await host.do("qm suspend 100 --todisk 1")
        assert await host.do("qm status 100") == "status: stopped\n"
        config = await host.do("qm config 100")
        assert "lock: suspended\n" in config
        assert "vmstate: local-lvm:vm-100-state-suspend-" in config
        assert await host.fails("qm set 100 --cores 2") == "VM is locked (suspended)\n"
        said = await host.do("qm resume 100")
        assert said.endswith("Resuming suspended VM\nResumed VM, removing state\n")
        assert host.node.guests[100].machine.boot_id == boot
        await host.do("qm agent 100 ping")
        after = await host.do("qm config 100")
        assert not any(word in after for word in ("lock", "vmstate", "running"))
        assert "state" not in await host.do("pvesm list local-lvm --vmid 100")

    on_host(work)


def test_a_reboot_starts_again_with_the_pending_changes():
    async def work(host: Host) -> None:
        await host.start()
        await host.do("qm set 100 --memory 1024 --delete name")
        await host.do("qm set 100 --cores 2")
        pending = await host.do("qm pending 100")
        assert "cur memory: 512\nnew memory: 1024\n" in pending
        await host.do("qm reboot 100")
        assert host.tasks()[-2:] == ["qmreboot", "qmstart"]
        assert "new" not in await host.do("qm pending 100")
        await asyncio.sleep(60)
        vcpus = json.loads(await host.do("qm agent 100 get-vcpus"))
        blocks = json.loads(await host.do("qm agent 100 get-memory-blocks"))
        assert (len(vcpus), len(blocks)) == (2, 8)

    on_host(work)


@pytest.mark.parametrize(
    ("option", "at_once"),
    [
        ("--ciuser bob", True),
        ("--description text", True),
        ("--scsi2 local-lvm:1", True),
        ("--virtio3 local-lvm:1", True),
        ("--ide0 local-lvm:1", False),
        ("--net1 virtio,bridge=vmbr0", True),
        ("--net0 virtio,bridge=vmbr0,tag=7", True),
        ("--sata0 local:iso/none.iso,media=cdrom", False),
        ("--agent 0", False),
        ("--cores 4", False),
        ("--memory 600", False),
        ("--cpuunits 500", True),
        ("--usb0 host=1234:5678", True),
        ("--tablet 0", True),
        ("--vcpus 1", False),
        ("--hotplug network", True),
        ("--balloon 0", False),
        ("--boot order=net0", False),
    ],
)
def test_what_a_running_vm_takes_at_once(option: str, at_once: bool):
    async def work(host: Host) -> None:
        host.node.machine.files.write("/var/lib/vz/template/iso/none.iso", bytes(2048))
        await host.start()
        await host.do(f"qm set 100 {option}")
        lines = (await host.do("qm pending 100")).splitlines()
        assert any(line.startswith("new ") for line in lines) is not at_once

    on_host(work)


def test_only_chosen_features_are_plugged():
    async def work(host: Host) -> None:
        await host.do("qm set 100 --hotplug usb")
        await host.start()
        for option in ("--scsi2 local-lvm:1", "--net1 virtio,bridge=vmbr0"):
            await host.do(f"qm set 100 {option}")
        news = [line for line in (await host.do("qm pending 100")).splitlines() if "new" in line]
        assert [line.split()[1] for line in news] == ["net1:", "scsi2:"]

    on_host(work)


def test_a_plugged_disk_is_in_the_guest_and_an_unplugged_one_is_not():
    async def work(host: Host) -> None:
        await host.start()
        machine = host.node.guests[100].machine
        look = "lsblk -dn -o NAME,SIZE; ls /dev/sd?"
        await host.do("qm set 100 --scsi2 local-lvm:3")
        assert (await collect(machine, look))[1] == b"sda   10G\nsdb    3G\n/dev/sda\n/dev/sdb\n"
        await host.do("qm set 100 --delete scsi2")
        assert b"sdb" not in (await collect(machine, look))[1]
        assert "unused0: local-lvm:vm-100-disk-1" in await host.do("qm config 100")

    on_host(work)


def test_a_missing_bridge_is_refused_but_stays_pending():
    async def work(host: Host) -> None:
        await host.start()
        said = await host.fails("qm set 100 --net1 virtio,bridge=nosuch --tags a")
        assert "net1: hotplug problem - VM 100 qmp command 'netdev_add' failed" in said
        assert "new net1" in await host.do("qm pending 100")
        assert "cur tags: a" in await host.do("qm pending 100")

    on_host(work)


def test_changes_that_the_cloudinit_drive_lacks():
    async def work(host: Host) -> None:
        await host.do("qm set 100 --nameserver 1.1.1.1 --searchdomain a.b")
        await host.start()
        await host.do("qm set 100 --ciuser bob --nameserver 9.9.9.9 --delete searchdomain")
        assert await host.do("qm cloudinit pending 100") == (
            "new ciuser: bob\ncur nameserver: 1.1.1.1\nnew nameserver: 9.9.9.9\n"
        )
        file = await host.do("cat /etc/pve/qemu-server/100.conf")
        assert file.endswith(
            "\n[special:cloudinit]\nadded: ciuser\nnameserver: 1.1.1.1\nsearchdomain: a.b\n"
        )
        assert await host.do("qm cloudinit update 100") == "generating cloud-init ISO\n"
        assert await host.do("qm cloudinit pending 100") == (
            "cur ciuser: bob\ncur nameserver: 9.9.9.9\n"
        )
        assert "special" not in await host.do("cat /etc/pve/qemu-server/100.conf")

    on_host(work)


def test_a_new_instance_has_new_host_keys_and_an_old_one_keeps_them():
    async def work(host: Host) -> None:
        keys = []
        for change in ("", "--ciuser bob", ""):
            if change:
                await host.do(f"qm set 100 {change}")
            await host.start()
            keys.append(host.node.guests[100].host_key)
            await host.do("qm shutdown 100")
        assert keys[0] != keys[1] == keys[2]

    on_host(work)


def test_a_frozen_guest_answers_only_what_thaws_it():
    async def work(host: Host) -> None:
        await host.start()
        assert await host.do("qm agent 100 fsfreeze-freeze") == "1\n"
        assert await host.do("qm agent 100 fsfreeze-status") == "frozen\n"
        reason = "Command guest-get-osinfo has been disabled: the agent is in frozen state"
        answer = json.loads(await host.do("qm agent 100 get-osinfo"))
        assert answer == {"error": {"class": "CommandNotFound", "desc": reason}}
        assert await host.do("qm agent 100 fsfreeze-thaw") == "1\n"
        assert json.loads(await host.do("qm agent 100 get-osinfo"))["id"] == "rocky"

    on_host(work)


def test_a_password_is_read_twice():
    async def work(host: Host) -> None:
        await host.start()
        passwd = "qm guest passwd 100 root"
        assert (await host.try_(passwd, b"secret1\nsecret2\n"))[2] == "passwords do not match\n"
        assert (await host.try_(passwd, b""))[2] == "EOF while reading password\n"
        assert "at least 5 characters" in (await host.try_(passwd, b"abc\nabc\n"))[2]
        assert await host.do(passwd, b"secret1\nsecret1\n") == ""
        wrong = await host.try_("qm guest passwd 100 nobody9", b"secret1\nsecret1\n")
        assert wrong[2] == "Agent error: child process has failed to set user password\n"

    on_host(work)


def test_what_lies_under_run_while_a_vm_runs():
    async def work(host: Host) -> None:
        await host.do("qm set 100 --serial0 socket")
        await host.do("qm start 100")
        listed = (await host.do("ls /run/qemu-server")).split()
        assert listed == ["100.pid", "100.qga", "100.qmp", "100.serial0", "100.vnc"]
        pid = (await host.do("cat /run/qemu-server/100.pid")).strip()
        words = (await host.do(f"cat /proc/{pid}/cmdline")).split("\0")
        assert words[:5] == ["/usr/bin/kvm", "-id", "100", "-name", "vm,debug-threads=on"]
        await host.do("qm stop 100")
        assert await host.do("ls /run/qemu-server") == ""

    on_host(work)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("--cores 64", "MAX 16 vcpus allowed per VM on this node\n"),
        ("--serial1 /dev/ttyS9", "no such serial device\n"),
        ("--hotplug memory", "NUMA needs to be enabled for memory hotplug\n"),
        ("--cicustom user=local:snippets/x.yaml", "volume 'local:snippets/x.yaml' does not exist"),
        ("--memory 900000", "start failed: QEMU exited with code 1\n"),
    ],
)
def test_starts_that_are_refused(setting: str, told: str):
    async def work(host: Host) -> None:
        await host.try_(f"qm set 100 {setting}")
        assert (await host.fails("qm start 100")).startswith(told)
        assert host.node.guest(100) is None

    on_host(work)


def test_a_shutdown_that_is_overruled():
    async def work(host: Host) -> None:
        await host.do("qm create 101 --memory 64")
        await host.do("qm start 101")
        waiting = asyncio.ensure_future(host.try_("qm shutdown 101 --timeout 600"))
        await asyncio.sleep(3)
        assert "got timeout" in await host.fails("qm stop 101")
        said = await host.do("qm stop 101 --overrule-shutdown 1")
        assert said.startswith("overruled qmshutdown tasks: UPID:pve1:")
        assert (await waiting)[0] != 0
        assert await host.do("qm status 101") == "status: stopped\n"

    on_host(work)


def test_monitor_wait_and_keys():
    async def work(host: Host) -> None:
        assert await host.do("qm wait 100 --timeout 3") == ""
        said = await host.do("qm monitor 100", b"info status\n")
        assert said.endswith("ERROR: VM 100 not running\n")
        await host.do("qm start 100")
        assert (await host.fails("qm wait 100 --timeout 3")) == "wait failed - got timeout\n"
        assert "VM status: running\n" in await host.do("qm monitor 100", b"info status\nq\n")
        await host.do("qm sendkey 100 ctrl-alt-delete")
        assert "invalid parameter: nosuch" in await host.fails("qm sendkey 100 nosuch")

    on_host(work)


def test_vendor_data_count_less_than_user_data():
    async def work(host: Host) -> None:
        vendor = b"#cloud-config\nhostname: theirs\nwrite_files:\n- {path: /v, content: v}\n"
        files = host.node.machine.files
        cfg = files.read("/etc/pve/storage.cfg").replace(b"iso,", b"snippets,iso,")
        files.write("/etc/pve/storage.cfg", cfg)
        files.write("/var/lib/vz/snippets/v.yaml", vendor)
        await host.do("qm set 100 --cicustom vendor=local:snippets/v.yaml")
        await host.start()
        guest = host.node.guests[100]
        assert guest.machine.hostname == "vm"
        assert guest.machine.files.read("/v") == b"v"

    on_host(work)


def test_a_config_drive_is_read_too():
    async def work(host: Host) -> None:
        await host.do("qm set 100 --citype configdrive2")
        shown = await host.do("qm cloudinit dump 100 network")
        assert "auto eth0\niface eth0 inet static\n        address 10.0.0.9\n" in shown
        await host.start()
        assert host.node.guests[100].addresses == ("10.0.0.9",)

    on_host(work)


def test_container_software_adds_interfaces():
    async def work(host: Host) -> None:
        await host.start()
        host.node.guests[100].system.active.add("docker.service")
        told = json.loads(await host.do("qm agent 100 network-get-interfaces"))
        assert [entry["name"] for entry in told] == ["lo", "eth0", "docker0"]

    on_host(work)


def test_what_a_start_refuses_and_what_holds_a_guest() -> None:
    refused = (
        ("--numa 1 --numa0 cpus=0,memory=32", "total memory for NUMA nodes must be equal to"),
        ("--numa0 cpus=0", "missing NUMA node0 memory value"),
        ("--delete numa,numa0 --usb0 mapping=foo", "USB device mapping not found for 'foo'"),
        ("--delete usb0 --hostpci0 mapping=foo", "PCI device mapping not found for 'foo'"),
        ("--delete hostpci0 --serial1 /dev/ttyS9", "no such serial device"),
        ("--delete serial1 --kvm 0", "start failed: QEMU exited with code 1"),
    )

    async def work(host: Host) -> None:
        for change, why in refused:
            await host.do(f"qm set 100 {change}")
            assert why in await host.fails("qm start 100")
        await host.do("qm set 100 --delete kvm --freeze 1")
        await host.do("qm start 100")
        assert await host.do("qm status 100") == "status: prelaunch\n"
        assert await host.fails("qm shutdown 100") == "VM is paused - cannot shutdown\n"
        await host.do("qm resume 100")
        assert await host.do("qm status 100") == "status: running\n"

    on_host(work)


def test_a_hook_script_is_heard_until_the_stop_and_its_loss_prevents_a_start() -> None:
    path = "/var/lib/vz/snippets/h.sh"
    make = (
        f"mkdir -p /var/lib/vz/snippets; printf '#!/bin/sh\\necho $2\\n' >{path}; chmod +x {path}"
    )

    async def work(host: Host) -> None:
        await host.do(make)
        await host.do("pvesm set local --content snippets,iso")
        await host.do("qm set 100 --hookscript local:snippets/h.sh")
        assert (await host.do("qm start 100")).endswith("pre-start\npost-start\n")
        assert await host.do("qm stop 100") == "pre-stop\n"
        host.node.machine.files.unlink(path)
        why = "script 'local:snippets/h.sh' does not exist\n\n"
        assert await host.fails("qm start 100") == f"hookscript error for 100 on pre-start: {why}"

    on_host(work)


def test_a_snapshot_asks_the_agent_unless_it_keeps_the_memory() -> None:
    async def work(host: Host) -> None:
        await host.do("qm start 100")  # the agent does not run yet
        silent = "QEMU Guest Agent is not running - VM 100 qmp command 'guest-ping' failed"
        assert silent in await host.do("qm snapshot 100 without")
        assert silent not in await host.do("qm snapshot 100 with --vmstate 1")
        await asyncio.sleep(60)
        assert silent not in await host.do("qm snapshot 100 later")

    on_host(work)


def test_an_agent_that_begins_within_the_patience_of_a_question_still_answers_it() -> None:
    async def work(host: Host) -> None:
        loop = asyncio.get_running_loop()
        await host.do("qm start 100")
        began = loop.time()
        assert await host.fails("qm agent 100 ping") == "QEMU guest agent is not running\n"
        patience = loop.time() - began
        guest = host.node.guest(100)
        assert guest is not None
        while not guest.agent_ready:
            began = loop.time()
            await host.try_("qm agent 100 ping")
        assert loop.time() - began < patience
        await host.do("qm agent 100 ping")

    on_host(work)


def test_a_program_in_a_guest_that_takes_its_time_is_looked_at_every_second() -> None:
    async def work(host: Host) -> None:
        await host.start()
        guest = host.node.guest(100)
        assert guest is not None
        guest.machine.files.write("/etc/sysconfig/qemu-ga", b"")  # Rocky Linux allows no commands
        loop = asyncio.get_running_loop()
        seconds = []
        for line in ("true", "sleep 0.1", "sleep 0.9", "sleep 1.5"):
            began = loop.time()
            await host.do(f"qm guest exec 100 -- {line}")
            seconds.append(loop.time() - began)
        at_once, *slow = seconds
        assert [round(each - at_once) for each in slow] == [1, 1, 2]

    on_host(work)
