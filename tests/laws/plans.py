"""Every plan that changes a site, as its command is given, and the sites that it begins on.

On each site stand two VMs of somebody else: one that is called as a role's VMs are, and a running
one, which starts with its node, under the vmid next to the one that pvekit takes first. There are
a disk without a VM and a volume of somebody's Kubernetes, too.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from breaking import broken, fresh_desk, points, settle
from labsite import LabSite, lab_site

from pvekit.errors import PvekitError
from pvekit.lab.site import SiteSpec
from pvekit.operations import changing, creating, deleting, pinned, runs, templates, vm_wishes
from pvekit.operations.carrying import Report
from pvekit.operations.desk import Desk
from pvekit.operations.orders import AnyOrder
from pvekit.operations.rebooting import Reboot
from pvekit.operations.resizing import Resize
from pvekit.operations.snapshots import Take
from pvekit.plan import Plan
from pvekit.templates.origins import Origin

ONE = SiteSpec(nodes=1, clustered=False)
TWO = SiteSpec(nodes=2, clustered=True)
APART = SiteSpec(nodes=2, clustered=False)
CUSTOMIZE = SiteSpec(nodes=1, clustered=False, virt_customize=True)

VM = vm_wishes.Request(role="worker", size="small", disk_gb=16)
FOUR = replace(VM, count=4)
STATIC = {"network": "static", "ip": "10.0.0.20/24", "gateway": "10.0.0.1"}
NAME = "k8s-worker-8"
STOP = changing.Order("stop", 60)
REBOOT = Reboot()
RESIZE = Resize(cpus=3, memory_mb=3072, disks=("=+10240",), allow_restart=True)

Do = Callable[[Desk], Report]


def creating_of(request: vm_wishes.Request) -> Do:
    def create(desk: Desk) -> Report:
        journal = creating.unfinished(desk, request) or creating.begin(desk, request)
        return creating.carry_out(desk, request, journal)[1]

    return create


def build(desk: Desk) -> Report:
    request = templates.Request()
    journal = templates.unfinished(desk, request)
    if journal is not None:
        return templates.carry_out(desk, templates.go_on(desk, journal), journal)[1]
    found = templates.decided(desk, request)
    if not found.works:
        return Report("", {})
    found, journal = templates.begin(desk, request, found)
    return templates.carry_out(desk, found, journal)[1]


def delete(desk: Desk) -> Report:
    return deleting.carry_out(desk, deleting.decided(desk, [NAME], 60))


def changing_by(order: AnyOrder) -> Do:
    def change(desk: Desk) -> Report:
        journal = changing.unfinished(desk, order, [NAME])
        if journal is None:
            found = changing.targets(desk, [NAME])
            journal = changing.begin(desk, order, [NAME], found)
        return changing.carry_out(desk, journal)[1]

    return change


create = creating_of(VM)


@contextmanager
def standing(
    spec: SiteSpec, directory: Path, *steps: Do, beside: Sequence[tuple[str, str]] = ()
) -> Iterator[Callable[[], LabSite]]:
    """A site on which commands have been carried out: each call returns a fresh one like it.

    ``beside`` are lines that are run on nodes before.
    """
    with lab_site(spec) as site:
        for node, line in beside:
            site.on(node, line)
        desk = fresh_desk(site, directory, "made")
        for step in steps:
            report = step(desk)
            assert report.status == 0, report.errors
        data = site.save()
        yield lambda: site.restored(data)


def delete_plan(desk: Desk) -> Plan:
    return deleting.decided(desk, [NAME], 60).plan(desk)


@dataclass(frozen=True)
class Case:
    """A command, the site that it begins on, and every how many break points a sample takes.

    ``near`` is the vmid of the stranger's VM next to ours, ``back``: it can be taken back.
    """

    name: str
    do: Do
    plan: Callable[[Desk], Plan]
    spec: SiteSpec = ONE
    prepare: tuple[Do, ...] = (build,)
    near: int = 101
    back: bool = True
    every: int = 11
    slow: bool = False


def handed_on(found: templates.Decided) -> templates.Decided:
    """Let the first node hand its image on to the others, which no lab without time decides."""
    first, *others = found.works
    origin = Origin(first.at.node, first.at.pve_node, "it is faster")
    works = (replace(work, at=replace(work.at, origin=origin)) for work in others)
    return replace(found, works=(first, *works))


def build_handing_on(desk: Desk) -> Report:
    request = templates.Request()
    journal = templates.unfinished(desk, request)
    if journal is not None:
        return templates.carry_out(desk, templates.go_on(desk, journal), journal)[1]
    found = handed_on(templates.decided(desk, request))
    found, journal = templates.begin(desk, request, found)
    return templates.carry_out(desk, found, journal)[1]


def _handing_on(name: str, **more) -> Case:
    def plan(desk: Desk) -> Plan:
        return handed_on(templates.decided(desk, templates.Request())).plan(desk)

    return Case(name, build_handing_on, plan, TWO, (), near=9002, **more)


def _create(name: str, request: vm_wishes.Request, spec: SiteSpec = ONE, **more) -> Case:
    def plan(desk: Desk) -> Plan:
        return creating.decided(desk, request).plan(desk)

    return Case(name, creating_of(request), plan, spec, **more)


def starting_with_its_node(desk: Desk) -> Report:
    """Have the machine that is there started with its node: what is changed then goes on running."""
    desk.site.on("pve1", "qm set 100 --onboot 1")
    return Report("", {})


def _change(name: str, order: AnyOrder, **more) -> Case:
    def plan(desk: Desk) -> Plan:
        found = changing.decided(desk, order, [NAME])
        return Plan(tuple(step for each in found for step in order.plan(desk, each)))

    prepare = (build, create, *([starting_with_its_node] if order is not STOP else []))
    return Case(name, changing_by(order), plan, ONE, prepare, back=False, **more)


def _build(name: str, spec: SiteSpec = ONE, **more) -> Case:
    def plan(desk: Desk) -> Plan:
        return templates.decided(desk, templates.Request()).plan(desk)

    return Case(name, build, plan, spec, (), near=9001, **more)


CASES = (
    _build("template build by boot", every=53),
    _build("template build by virt-customize", CUSTOMIZE, every=53),
    _handing_on("template build, the image is handed on", slow=True),
    _create("vm create, full clone, dhcp", VM, every=43),
    _create("vm create, linked clone, dhcp", replace(VM, full=False), every=53),
    _create("vm create, full clone, static", replace(VM, **STATIC), every=53),
    _create("vm create --disk", replace(VM, disk_gb=40), every=53),
    _create("vm create --count 4, two nodes", FOUR, TWO, every=257),
    _create("vm create --count 4, static", replace(FOUR, **STATIC), APART, slow=True),
    Case("vm delete", delete, delete_plan, ONE, (build, create), back=False, every=17),
    _change("vm stop", STOP, every=13),
    _change("vm reboot", REBOOT, every=17),
    _change("vm resize", RESIZE, every=43),
    _change("vm snapshot create", Take("before"), every=7),
)


@dataclass
class World:
    """A case's site as it is at its beginning, and as an undisturbed command leaves it.

    ``points`` says at how many points that command could have broken, by moment. ``kept`` is what
    tests keep of it for one another.
    """

    case: Case
    origin: LabSite
    directory: Path
    data: object = None
    before: dict[str, list[str]] = field(default_factory=dict)
    wanted: dict[str, list[str]] = field(default_factory=dict)
    points: dict[str, int] = field(default_factory=dict)
    strangers: str = ""
    kept: dict[str, Any] = field(default_factory=dict)
    made: itertools.count = field(default_factory=itertools.count)

    def start(self) -> tuple[LabSite, Desk]:
        """A fresh site in the state that the case begins with, and a desk without any runs."""
        site = self.origin.restored(self.data)
        return site, self.desk(site)

    def desk(self, site: LabSite) -> Desk:
        return fresh_desk(site, self.directory, f"desk{next(self.made)}")

    def prepare(self) -> None:
        site, spec = self.origin, self.case.spec
        _stranger(site, "pve1", 150, "k8s-worker-7")
        _stranger(site, f"pve{spec.nodes}", self.case.near, "theirs", running=True)
        for volume in ("160 vm-160-disk-0", "9999 vm-9999-pvc-1"):
            site.on("pve1", f"pvesm alloc local-lvm {volume} 1G")
        for step in self.case.prepare:
            report = step(self.desk(site))
            assert report.status == 0, report.errors
        settle(site)
        self.data = site.save()
        self.before, self.strangers = site.picture(), strangers_of(self.case, site)
        whole, desk = self.start()
        self.points = points(self.case.do, desk, whole)
        self.wanted = whole.picture()


def _stranger(site: LabSite, node: str, vmid: int, name: str, *, running: bool = False) -> None:
    site.on(node, f"qm create {vmid} --name {name} --memory 512 --scsi0 local-lvm:1 --onboot 1")
    site.on(node, f"qm start {vmid}" if running else f"qm set {vmid} --onboot 0")


def strangers_of(case: Case, site: LabSite) -> str:
    """All that there is of the strangers' VMs, to the letter."""
    look = (
        "grep -Hs '' /etc/pve/qemu-server/{0}.conf; pvesm list local-lvm --vmid {0}; "
        "ls /run/qemu-server/{0}.pid"
    )
    places = itertools.product((150, case.near), site.lab.site.nodes)
    return "\n".join(site.on(node, look.format(vmid)) for vmid, node in places)


