"""How a few VMs and claims stand right now, read in one go without a Perl start.

Many goals of one node share the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from pvekit.plan import Ask, Check, Verdict, check
from pvekit.pve import claims, ending, mark
from pvekit.pve.conf import GuestConfig, parse
from pvekit.pve.mark import Mark
from pvekit.pve.numbers import whole
from pvekit.pve.scripts import script
from pvekit.pve.volumes import named
from pvekit.shell import Query

_CONF = re.compile(r"/etc/pve/nodes/([^/]+)/qemu-server/([0-9]{1,9})\.conf")


@dataclass(frozen=True)
class Found:
    """A VM's config and the PVE name of the node that it is on."""

    node: str
    config: GuestConfig

    @property
    def mark(self) -> Mark | None:
        """The mark in its description, whoever's it is."""
        return mark.from_description(self.config.description)

    @property
    def volids(self) -> frozenset[str]:
        """The volumes that its config names."""
        return named(self.config)


@dataclass(frozen=True)
class State:
    """VMs by vmid, those that run on the asked node, and the content of each claim's file.

    ``processes`` are the emulators' processes by vmid: another text after each start of the VM.
    """

    vms: Mapping[int, Found] = field(default_factory=dict)
    running: frozenset[int] = frozenset()
    claims: Mapping[str, claims.Claim] = field(default_factory=dict)
    processes: Mapping[int, str] = field(default_factory=dict)

    def ours(self, vmid: int, name: str, run: str, kind: mark.Kind = "vm") -> bool:
        """Whether a VM is finished and carries the mark of this run for this vmid and name."""
        found = self.vms.get(vmid)
        if found is None or found.mark is None or found.config.lock:
            return False
        given = found.mark
        made = (given.kind, given.name, given.run) == (kind, name, run)
        return made and given.is_of(vmid, found.config)

    def building(self, vmid: int, name: str, run: str) -> bool:
        """Whether a VM is a run's template before it was made one."""
        found = self.vms.get(vmid)
        given = found.mark if found else None
        if found is None or given is None or found.config.lock:
            return False
        told = (given.kind, given.vmid, given.name, given.run)
        return found.config.values.get("name") == name and told == ("template", vmid, name, run)

    def made_by(self, run: str, vmid: int) -> bool:
        """Whether a VM is the work of this run, finished or not."""
        found = self.vms.get(vmid)
        if found is None:
            return False
        if found.mark is not None:
            named = found.config.values.get("name") == found.mark.name
            return named and (found.mark.run, found.mark.vmid) == (run, vmid)
        claim = self.claims.get(f"vmid-{vmid}")
        return found.config.is_stub and claim is not None and claim.run == run


def read(out: str) -> State:
    """Read the answer of the script ``state``; raises :class:`UnreadableAnswer` if it is cut."""
    texts: dict[str, list[str]] = {}
    processes: dict[int, str] = {}
    for line in ending.lines(out):  # no other line ends: a file may hold any character
        if line.startswith("running "):
            vmid, _, process = line.removeprefix("running ").partition(" ")
            if (number := whole(vmid)) is not None:
                processes[number] = process
            continue
        path, colon, text = line.partition(":")
        if colon and path.startswith("/"):
            texts.setdefault(path, []).append(text)
    vms = {}
    held = {}
    for path, lines in texts.items():
        if conf := _CONF.fullmatch(path):
            vms[int(conf[2])] = Found(conf[1], parse("\n".join(lines) + "\n"))
        elif claim := claims.parse("", path, "\n".join(lines)):
            held[path.rpartition("/")[2]] = claim
    return State(vms, frozenset(processes), held, processes)


def asked(node: str, vmid: int) -> Ask[State]:
    """Ask how a VM stands, and the claim of its vmid."""
    return Ask(node, Query(script("state"), read), topics=(str(vmid),))


def claimed(node: str, files: Iterable[str]) -> Ask[State]:
    """Ask how these claims stand."""
    return Ask(node, Query(script("state"), read), topics=tuple(files))


def holds(says: str, node: str, vmid: int, test: Callable[[State], bool], seen: str = "") -> Check:
    """Return the check that a test of the state holds."""
    return check(says, asked(node, vmid), lambda state: Verdict(test(state), seen))
