from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from guest_lab import DEBIAN, MAC, boot, image, like_pve, new_world, run, seed, static

from pvekit.lab.guests.agent import AgentError
from pvekit.lab.guests.guest import Guest

RECORDED = Path(__file__).parents[2] / "../shared/pve/transcripts"
STATUS = "status: done\n"


async def debian() -> Guest:
    world = new_world()
    user = {
        **like_pve(),
        "packages": ["qemu-guest-agent"],
        "runcmd": ["systemctl start qemu-guest-agent"],
    }
    return await boot(world, image(world, DEBIAN), seed(user, "1", static()))


async def execute(guest: Guest, *command: str, **more: Any) -> Any:
    answer = await guest.agent("exec", command=command, **more)
    return await guest.agent("exec-wait", pid=answer["pid"], timeout_seconds=30)


def recorded(part: str) -> Iterator[dict[str, Any]]:
    if not RECORDED.is_dir():
        pytest.skip("the recordings of the real programs are not here")
    for name in ("06-full-flow.jsonl", "06b-full-flow-cloudinit-on-scsi.jsonl"):
        for line in (RECORDED / name).read_text().splitlines():
            entry: dict[str, Any] = json.loads(line)
            if part in entry["cmd"]:
                yield entry


def test_interfaces_are_told_as_recorded() -> None:
    (answer, *_) = (e for e in recorded("qm agent 9010 network-get-interfaces") if e["rc"] == 0)

    async def work() -> None:
        guest = await debian()
        assert await guest.agent("network-get-interfaces") == json.loads(answer["stdout"])

    asyncio.run(work())


def test_an_interface_without_address_is_told_as_recorded() -> None:
    (answer, *_) = recorded("get /nodes/pve1/qemu/9002/agent/network-get-interfaces")
    result = json.loads(answer["stdout"])["result"]

    async def work() -> None:
        world = new_world()
        user = {"packages": ["qemu-guest-agent"]}
        disk = image(world, DEBIAN)
        first = await boot(world, disk, seed(user))
        await run(first, "rm /etc/netplan/50-cloud-init.yaml")
        first.power_off()
        guest = await boot(world, disk, net0="virtio=BC:24:11:7F:74:99,bridge=vmbr0")
        assert await guest.agent("network-get-interfaces") == result

    asyncio.run(work())


@pytest.mark.parametrize("command", ["get-host-name", "get-users", "get-vcpus", "get-timezone"])
def test_facts_have_the_recorded_shape(command: str) -> None:
    (answer, *_) = (e for e in recorded(f" {command}") if e["rc"] == 0)

    async def work() -> None:
        guest = await debian()
        found, wanted = await guest.agent(command), json.loads(answer["stdout"])
        assert type(found) is type(wanted)
        assert found if command == "get-host-name" else found == wanted

    asyncio.run(work())


def test_the_system_is_told_as_recorded() -> None:
    (answer, *_) = recorded("get-osinfo")
    wanted = json.loads(answer["stdout"])

    async def work() -> None:
        found = await (await debian()).agent("get-osinfo")
        assert {**found, "kernel-version": wanted["kernel-version"]} == wanted

    asyncio.run(work())


def test_programs_run_through_the_agent() -> None:
    async def work() -> None:
        guest = await debian()
        assert await execute(guest, "/bin/sh", "-c", "echo out; echo err >&2; exit 3") == {
            "err-data": "err\n",
            "err-truncated": 0,
            "exitcode": 3,
            "exited": 1,
            "out-data": "out\n",
            "out-truncated": 0,
        }
        assert (await execute(guest, "cat", input_data=b"hello\n"))["out-data"] == "hello\n"
        assert await execute(guest, "true") == {"exitcode": 0, "exited": 1}
        text = (await execute(guest, "cat", "/etc/ssh/ssh_host_ed25519_key.pub"))["out-data"]
        assert text.startswith("ssh-ed25519 AAAA")
        waited = await execute(guest, "cloud-init", "status", "--wait")
        assert waited["out-data"].endswith(STATUS)

    asyncio.run(work())