class Worlds:
    """The worlds of the cases, each made when it is first wanted."""

    def __init__(self, directory: Callable[[], Path]) -> None:
        self._directory = directory
        self._made: dict[str, World] = {}
        self._stack = ExitStack()

    def of(self, case: Case) -> World:
        if case.name not in self._made:
            origin = self._stack.enter_context(lab_site(case.spec))
            world = self._made[case.name] = World(case, origin, self._directory())
            world.prepare()
        return self._made[case.name]

    def close(self) -> None:
        self._stack.close()


Check = Callable[[LabSite, Desk], None]


def sample(world: World, when: str, first: int) -> range:
    """Every so many of the points at which an undisturbed command could break, at least one."""
    ends, every = world.points[when], world.case.every
    return range(first % min(ends, every), ends, every)


def tried(world: World, when: str, check: Check, points: Iterable[int]) -> int:
    """Break a case's command off at these points, until there are none, and return how many.

    All of them are checked, and all that is wrong is told at the end.
    """
    wrong: list[str] = []
    count = 0
    for at in points:
        site, desk = world.start()
        if not broken(world.case.do, desk, site, at, when).struck:
            break
        count += 1
        try:
            check(site, desk)
        except (AssertionError, PvekitError) as error:
            wrong.append(f"{when}, point {at}: {type(error).__name__}: {error}")
    assert not wrong, f"{len(wrong)} of {count}:\n" + "\n".join(wrong)
    return count


def is_over(desk: Desk) -> bool:
    """Whether the last run came to its good end: what is given then is another command."""
    listed = runs.listed(desk.store)
    return bool(listed) and (listed[0].state, listed[0].status) == ("finished", 0)


def unfinished(desk: Desk) -> list[str]:
    return [run.run for run in runs.listed(desk.store) if run.state == "unfinished"]


def last_plan(desk: Desk) -> Plan:
    """The plan of the newest run."""
    return pinned.plan(desk, desk.store.open(runs.listed(desk.store)[0].run))
