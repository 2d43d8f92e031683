"""What had been done on the site before a recording began, where its own commands do not tell."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pvekit.lab.machine import collect
from pvekit.lab.site import Site
from tests.lab.parity.evidence import shown
from tests.lab.parity.recordings import names, read
from tests.lab.parity.states import impose

# A storage that did not answer: it broke off what scanned all of them.
_DEAD = "pvesm add rbd pk-rbd --pool p --monhost 10.99.0.250"

# What had been done on the site before: commands, or "@recording:first-last".
BEFORE: tuple[tuple[str, Sequence[str]], ...] = (
    ("01-", ()),
    ("", ("@01-create:9", "@01-create:22", "@01-create:24", "@01-create:27")),
    ("06b", ("@06-full-flow:8",)),
    ("1[23]-", (_DEAD,)),
    (
        "13-",
        (
            "standing 9001",
            "qm clone 9001 701 --name ha2",
            "@12-import-vmdk-ovf:0-20",
            "qm destroy 701 --purge 1 --destroy-unreferenced-disks 1",
            "pvesm remove pk-rbd",
        ),
    ),
)


async def prepare(site: Site, recording: str) -> None:
    """Do what had been done on the site before."""
    for pattern, commands in BEFORE:
        if re.match("01-", recording) or not re.match(pattern, recording):
            continue
        for command in commands:
            await perform(site, command)


async def perform(site: Site, command: str) -> None:
    """Run a command of the preparation; one that begins with ``@`` names recorded ones.

    ``standing ID`` makes a VM as a recording shows it.
    """
    if command.startswith("standing "):
        vmid = int(command.removeprefix("standing "))
        impose(site, "pve1", vmid, shown((), vmid))
        return
    if not command.startswith("@"):
        await collect(site.nodes["pve1"].machine, command, env={"LC_ALL": "C.UTF-8"})
        return
    name, _, numbers = command[1:].partition(":")
    if name not in names():
        return
    first, _, last = numbers.partition("-")
    for entry in read(name)[int(first) : int(last or first) + 1]:
        machine = site.nodes[entry.node].machine
        await collect(machine, entry.cmd, entry.stdin.encode(), env={"LC_ALL": "C.UTF-8"})
