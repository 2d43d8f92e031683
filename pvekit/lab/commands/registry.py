"""All programs of a Proxmox VE node: its own, and those it has for images and downloads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvekit.lab.commands import customize, download, iso, pvesm, qm
from pvekit.lab.commands.call import PveProgram
from pvekit.lab.commands.console import socat
from pvekit.lab.commands.pvesh import pvesh
from pvekit.lab.commands.pveversion import pveversion
from pvekit.lab.commands.qemu_img import qemu_img

if TYPE_CHECKING:
    from pvekit.lab.node import Node
    from pvekit.lab.process import Program


def pve_programs(node: Node, *, virt_customize: bool) -> dict[str, Program]:
    """Return a node's programs by name; stock nodes have no ``virt-customize``."""
    programs: dict[str, Program] = {
        "pvesh": pvesh(node),
        "pvesm": PveProgram(node, "pvesm", pvesm.HANDLERS, pvesm.READING, pvesm.SECONDS),
        "pveversion": pveversion(node),
        "qemu-img": qemu_img,
        "qm": PveProgram(node, "qm", qm.HANDLERS, qm.READING),
    }
    internet = node.world.internet
    programs |= download.programs(internet)
    programs |= iso.PROGRAMS
    programs["socat"] = socat(node)
    if virt_customize:
        programs |= customize.programs(internet)
    return programs
