from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from guest_lab import (
    DEBIAN,
    GIB,
    KEY,
    MAC,
    ROCKY,
    PoweredOff,
    boot,
    fails,
    image,
    like_pve,
    new_world,
    plug,
    run,
    seed,
    static,
)

from pvekit.lab.guests.agent import AgentError
from pvekit.lab.guests.disk import Disk
from pvekit.lab.guests.world import World

FINISH = """\
#!/bin/sh
set -eu
cloud-init status --wait >/dev/null
cloud-init clean --logs --machine-id
truncate -s 0 /etc/machine-id
rm -f /etc/ssh/ssh_host_*
apt-get clean
test -e /etc/machine-id
test ! -s /etc/machine-id
[ ! -e /var/lib/cloud/instance ]
[ "$(ls /etc/ssh/ | grep -c ssh_host_)" = 0 ]
poweroff
"""
RECIPE = {
    "users": [],
    "package_update": True,
    "packages": ["qemu-guest-agent"],
    "write_files": [
        {"path": "/usr/local/sbin/finish", "permissions": "0755", "content": FINISH},
    ],
    "runcmd": [["systemd-run", "--no-block", "--unit=finish", "/usr/local/sbin/finish"]],
}


def aio(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 10))


async def template(world: World) -> Disk:
    disk = image(world).copy(16 * GIB)
    off = PoweredOff()
    guest = plug(world, disk, seed(RECIPE, "build"), vmid=9000, off=off)
    guest.power_on()
    await asyncio.wait_for(off.wait(), 10)
    assert not guest.running
    return disk


def test_a_template_built_by_first_boot_is_clean() -> None:
    async def work() -> None:
        disk = await template(new_world())
        assert disk.files["/etc/machine-id"] == b""
        assert not [path for path in disk.files if path.startswith("/etc/ssh/ssh_host_")]
        assert not [path for path in disk.files if path.startswith("/var/lib/cloud/")]
        assert not [path for path in disk.files if path.startswith("/var/log/cloud-init")]
        assert not [path for path in disk.files if path.endswith(".deb")]
        assert not [path for path in disk.files if path.startswith("/home/")]
        assert "/usr/bin/qemu-ga" in disk.files
        assert disk.root_bytes == 16 * GIB

    aio(work())


def test_clones_of_a_template_are_new_machines() -> None:
    async def work() -> None:
        world = new_world()
        base = await template(world)
        guests = []
        for number in (1, 2):
            mac = f"bc:24:11:00:00:0{number}"
            dhcp = {"type": "physical", "name": "eth0", "mac_address": mac}
            network = {"version": 1, "config": [dhcp | {"subnets": [{"type": "dhcp4"}]}]}
            iso = seed(like_pve(f"vm{number}"), f"clone{number}", network)
            net0 = f"virtio={mac.upper()},bridge=vmbr0"
            guests.append(await boot(world, base.copy(20 * GIB), iso, net0=net0))
        one, two = guests
        assert one.host_key != two.host_key
        assert await run(one, "cat /etc/machine-id") != await run(two, "cat /etc/machine-id")
        assert set(one.addresses).isdisjoint(two.addresses)
        for guest, name in ((one, "vm1"), (two, "vm2")):
            assert guest.ssh_ready
            assert guest.agent_ready
            assert guest.authorized_keys("bench") == f"{KEY}\n"
            assert guest.authorized_keys("root") == guest.authorized_keys("nobody") == ""
            assert await run(guest, "cat /etc/hostname; cloud-init status") == (
                f"{name}\nstatus: done\n"
            )

    aio(work())


def test_a_template_that_keeps_its_machine_id_gives_all_clones_one_lease() -> None:
    async def work() -> None:
        world = new_world()
        disk = image(world)
        disk.files["/etc/machine-id"] = b"0123456789abcdef0123456789abcdef\n"
        one = await boot(world, disk.copy(), seed(like_pve(), "1"), vmid=1)
        two = await boot(world, disk.copy(), seed(like_pve(), "2"), vmid=2)
        assert one.addresses == two.addresses

    aio(work())


def test_the_same_instance_keeps_its_identity_over_a_reboot() -> None:
    async def work() -> None:
        world = new_world()
        disk = image(world)
        iso = seed({**like_pve(), "runcmd": ["echo ran >> /root/log"]}, "same", static())
        guest = await boot(world, disk, iso)
        before = (guest.host_key, guest.machine.boot_id, guest.addresses)
        boot_again = guest.reset()
        assert not guest.ssh_ready
        await boot_again
        assert guest.host_key == before[0]
        assert guest.machine.boot_id != before[1]
        assert guest.addresses == before[2] == ("10.99.0.60",)
        assert await run(guest, "cat /root/log") == "ran\n"
        guest.power_off()
        # Changed user data is a new instance: it runs all over, with new host keys.
        changed = seed({**like_pve("other"), "runcmd": ["echo ran >> /root/log"]}, "changed")
        again = await boot(world, disk, changed)
        assert again.host_key != before[0]
        assert await run(again, "cat /root/log") == "ran\nran\n"

    aio(work())


