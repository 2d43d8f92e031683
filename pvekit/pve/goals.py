"""Goals about VMs: each is a statement that their state confirms."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pvekit.errors import Conflict, IdTaken, LockTimeout
from pvekit.plan import Asking, Check, Verdict, ask, check
from pvekit.pve.state import Found, State, asked, holds
from pvekit.pve.volumes import Volume, volumes
from pvekit.shell import Secret


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

    def test(now: State) -> bool:
        found = now.vms.get(vmid)
        if found is None or not now.made_by(run, vmid):
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

    def test(now: State) -> bool:
        found = now.vms.get(vmid)
        if found is None:
            return True
        if found.config.is_stub:
            return not now.made_by(run, vmid)
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

    def test(now: State) -> bool:
        found = now.vms.get(vmid)
        return found is None or found.config.values.get("name", name) != name

    return holds(f"VM {vmid} ({name}) is gone", node, vmid, test)


def running(node: str, vmid: int, *, wanted: bool = True) -> Check:
    """Check that a VM runs, or that it does not."""
    says = f"VM {vmid} is {'running' if wanted else 'stopped'}"
    return holds(says, node, vmid, lambda now: (vmid in now.running) is wanted)


def restarted(node: str, vmid: int, process: str) -> Check:
    """Check that a VM runs, and not in this process any more."""

    def test(now: State) -> bool:
        return vmid in now.running and now.processes.get(vmid) != process

    return holds(f"VM {vmid} has been started again", node, vmid, test)


def configured(node: str, vmid: int, wanted: Mapping[str, str | int | None]) -> Check:
    """Check that a VM's config has these values, settled: none pending, no lock."""

    def judge(now: State) -> Verdict:
        found = now.vms.get(vmid)
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
        settled = found is not None and found.config.has("cipassword", hashed.value)
        return Verdict(settled, "" if settled else f"VM {vmid} has none or another, or is locked")

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
