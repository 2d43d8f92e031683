"""The vmid of an unfinished run is somebody else's by now: their VM is left as it is, and told of.

Somebody has destroyed ours, or was faster to take the vmid, and has made a VM of theirs there: of
another name, of the same name, on another node, or with a mark of another run of pvekit.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from breaking import same, settle
from labsite import Cut, LabSite
from plans import CASES, VM, Case, World, creating_of, unfinished

from pvekit.errors import Conflict, NotFound, PvekitError
from pvekit.operations import collecting, resuming, runs
from pvekit.operations.carrying import Report
from pvekit.operations.desk import Desk
from pvekit.plan import Plan


@dataclass(frozen=True)
class Theft:
    """How the VM that stands there now differs from ours; empty: as ours is."""

    name: str = "theirs-now"
    elsewhere: bool = False
    mark: str = ""

    def commit(self, site: LabSite, vmid: int, ours: str) -> None:
        nodes = list(site.lab.site.nodes)
        for node in nodes:
            site.on(node, f"[ -e /etc/pve/qemu-server/{vmid}.conf ] && qm stop {vmid}")
            site.on(node, f"[ -e /etc/pve/qemu-server/{vmid}.conf ] && qm destroy {vmid}")
        name = self.name or ours
        told = self.mark.format(vmid=vmid, name=name)
        line = f"qm create {vmid} --name {name} --memory 512 --scsi0 local-lvm:1 --agent 1"
        more = f" --description '{told}'" if told else ""
        node = nodes[-1] if self.elsewhere else nodes[0]
        site.on(node, line + more)
        site.on(node, f"qm start {vmid}")


MARK = "pvekit:v1 kind={kind} vmid={{vmid}} name={{name}} role=worker run=0ther need=1c512m1g"
THEFTS = {
    "another name": Theft(),
    "the same name": Theft(name=""),
    "another node": Theft(elsewhere=True),
    "another run's": Theft(name="", mark=MARK.format(kind="vm")),
    "our mark of another VM": Theft(mark=MARK.format(kind="vm").replace("{vmid}", "777")),
}

# The command before which each plan is broken off: before there is anything of ours, and after.
EARLY = {
    "snapshot": "qm snapshot",
    "template": "qm create",
    "create": "qm clone",
    "delete": "qm shutdown",
    "stop": "qm shutdown",
    "reboot": "qm shutdown",
    "resize": "qm set",
}
LATE = {
    "template": "qm template",
    "create": "qm start",
    "delete": "qm destroy",
    "resize": "qm start",
}
MOMENTS = {"early": EARLY, "late": LATE}


def kind(case: Case) -> str:
    return next(word for word in EARLY if word in case.name)


def seen(site: LabSite, vmid: int) -> str:
    """All that there is of a VM, to the letter."""
    return "\n".join(
        site.on(
            node,
            f"grep -Hs '' /etc/pve/qemu-server/{vmid}.conf; pvesm list local-lvm --vmid {vmid}; "
            f"ls /run/qemu-server/{vmid}.pid",
        )
        for node in site.lab.site.nodes
    )


@dataclass(frozen=True)
class Left:
    """What a command that was broken off has left: the site, the journals, and its first VM."""

    state: object
    journals: Path
    vmid: int
    name: str


def broken_off(case: Case, world: World, moment: str) -> tuple[LabSite, Desk, int, str]:
    """A site on which a case's command was broken off, and the vmid and name of its first VM."""
    left = world.kept.get(moment) or world.kept.setdefault(moment, _left(case, world, moment))
    site = world.origin.restored(left.state)
    desk = world.desk(site)
    shutil.copytree(left.journals, desk.store.directory)
    return site, desk, left.vmid, left.name


def _left(case: Case, world: World, moment: str) -> Left:
    site, desk = world.start()
    site.cut = Cut(0, "before", match=MOMENTS[moment][kind(case)])
    assert case.do(desk).status in (4, 7)
    site.cut = None
    settle(site)
    (run,) = unfinished(desk)
    decision = next(iter(desk.store.look(run).account.decisions().values()))
    at = decision.get("at") or decision["target"]
    name = (decision.get("spec") or at)["name"]
    return Left(site.save(), desk.store.directory, at["vmid"], name)


