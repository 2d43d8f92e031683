"""A lab for tests of Proxmox VE's programs, and how to run lines on its nodes."""

import asyncio

from pvekit.lab.clock import Clock
from pvekit.lab.machine import collect
from pvekit.lab.site import Site, SiteSpec


async def ask(node, line):
    """Return (worked, stdout, stderr) of a line as text."""
    status, out, err = await collect(node.machine, line, env={"LC_ALL": "C.UTF-8"})
    return status == 0, out.decode(), err.decode()


async def do(node, line):
    """Run a line that has to work; return its stdout."""
    worked, out, err = await ask(node, line)
    assert worked, (line, out, err)
    return out


def played(scenario, storage="dir", **spec):
    """Run ``scenario(site, pve1, pve2)`` in a lab with two nodes."""

    async def main():
        site = Site(SiteSpec(storage=storage, **spec), clock=Clock(0))
        await scenario(site, *site.nodes.values())

    asyncio.run(main())


def volumes(node, storage="local-lvm"):
    """Return the names of the volumes on a storage, as a node sees it."""
    return sorted(node.storages.pool(storage).volumes)
