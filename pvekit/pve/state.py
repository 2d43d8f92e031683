"""How a few VMs and claims stand right now, read in one go without a Perl start.

Many goals of one node share the answer; every goal about a VM's config is built here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from pvekit.errors import Conflict, IdTaken, LockTimeout
from pvekit.plan import Ask, Asking, Check, Verdict, ask, check
from pvekit.pve import claims, ending, mark
from pvekit.pve.conf import GuestConfig, parse
from pvekit.pve.mark import Mark
from pvekit.pve.numbers import whole
from pvekit.pve.scripts import script
from pvekit.pve.volumes import Volume, volumes
from pvekit.shell import Query, Secret

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
        return frozenset(volume.volid for volume in volumes(self.config).values())


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


def exists(node: str, vmid: int, name: str, run: str) -> Check:
    """Check that the VM of a run is there, whole, under this vmid and name."""
    return holds(f"VM {vmid} is our {name}", node, vmid, lambda now: now.ours(vmid, name, run))


def free_for(check: Check, node: str, vmid: int, name: str, run: str) -> Check:
    """Return a check of what a run makes under a vmid, which asks first that none other is there.

    It raises :class:`IdTaken` where somebody else's VM is, :class:`Conflict` where somebody has
    renamed the run's, :class:`LockTimeout` where somebody is at work on it.
    """

    def look() -> Asking[Verdict]:
        verdict = yield from check.look()
        if not verdict.holds:
            now = yield from ask(asked(node, vmid))
            if (found := now.vms.get(vmid)) is not None:
                _refuse(now, found, vmid, name, run)
                if not found.config.lock:  # its making may have ended between the two looks
                    verdict = yield from check.look()
        return verdict

    return Check(check.says, look)


_OF_ITS_MAKING = frozenset(("", "clone", "create", "destroyed"))


def _refuse(now: State, found: Found, vmid: int, name: str, run: str) -> None:
    """Raise an error unless what is there is a run's own, finished or not."""
    title = f"VM {vmid} on {found.node}"
    given, called = found.mark, found.config.values.get("name", "")
    if not now.made_by(run, vmid):
        if given is not None and (given.run, given.vmid) == (run, vmid):
            raise Conflict(
                f"{title} was made as {given.name}, but is called {called or 'nothing'} by now.",
                hint=f"Call it {given.name} again, and the same command goes on with it.",
            )
        raise IdTaken(
            f"{title} ({called or 'no name'}) is not the work of run {run}: it is left alone.",
            details=f"The vmid was decided for {name}.",
        )
    if (found.config.lock or "") not in _OF_ITS_MAKING:
        raise LockTimeout(
            f"{title} ({called}) is locked ({found.config.lock}): somebody is at work on it.",
            id="VM-LOCKED",
        )


def gone(node: str, places: tuple[str, ...], vmid: int, run: str) -> Check:
    """Check that nothing on a node is left of what a run made: the vmid is free, or a stranger's.

    ``places`` are the names in Proxmox VE of that node and of further ones that are looked at for
    it. It raises :class:`Conflict` where the VM was moved to any other: it is not gone there.
    """

    def test(state: State) -> bool:
        found = state.vms.get(vmid)
        if found is None or not state.made_by(run, vmid):
            return True
        if found.node not in places:
            raise Conflict(
                f"VM {vmid} of run {run} is on {found.node} by now: it is not removed there.",
                hint=f"Move it back: `qm migrate {vmid} {places[0]}` on {found.node}. "
                f"Or delete it: pvekit vm delete {vmid}",
            )
        return found.node != places[0]

    return holds(f"VM {vmid} is free or a stranger's on {node}", node, vmid, test)


def removed(node: str, vmid: int, name: str, run: str = "", uuid: str = "") -> Check:
    """Check that our VM of this vmid and name is not there any more, be it locked or not.

    Nor may anything be left of it that was in the middle of its destruction under a claim of a run.
    It raises :class:`Conflict` where the VM of this ``uuid`` is there, but is not ours any more.
    """

    def test(state: State) -> bool:
        found = state.vms.get(vmid)
        if found is None:
            return True
        if found.config.is_stub:
            return not state.made_by(run, vmid)
        given = found.mark
        if given is not None and given.name == name and given.is_of(vmid, found.config):
            return False
        if uuid and found.config.uuid == uuid:
            raise _unmarked(found, vmid, name)
        return True

    return holds(f"VM {vmid} ({name}) does not exist", node, vmid, test)