@dataclass
class Ended:
    """The exit status with which a command ended, and what it told."""

    status: int
    told: str = ""


def ended(do: Callable[[], Report]) -> Ended:
    try:
        report = do()
    except PvekitError as error:
        return Ended(error.exit_status, str(error))
    return Ended(report.status, "\n".join(map(str, report.errors)))


def again(case: Case, desk: Desk) -> Ended:
    return ended(lambda: case.do(desk))


def taking_back_what_fails(case: Case, desk: Desk) -> Ended:
    return again(case, replace(desk, on_failure="rollback"))


def resumed(case: Case, desk: Desk) -> Ended:
    (run,) = unfinished(desk)
    return ended(lambda: resuming.resume(desk, desk.store.open(run)).report)


def rolled_back(case: Case, desk: Desk) -> Ended:
    (run,) = unfinished(desk)
    return ended(lambda: runs.roll_back(desk, desk.store.open(run)))


def collected(case: Case, desk: Desk) -> Ended:
    with collecting.looked(desk) as sight:
        return ended(lambda: collecting.remove(desk, sight))


WAYS: dict[str, Callable[[Case, Desk], Ended]] = {
    "again": again,
    "again, taking back": taking_back_what_fails,
    "resume": resumed,
    "rollback": rolled_back,
    "gc": collected,
}
BACK = ("rollback", "gc")


def wanted_status(case: Case, theft: str, way: str) -> int:
    if way in BACK:
        return 0
    if way == "resume" or case is ASKED:
        return Conflict.exit_status
    if kind(case) in ("template", "create"):
        return 0  # under another vmid
    same = theft == "the same name"
    return Conflict.exit_status if same else NotFound.exit_status


ASKED = Case(
    "vm create --vmid 100", creating_of(replace(VM, vmid=100)), lambda desk: Plan(()), slow=True
)


def combinations() -> Iterator[tuple[Case, str, str, str]]:
    for case in (*CASES, ASKED):
        for moment, theft, way in itertools.product(MOMENTS, THEFTS, WAYS):
            if kind(case) not in MOMENTS[moment]:
                continue
            if THEFTS[theft].elsewhere and not (case.spec.clustered and case.spec.nodes > 1):
                continue
            # By name another run's VM is as much ours: then the words mean that one.
            named = kind(case) not in ("template", "create") and way.startswith("again")
            if theft != "another run's" or not named:
                yield case, moment, theft, way


ALL = tuple(combinations())
SOME = 7
"""Of every so many combinations one is in the quick suite."""


@pytest.mark.parametrize(
    ("case", "moment", "theft", "way"),
    [
        pytest.param(*each, marks=[pytest.mark.slow] * (place % SOME != 0), id="-".join(words))
        for place, each in enumerate(ALL)
        for words in [(each[0].name, *each[1:])]
    ],
)
def test_it_is_left_alone(worlds, case, moment, theft, way):
    site, desk, vmid, name = broken_off(case, worlds.of(case), moment)
    THEFTS[theft].commit(site, vmid, name)
    before = seen(site, vmid)
    assert f"{vmid}.pid" in before
    site.forget_programs()
    found = WAYS[way](case, desk)
    settle(site)
    assert found.status == wanted_status(case, theft, way), found.told
    assert found.status != Conflict.exit_status or f"VM {vmid}" in found.told
    assert seen(site, vmid) == before
    assert [argv for argv in site.programs(changes=True) if str(vmid) in argv] == []
    if way in BACK:
        assert f"vmid-{vmid}" not in site.on("pve1", "ls /etc/pve/priv/pvekit").split()
    if way == "rollback":
        assert unfinished(desk) == []


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("case", CASES[:3], ids=lambda case: case.name)
def test_what_somebody_destroyed_is_made_again(worlds, case, moment):
    world = worlds.of(case)
    site, desk, vmid, _ = broken_off(case, world, moment)
    site.on("pve1", f"qm stop {vmid}; qm destroy {vmid}")
    report = case.do(desk)
    assert report.status == 0, report.errors
    same(site.picture(), world.wanted)
