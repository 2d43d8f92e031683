"""The least possible time for making VMs on a site of the lab, by the lab's own figures."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pvekit.lab.figures import Figures

FORK = 0.05
"""Seconds from the start of a program until its task begins, in the lab."""

CONNECTION = 0.3
"""Seconds that a new SSH connection takes (``node_connection``)."""

DRIVES = 2
"""What a clone gets: its disk and its cloud-init drive."""


@dataclass(frozen=True)
class Job:
    """VMs that are to be made at once, each with a disk of so many MiB, spread over nodes."""

    vms: int
    nodes: int
    disk_mb: int

    @property
    def per_node(self) -> int:
        """The VMs of the fullest node."""
        return math.ceil(self.vms / self.nodes)


def bound(job: Job, figures: Figures) -> float:
    """Return the seconds of the critical path: nothing is waited for but what has to be.

    All clones of a node share the pace of its storage, which is used up from the first to the last.
    The last one is configured, grown, started and boots; a question to its agent, under way while
    it boots, tells where it is, and one connection shows that it is there.
    """
    program = figures.program_start
    copies = job.disk_mb * max(
        job.per_node / figures.copy_all,  # the storage's pace
        1 / figures.copy_one,  # that of one copy
    )
    clone = program + FORK + copies + DRIVES * figures.new_volume
    configure, grow = program, program + FORK
    start = program + FORK + figures.vm_start
    boot = figures.firmware_and_kernel + figures.guest_network
    return CONNECTION + clone + configure + grow + start + boot + CONNECTION
