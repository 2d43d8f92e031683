"""All programs of a Proxmox VE node: its own, and those it has for images and downloads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvekit.lab.commands import (
    customize,
    download,
    ha_manager,
    iso,
    pvecm,
    pvenode,
    pvesm,
    pvesr,
    pveum,
    qm,
    storage_tools,
)
from pvekit.lab.commands import vzdump as backups
from pvekit.lab.commands.call import PveProgram
from pvekit.lab.commands.console import socat
from pvekit.lab.commands.gpgv import gpgv
from pvekit.lab.commands.lvs import lvs
from pvekit.lab.commands.pvesh import pvesh
from pvekit.lab.commands.pveversion import pveversion
from pvekit.lab.commands.qemu_img import qemu_img, qemu_io

if TYPE_CHECKING:
    from pvekit.lab.node import Node
    from pvekit.lab.process import Program


def pve_programs(node: Node, *, virt_customize: bool) -> dict[str, Program]:
    """Return a node's programs by name; stock nodes have no ``virt-customize``."""
    programs: dict[str, Program] = {
        "qmrestore": PveProgram(node, "qmrestore", backups.RESTORE_HANDLERS, frozenset()),
        "sendmail": backups.sendmail,
        "vzdump": PveProgram(node, "vzdump", backups.HANDLERS, frozenset()),
        "ha-manager": PveProgram(node, "ha-manager", ha_manager.HANDLERS, ha_manager.READING),
        "pveam": PveProgram(node, "pveam", pvesr.TEMPLATE_HANDLERS, frozenset({"list"})),
        "pvecm": PveProgram(node, "pvecm", pvecm.HANDLERS, pvecm.READING),
        "pvenode": PveProgram(node, "pvenode", pvenode.HANDLERS, pvenode.READING),
        "pvesh": pvesh(node),
        "pvesm": PveProgram(node, "pvesm", pvesm.HANDLERS, pvesm.READING),
        "pvesr": PveProgram(node, "pvesr", pvesr.HANDLERS, pvesr.READING),
        "pveum": PveProgram(node, "pveum", pveum.HANDLERS, pveum.READING),
        "pveversion": pveversion(node),
        "qemu-img": qemu_img,
        "qemu-io": qemu_io,
        "qm": PveProgram(node, "qm", qm.HANDLERS, qm.READING),
    }
    internet = node.world.internet
    programs |= download.programs(internet)
    programs |= iso.PROGRAMS
    programs |= storage_tools.PROGRAMS
    programs |= {"gpgv": gpgv, "lvs": lvs(node), "socat": socat(node)}
    if virt_customize:
        programs |= customize.programs(internet)
    return programs
