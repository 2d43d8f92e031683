"""The disk images that lie on storages, whether a config names them or not, as goals and changes.

Listing a storage starts a Perl program: many goals of one node share one listing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from pvekit.errors import IdTaken, PvekitError, Transient, UnreadableAnswer
from pvekit.plan import Ask, Asking, Change, Check, Step, Verdict, ask
from pvekit.pve import ending, state
from pvekit.pve.act import detached
from pvekit.pve.scripts import joined, script
from pvekit.pve.state import State
from pvekit.shell import Query

CSI_VMID = 9999
"""The Proxmox CSI plugin books the volumes of Kubernetes under this id; it never is a guest's."""

_VOLUME = re.compile(r"volume (\S+) ([0-9]{1,19}) ([0-9]{1,9})")
_STORAGE = re.compile(r"storage (\S+) (ok|dead) ?(.*)")


@dataclass(frozen=True)
class Stored:
    """A disk image on a storage; ``vmid`` is whose its name says it is."""

    volid: str
    size_bytes: int
    vmid: int

    @property
    def storage(self) -> str:
        """The storage that it lies on."""
        return self.volid.partition(":")[0]


@dataclass(frozen=True)
class Content:
    """What lies on storages, and which of them did not answer, with the reason."""

    volumes: tuple[Stored, ...] = ()
    dead: Mapping[str, str] = field(default_factory=dict)


def read(out: str) -> Content:
    """Read the answer of the script ``volumes``; raises :class:`UnreadableAnswer` if it is cut."""
    lines = ending.lines(out)
    found = [_volume(line) for line in lines if line.startswith("volume ")]
    told = [_STORAGE.fullmatch(line) for line in lines]
    return Content(
        tuple(Stored(each[1], int(each[2]), int(each[3])) for each in found),
        {each[1]: each[3] for each in told if each and each[2] == "dead"},
    )


def _volume(line: str) -> re.Match[str]:
    found = _VOLUME.fullmatch(line)
    if found is None:
        raise UnreadableAnswer("A disk image cannot be told from this.", details=line[:200])
    return found


def asked(node: str, storage: str) -> Ask[Content]:
    """Ask what lies on a storage, as a node sees it."""
    return Ask(node, Query(script("volumes", timeout=300.0), read), topics=(storage,))


Listing = dict[tuple[str, str], Content]
"""What lies on storages, without sizes, by node and storage, as it was listed a moment ago."""


def listing(listed: Listing, node: str, storage: str) -> Asking[None]:
    """Add what lies on a storage to a listing; one that does not answer is left out."""
    listed.pop((node, storage), None)  # it may be older than a vmid that was chosen since
    with suppress(PvekitError):
        listed[node, storage] = yield from ask(named(node, storage))


def named(node: str, storage: str) -> Ask[Content]:
    """Ask what lies on a storage, without sizes: at once where a volume group can tell it."""
    return Ask(node, Query(joined(("names", "volumes"), timeout=300.0), read), topics=(storage,))


def images(
    node: str, vmid: int, storages: Iterable[str], listed: Listing | None = None
) -> Asking[list[Stored]]:
    """Return a VM's disk images; raises :class:`Transient` for a storage that does not answer.

    What is ``listed`` is not asked for.
    """
    found: list[Stored] = []
    for storage in storages:
        content = (listed or {}).get((node, storage)) or (yield from ask(asked(node, storage)))
        if storage in content.dead:
            raise Transient(
                f"Storage {storage} does not answer on {node}.",
                details=content.dead[storage],
                hint=f"`pvesm status` on {node} tells how it stands.",
                id="STORAGE-DOWN",
            )
        on_it = (each for each in content.volumes if each.storage == storage)
        found += [each for each in on_it if each.vmid == vmid]
    return found


def vacant(
    subject: str,
    node: str,
    vmid: int,
    storages: tuple[str, ...],
    unless: Check,
    listed: Listing | None = None,
) -> Step:
    """Return the step that finds out whether anybody's disk image lies under a vmid to be taken.

    What lies there after it, under our claim, is ours. ``listed`` is what was listed already since
    the vmid was chosen: the first look takes it, any other lists anew.
    """
    fresh = dict(listed or {})
    places = ", ".join(storages)

    def look() -> Asking[Verdict]:
        if (yield from unless.look()).holds:
            return Verdict(holds=True)
        seen = dict(fresh)
        fresh.clear()
        found = yield from images(node, vmid, storages, seen)
        return Verdict(not found, ", ".join(each.volid for each in found))

    return Step(
        subject,
        "vacant",
        node,
        Check(f"no disk image of VM {vmid} lies on {places}", look),
        late=IdTaken,
        late_id="VMID-HAS-DISKS",
        hint=f"Whose it is cannot be told. On {node}: `pvesm list {storages[0]} --vmid {vmid}`.",
    )


def cleared(subject: str, node: str, vmid: int, run: str, storages: tuple[str, ...]) -> Step:
    """Return the step that frees what a run's clone has left if not even its config is there.

    A clone that is at work, or that died with its node, has one.
    """
    step = freed(subject, node, vmid, run, storages, bare=True)
    return replace(step, verb="leftovers", undo=())


def freed(
    subject: str,
    node: str,
    vmid: int,
    run: str,
    storages: tuple[str, ...],
    *,
    bare: bool = False,
) -> Step:
    """Return the step that frees what a run's broken-off clone has left under its claim.

    With ``bare`` only where there is no config.
    """

    def look() -> Asking[Verdict]:
        now = yield from ask(state.asked(node, vmid))
        if not _is_of(run, vmid, now) or (bare and vmid in now.vms):
            return Verdict(holds=True, seen=f"vmid {vmid} is in use or not claimed by run {run}")
        found = yield from images(node, vmid, storages)
        left = [each.volid for each in found if each.volid not in _named(now, vmid)]
        return Verdict(not left, f"left: {', '.join(left)}" if left else "")

    says = f"nothing that run {run} made under VM {vmid} is left on {', '.join(storages)}"
    change = free(run, vmid, storages, shown=f"free what is left of VM {vmid} there")
    return Step(subject, f"undo-volumes@{node}", node, Check(says, look), (change,))


def free(run: str, vmid: int, what: Iterable[str], *, shown: str = "") -> Change:
    """Free volumes of a vmid that a run claims, or all of it on a storage, if no config names them.

    As a job: a storage may overwrite what it frees.
    """
    given = tuple(what)
    lines = shown or "\n".join(f"pvesm free {each}" for each in given)
    return detached("free", run, vmid, *given, shown=lines)


def absent(node: str, vmid: int, volids: tuple[str, ...]) -> Check:
    """Check that volumes of a VM do not exist any more."""
    storages = tuple(dict.fromkeys(each.partition(":")[0] for each in volids))

    def look() -> Asking[Verdict]:
        found = yield from images(node, vmid, storages)
        left = [each.volid for each in found if each.volid in volids]
        return Verdict(not left, f"still there: {', '.join(left)}" if left else "")

    return Check(f"the disks of VM {vmid} do not exist any more", look)


def _is_of(run: str, vmid: int, now: State) -> bool:
    """Whether what has no config, or only what a clone leaves, is this run's by its claim."""
    claim = now.claims.get(f"vmid-{vmid}")
    found = now.vms.get(vmid)
    return claim is not None and claim.run == run and (found is None or now.made_by(run, vmid))


def _named(now: State, vmid: int) -> frozenset[str]:
    found = now.vms.get(vmid)
    return found.volids if found else frozenset()