@pytest.mark.parametrize(
    ("path", "ran"),
    [
        ("/var/lib/cloud/data/instance-id", "ran\n"),
        ("/var/lib/cloud/instance/boot-finished", "ran\n"),
        # A module that had begun is not run once more.
        ("/var/lib/cloud/instance/sem/config_scripts_user", ""),
    ],
)
def test_what_a_first_boot_without_power_left_undone_is_done_by_the_next(
    path: str, ran: str
) -> None:
    async def work() -> None:
        world = new_world()
        disk = image(world)
        iso = seed({**like_pve(), "runcmd": ["echo ran >> /root/log"]}, "same")
        guest = plug(world, disk, iso)
        booting = guest.power_on()
        while not guest.machine.files.exists(path) and not booting.done():
            await asyncio.sleep(0)
        guest.power_off()
        again = await boot(world, disk, iso)
        assert again.ssh_ready
        assert again.authorized_keys("bench") == f"{KEY}\n"
        assert await run(again, "cat /root/log 2>/dev/null; true") == ran

    aio(work())


@pytest.mark.parametrize(
    ("url", "slot", "seen"),
    [
        (DEBIAN, "ide2", False),
        (DEBIAN, "sata0", False),
        (DEBIAN, "scsi1", True),
        (DEBIAN.replace("genericcloud", "generic"), "ide2", True),
        ("https://cloud-images.ubuntu.com/jammy/current/jammy.img", "ide2", True),
    ],
)
def test_a_cloud_kernel_does_not_see_ide_drives(url: str, slot: str, seen: bool) -> None:
    async def work() -> None:
        world = new_world()
        iso = seed(like_pve(), "1", static())
        guest = await boot(world, image(world, url), iso, slot=slot)
        assert bool(guest.addresses) is guest.ssh_ready is seen
        status = await run(guest, "cloud-init status --wait")
        assert status == ("\nstatus: done\n" if seen else "\nstatus: disabled\n")

    aio(work())


def test_the_root_file_system_grows_to_the_disk() -> None:
    async def work() -> None:
        world = new_world()
        disk = image(world).copy(20 * GIB)
        assert disk.root_bytes < 3 * GIB
        guest = await boot(world, disk, seed(like_pve()))
        place, usage = guest.machine.files.usage("/root")
        assert (place, usage.device, usage.total) == ("/", "/dev/sda1", 20 * GIB)

    aio(work())


def test_a_disk_without_a_system_does_nothing() -> None:
    async def work() -> None:
        guest = plug(new_world(), Disk(GIB), None)
        guest.power_on()
        assert not await guest.shutdown(2)
        assert guest.running
        assert not guest.ssh_ready
        assert guest.addresses == ()
        with pytest.raises(AgentError, match="QEMU guest agent is not running"):
            await guest.agent("ping")

    aio(work())


def test_enterprise_linux_needs_a_newer_cpu_than_the_default() -> None:
    async def work() -> None:
        world = new_world()
        old = plug(world, image(world, ROCKY), seed(like_pve()), cpu="kvm64")
        old.power_on()
        assert not await old.shutdown(2)
        new = await boot(world, image(world, ROCKY), seed(like_pve()))
        assert new.ssh_ready
        assert new.addresses

    aio(work())


def test_enterprise_linux_refuses_guest_exec() -> None:
    async def work() -> None:
        world = new_world()
        guest = await boot(world, image(world, ROCKY), seed(like_pve()))
        assert await guest.agent("ping") == {}
        with pytest.raises(AgentError, match="guest-exec has been disabled"):
            await guest.agent("exec", command=("true",))

    aio(work())


def test_without_the_agents_port_the_agent_cannot_start() -> None:
    async def work() -> None:
        world = new_world()
        iso = seed({"packages": ["qemu-guest-agent"]})
        guest = await boot(world, image(world), iso, agent="0")
        assert not guest.agent_ready
        _, text = await fails(guest, "systemctl start qemu-guest-agent")
        assert "dependency" in text

    aio(work())


def test_installed_packages_start_the_agent_only_when_told() -> None:
    async def work() -> None:
        world = new_world()
        disk = image(world)
        guest = await boot(world, disk, seed({"packages": ["qemu-guest-agent"]}))
        assert not guest.agent_ready
        await run(guest, "systemctl start qemu-guest-agent")
        assert guest.agent_ready
        await guest.reset()
        assert guest.agent_ready

    aio(work())


