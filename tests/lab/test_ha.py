"""High availability: what is only asked for, and what the manager then does."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from pvekit.lab.machine import collect
from pvekit.lab.site import Site, SiteSpec

SHARED = ("qm create 100 --memory 64 --scsi0 ceph:1",)


def spec(**more: Any) -> SiteSpec:
    """Return a site of three nodes with shared storage."""
    return SiteSpec(nodes=3, storage="rbd", seed=1, **more)


async def sh(site: Site, line: str, node: str = "pve1") -> str:
    """Run a line and return what it printed; it must succeed."""
    status, out, err = await collect(site.nodes[node].machine, line)
    assert status == 0, err
    return out.decode()


async def until(true: Callable[[], bool]) -> None:
    """Wait for the manager."""
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.02)


def running_on(site: Site, vmid: int = 100) -> str:
    """Return the node on which a VM runs, or nothing."""
    return next((name for name, node in site.nodes.items() if node.guest(vmid)), "")


def state(site: Site) -> str:
    """Return the state of the VM as the manager has noted it."""
    text = site.nodes["pve2"].machine.files.read("/etc/pve/ha/manager_status").decode()
    return str(json.loads(text)["service_status"].get("vm:100", {}).get("state", ""))


def test_programs_only_ask_and_the_manager_acts() -> None:
    async def story() -> None:
        site = Site(spec())
        await sh(site, SHARED[0])
        await sh(site, "ha-manager add vm:100 --state stopped")
        assert "service vm:100 (pve1, queued)" in await sh(site, "ha-manager status")
        assert await sh(site, "qm start 100") == "Requesting HA start for VM 100\n"
        assert not running_on(site)
        await until(lambda: running_on(site) == "pve1")
        assert await sh(site, "qm stop 100") == "Requesting HA stop for VM 100\n"
        assert running_on(site)
        await until(lambda: not running_on(site))
        assert "\tstate stopped\n" in await sh(site, "ha-manager config")

    asyncio.run(story())


def test_a_vm_that_goes_off_is_started_again() -> None:
    async def story() -> None:
        site = Site(spec())
        await sh(site, SHARED[0])
        await sh(site, "ha-manager add 100")
        await until(lambda: running_on(site) == "pve1")
        site.nodes["pve1"].power_off(100)
        await until(lambda: running_on(site) == "pve1")

    asyncio.run(story())


def test_a_migration_moves_the_running_vm() -> None:
    async def story() -> None:
        site = Site(spec())
        await sh(site, SHARED[0])
        await sh(site, "ha-manager add 100")
        await until(lambda: running_on(site) == "pve1")
        await sh(site, "ha-manager migrate vm:100 pve3")
        await until(lambda: running_on(site) == "pve3")
        assert site.nodes["pve3"].vmids() == [100]

    asyncio.run(story())


def test_a_group_draws_its_vms_to_its_best_node() -> None:
    async def story() -> None:
        site = Site(spec())
        await sh(site, SHARED[0])
        await sh(site, "ha-manager groupadd g1 --nodes pve1:1,pve2:2 --restricted 1")
        await sh(site, "ha-manager add 100 --group g1")
        await until(lambda: running_on(site) == "pve2")

    asyncio.run(story())


def test_a_vm_that_cannot_start_ends_in_error_and_has_to_be_disabled_first() -> None:
    async def story() -> None:
        site = Site(spec())
        await sh(site, "qm create 100 --memory 64 --net0 virtio,bridge=vmbr9")
        await sh(site, "ha-manager add 100 --max_restart 0 --max_relocate 0")
        files = site.nodes["pve1"].machine.files
        await until(lambda: files.exists("/etc/pve/ha/manager_status"))
        await until(lambda: state(site) == "error")
        line = "ha-manager set vm:100 --state started"
        status, _, err = await collect(site.nodes["pve1"].machine, line)
        assert status != 0
        assert b"service 'vm:100' in error state, must be disabled and fixed first" in err
        await sh(site, "ha-manager set vm:100 --state disabled")
        await until(lambda: state(site) == "stopped")

    asyncio.run(story())


def test_destroying_takes_a_vm_out_only_with_purge() -> None:
    async def story() -> None:
        site = Site(spec())
        await sh(site, SHARED[0])
        await sh(site, "ha-manager add 100 --state stopped")
        machine = site.nodes["pve1"].machine
        status, _, err = await collect(machine, "qm destroy 100")
        assert status != 0
        assert b"used in HA resources and purge parameter not set" in err
        said = await sh(site, "qm destroy 100 --purge 1")
        assert said.endswith("NOTE: removed VM 100 from HA resource configuration.\n")
        assert await sh(site, "ha-manager config") == ""

    asyncio.run(story())


def test_rules_take_the_place_of_groups_in_version_nine() -> None:
    async def story() -> None:
        site = Site(spec(pve="9.2"))
        await sh(site, SHARED[0])
        status, _, _ = await collect(
            site.nodes["pve1"].machine, "ha-manager groupadd g1 --nodes pve1"
        )
        assert status != 0
        await sh(site, "ha-manager add 100")
        await sh(
            site, "ha-manager rules add node-affinity r1 --resources vm:100 --nodes pve3 --strict 1"
        )
        await until(lambda: running_on(site) == "pve3")

    asyncio.run(story())