def test_cloud_init_tells_its_status_as_recorded() -> None:
    (answer, *_) = recorded("cloud-init status --long")
    wanted = json.loads(answer["stdout"])["out-data"].splitlines()

    async def work() -> None:
        found = await execute(await debian(), "cloud-init", "status", "--long")
        lines = found["out-data"].splitlines()
        assert [line for line in lines if "last_update" not in line] == [
            line for line in wanted if "last_update" not in line
        ]

    asyncio.run(work())


def test_what_the_agent_refuses() -> None:
    (answer, *_) = recorded("exec 9002 -- nosuchprogram")

    async def work() -> None:
        guest = await debian()
        with pytest.raises(AgentError) as refused:
            await guest.agent("exec", command=("nosuchprogram",))
        assert str(refused.value) in answer["stderr"]
        with pytest.raises(AgentError, match="Agent error: Invalid parameter 'pid'"):
            await guest.agent("exec-status", pid=999999)
        with pytest.raises(AgentError, match=r"failed to open file '/nosuch' .*No such file"):
            await guest.agent("file-read", file="/nosuch")
        with pytest.raises(AgentError, match="not simulated"):
            await guest.agent("suspend-disk")

    asyncio.run(work())


def test_the_agent_ends_with_the_guest() -> None:
    async def work() -> None:
        guest = await debian()
        assert (await guest.agent("file-read", file="/etc/hostname"))["content"] == "vm10\n"
        guest.power_off()
        assert MAC not in [link.mac for link in guest.links]
        with pytest.raises(AgentError, match="QEMU guest agent is not running"):
            await guest.agent("ping")

    asyncio.run(work())


async def _said(guest: Guest, line: str) -> str:
    answer = await execute(guest, "sh", "-c", line)
    return str(answer.get("out-data", ""))


def test_the_kernel_tells_whom_it_has_killed_for_want_of_memory() -> None:
    async def work() -> None:
        guest = await debian()
        quiet = await _said(guest, "dmesg; journalctl -k -q -o short-unix")
        assert "Linux version" in quiet
        assert "emory" not in quiet
        faults = guest.world.faults
        faults.order("guest-oom", "101", count=2, process="postgres")
        faults.order("guest-oom", "101", cgroup="/kubepods/pod1")
        dmesg = await _said(guest, "dmesg")
        assert dmesg.count("] Out of memory: Killed process 4242 (postgres) ") == 2
        assert dmesg.count("] Memory cgroup out of memory: Killed process 4242 (java) ") == 1
        assert dmesg.count("oom_memcg=/kubepods/pod1,") == 1
        recent = "journalctl -q --no-pager -o short-unix --since=-3600s _TRANSPORT=kernel"
        assert (await _said(guest, recent)).count(" kernel: Out of memory: Killed") == 2
        assert await _said(guest, recent.replace("-3600s", "@9000000000")) == ""
        of_boot = await _said(guest, "journalctl -k -q -o short-monotonic")
        assert of_boot.count("] vm10 kernel: Out of memory: Killed") == 2

    asyncio.run(work())


def test_pressure_on_memory_is_told_as_the_kernel_does() -> None:
    async def work() -> None:
        guest = await debian()
        none = "avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
        asked = "cat /proc/pressure/memory"
        assert await _said(guest, asked) == f"some {none}full {none}"
        guest.world.faults.order("guest-pressure", "101", percent="12.5")
        some, full = (await _said(guest, asked)).splitlines()
        assert some.startswith("some avg10=12.50 avg60=12.50 avg300=12.50 total=")
        assert full.removeprefix("full") == some.removeprefix("some")

    asyncio.run(work())


def test_ip_addr_tells_what_the_agent_tells() -> None:
    async def work() -> None:
        guest = await debian()
        said = (await execute(guest, "ip", "addr"))["out-data"]
        told = await guest.agent("network-get-interfaces")
        macs = [each["hardware-address"] for each in told]
        assert re.findall(r"link/\S+ (\S+) brd", said) == macs
        addresses = [one for each in told for one in each.get("ip-addresses", ())]
        assert re.findall(r"inet6? (\S+)", said) == [
            f"{one['ip-address']}/{one['prefix']}" for one in addresses
        ]

    asyncio.run(work())