def test_ordered_faults_strike_one_power_on() -> None:
    async def work() -> None:
        world = new_world()
        base = await template(world)
        world.faults.order("guest-silent", "101")
        world.faults.order("guest-no-ssh", "101")
        iso = seed(like_pve())
        struck = await boot(world, base.copy(), iso, vmid=101)
        assert not struck.agent_ready
        assert not struck.ssh_ready
        assert struck.addresses
        await struck.reset()
        assert struck.agent_ready
        assert struck.ssh_ready

    aio(work())


def test_a_slow_guest_is_slow_in_an_immediate_lab_too() -> None:
    async def work() -> None:
        world = new_world()
        world.faults.order("guest-slow", "101", seconds="0.05")
        guest = plug(world, image(world), seed(like_pve()))
        guest.power_on()
        for _ in range(20):
            await asyncio.sleep(0)
        assert not guest.system.booted
        await guest.cloud.settled.wait()
        assert guest.ssh_ready

    aio(work())


def test_without_seed_a_system_boots_but_knows_nobody() -> None:
    async def work() -> None:
        world = new_world()
        guest = await boot(world, image(world))
        assert not guest.ssh_ready
        assert guest.addresses == ()
        assert (await run(guest, "cloud-init status")) == "status: disabled\n"

    aio(work())


def test_shutdown_from_outside_and_inside_both_save_the_disk() -> None:
    async def work() -> None:
        for line in ("", "poweroff", "shutdown -h now", "systemctl poweroff"):
            world = new_world()
            disk, off = image(world), PoweredOff()
            guest = await boot(world, disk, seed(like_pve()), off=off)
            await run(guest, "echo kept > /root/note")
            if line:
                await run(guest, line)
            else:
                assert await guest.shutdown(30)
            await asyncio.wait_for(off.wait(), 10)
            assert disk.files["/root/note"] == b"kept\n"
            assert not guest.running
            assert not guest.ssh_ready

    aio(work())


def test_bad_user_data_is_an_error_and_odd_user_data_a_warning() -> None:
    async def work() -> None:
        world = new_world()
        broken = await boot(world, image(world), seed("#cloud-config\nruncmd: [a\n"))
        assert (await fails(broken, "cloud-init status"))[0] == 1
        wrong = await boot(world, image(world), seed({"runcmd": 7}))
        assert (await fails(wrong, "cloud-init status --long"))[0] == 1
        failing = await boot(world, image(world), seed({"runcmd": ["true", "false"]}))
        assert (await fails(failing, "cloud-init status"))[0] == 1
        odd = await boot(world, image(world), seed({"ntp": {"enabled": True}}))
        status, _ = await fails(odd, "cloud-init status --format=json")
        assert status == 2

    aio(work())


def test_user_data_writes_files_of_all_kinds() -> None:
    async def work() -> None:
        files = [
            {"path": "/etc/x/plain", "content": "text\n", "permissions": "0640"},
            {"path": "/etc/x/b64", "content": "aGk=", "encoding": "b64"},
            {"path": "/etc/x/plain", "content": "more\n", "append": True},
            {"path": "/home/bench/late", "content": "", "owner": "bench:bench", "defer": True},
        ]
        world = new_world()
        guest = await boot(world, image(world), seed({**like_pve(), "write_files": files}))
        assert await run(guest, "cat /etc/x/plain /etc/x/b64") == "text\nmore\nhi"
        assert guest.machine.files.stat("/home/bench/late").owner == "bench"

    aio(work())


@pytest.mark.parametrize(
    ("network", "addresses"),
    [
        (static("10.1.2.3"), ("10.1.2.3",)),
        (static("10.1.2.3", "bc:24:11:ff:ff:ff"), ()),
        ({"version": 2, "ethernets": {"any": {"match": {"macaddress": MAC}, "dhcp4": True}}}, None),
        (
            {"version": 2, "ethernets": {"eth0": {"addresses": ["10.5.0.9/16", "fd00::9/64"]}}},
            ("10.5.0.9", "fd00::9"),
        ),
        ({"version": 1, "config": [{"type": "nameserver", "address": ["1.1.1.1"]}]}, ()),
    ],
)
def test_network_configurations(network: dict[str, Any], addresses: tuple[str, ...] | None) -> None:
    async def work() -> None:
        world = new_world()
        guest = await boot(world, image(world), seed(like_pve(), "1", network))
        if addresses is None:
            assert guest.addresses == ("10.0.100.1",)
        else:
            assert guest.addresses == addresses

    aio(work())


def test_a_vlan_has_its_own_leases_and_an_unplugged_card_none() -> None:
    async def work() -> None:
        world = new_world()
        tagged = await boot(
            world, image(world), seed(like_pve()), net0=f"virtio={MAC},bridge=vmbr0,tag=7"
        )
        assert tagged.addresses == ("10.7.100.1",)
        unplugged = await boot(
            world, image(world), seed(like_pve()), net0=f"virtio={MAC},bridge=vmbr0,link_down=1"
        )
        assert unplugged.addresses == ()

    aio(work())