def _unmarked(found: Found, vmid: int, name: str) -> Conflict:
    called = found.config.values.get("name", "")
    other = "" if called == name else f", is called {called or 'nothing'} by now"
    return Conflict(
        f"VM {vmid} on {found.node} is still there, but does not carry the mark of {name} any "
        f"more{other}: it stays.",
        details="Somebody has changed its description or its name. It may have been stopped.",
        hint="If it is to go: put the line `pvekit:v1 ...` back at the end of its description, and "
        "delete it again.",
        id="VM-NOT-OURS",
    )


def vanished(node: str, vmid: int, name: str) -> Check:
    """Check that no VM of this vmid and name is there any more, whosever it was."""

    def test(state: State) -> bool:
        found = state.vms.get(vmid)
        return found is None or found.config.values.get("name", name) != name

    return holds(f"VM {vmid} ({name}) is gone", node, vmid, test)


def running(node: str, vmid: int, *, wanted: bool = True) -> Check:
    """Check that a VM runs, or that it does not."""
    says = f"VM {vmid} is {'running' if wanted else 'stopped'}"
    return holds(says, node, vmid, lambda state: (vmid in state.running) is wanted)


def restarted(node: str, vmid: int, process: str) -> Check:
    """Check that a VM runs, and not in this process any more."""

    def test(state: State) -> bool:
        return vmid in state.running and state.processes.get(vmid) != process

    return holds(f"VM {vmid} has been started again", node, vmid, test)


def configured(node: str, vmid: int, wanted: Mapping[str, str | int | None]) -> Check:
    """Check that a VM's config has these values, settled: none pending, no lock."""

    def judge(state: State) -> Verdict:
        found = state.vms.get(vmid)
        if found is None:
            return Verdict(holds=False, seen=f"VM {vmid} does not exist")
        wrong = [key for key, value in wanted.items() if not found.config.has(key, value)]
        told = ", ".join(f"{key}={found.config.get(key)}" for key in wrong)
        return Verdict(not wrong, told and f"VM {vmid} has {told}")

    return check(f"VM {vmid} has its configuration", asked(node, vmid), judge)


def has_password(node: str, vmid: int, hashed: Secret) -> Check:
    """Check that the password of a VM's cloud-init user is settled; never tells what it is."""

    def judge(now: State) -> Verdict:
        found = now.vms.get(vmid)
        holds = found is not None and found.config.has("cipassword", hashed.value)
        return Verdict(holds, "" if holds else f"VM {vmid} has none or another, or is locked")

    return check(f"VM {vmid} has its password", asked(node, vmid), judge)


def disk_size(node: str, vmid: int, slot: str, size_gb: int) -> Check:
    """Check that a disk has exactly this size in GiB."""
    says = f"disk {slot} of VM {vmid} has {size_gb} GiB"
    return _disk(says, node, vmid, slot, lambda disk: disk.size_gb == size_gb)


def disk_at_least(node: str, vmid: int, slot: str, size_gb: int) -> Check:
    """Check that a disk has at least this size in GiB."""
    says = f"disk {slot} of VM {vmid} has at least {size_gb} GiB"
    return _disk(says, node, vmid, slot, lambda disk: disk.size_gb >= size_gb)


def disk_grown(node: str, vmid: int, slot: str, size_mb: int) -> Check:
    """Check that a disk has at least this size in MiB, to the byte."""
    says = f"disk {slot} of VM {vmid} has at least {size_mb} MiB"
    return _disk(says, node, vmid, slot, lambda disk: disk.size_bytes >= size_mb << 20)


def _disk(says: str, node: str, vmid: int, slot: str, fits: Callable[[Volume], bool]) -> Check:
    def judge(now: State) -> Verdict:
        found = now.vms.get(vmid)
        disk = volumes(found.config).get(slot) if found else None
        if found is None or disk is None or found.config.lock:
            return Verdict(holds=False, seen=f"VM {vmid} has no settled disk {slot}")
        return Verdict(fits(disk), f"{slot} has {disk.size_gb} GiB")

    return check(says, asked(node, vmid), judge)
