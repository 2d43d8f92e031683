"""Which copies of templates are to be built, and where; what is there already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from pvekit.config.model import TemplateConfig
from pvekit.errors import NoCapacity, NotFound, UsageError
from pvekit.inventory.model import Inventory
from pvekit.operations import template_origins, template_wishes
from pvekit.operations.desk import Desk
from pvekit.operations.template_origins import Place
from pvekit.operations.template_sums import checksum, joined, published
from pvekit.operations.template_wishes import configured, wish_of
from pvekit.plan import Plan
from pvekit.templates import build, decide
from pvekit.templates.origins import Origin
from pvekit.templates.recipe import Recipe
from pvekit.templates.spec import Copy, Existing, TemplateSpec
from pvekit.vms.decide import claim_nodes


@dataclass(frozen=True)
class Request:
    """What a command line asks for; without a template all configured ones are meant.

    ``if_newer``: a copy of another image than the one that is published now does not count.
    """

    template: str = ""
    nodes: tuple[str, ...] = ()
    recipe: str = ""
    rebuild: bool = False
    if_newer: bool = False


@dataclass(frozen=True)
class Work:
    """One copy to build: the template, its recipe, and where; ``why`` says how it is customised."""

    spec: TemplateSpec
    recipe: Recipe
    at: Copy
    why: str = ""

    @property
    def subject(self) -> str:
        """What the plan's steps and the journal call this copy."""
        return self.at.subject(self.spec)

    @property
    def image(self) -> Place:
        """Where its image is to be."""
        return self.at.node, self.spec.image_path


@dataclass(frozen=True)
class Decided:
    """The copies to build, and those that are there already.

    ``run`` is the unfinished run that is gone on with, if it is one, ``touched`` what it has begun.
    """

    works: tuple[Work, ...]
    there: tuple[Existing, ...] = ()
    run: str = ""
    touched: frozenset[str] = frozenset()

    def plan(self, desk: Desk) -> Plan:
        """Return the plan for all copies."""
        owner = desk.owner()
        plans = (
            build.build(work.spec, work.recipe, work.at, owner, begun=self._has_begun(work))
            for work in self.works
        )
        return Plan(tuple(step for plan in plans for step in plan))

    def _has_begun(self, work: Work) -> bool:
        return f"{work.subject}/create" in self.touched


def decided(
    desk: Desk,
    request: Request,
    run: str = "preview",
    avoid: frozenset[int] = frozenset(),
    pinned: Mapping[Place, Origin] = MappingProxyType({}),
) -> Decided:
    """Decide which copies are to be built; raises :class:`NoCapacity` with all that is missing.

    ``avoid`` are vmids that only look free, ``pinned`` says where images come from by an earlier
    decision.
    """
    inventory = desk.inventory()
    unknown = set(request.nodes) - {node.alias for node in inventory.nodes if node.configured}
    if unknown:
        known = ", ".join(node.alias for node in inventory.nodes if node.configured)
        raise NotFound(
            f"The configuration has no node {', '.join(sorted(unknown))}.",
            hint=f"It names {known}.",
            id="NODE-NOT-FOUND",
        )
    works: list[Work] = []
    there: list[Existing] = []
    problems: list[NoCapacity] = []
    for config in configured(desk.config, request.template, request.recipe):
        taken = avoid | {work.at.vmid for work in works}
        try:
            new, old = _for_one(desk, inventory, request, config, run, taken)
        except NoCapacity as problem:
            problems.append(problem)
            continue
        works += new
        there += old
    if problems:
        raise joined(problems)
    wanted = {work.image: work.spec.image_url for work in works}
    origins = template_origins.decided(desk, inventory, wanted, pinned)
    placed = (replace(w, at=replace(w.at, origin=origins[w.image])) for w in works)
    return Decided(tuple(placed), tuple(there))


def _for_one(
    desk: Desk,
    inventory: Inventory,
    request: Request,
    template: TemplateConfig,
    run: str,
    taken: frozenset[int],
) -> tuple[list[Work], list[Existing]]:
    """Return the copies of one template to build; ``taken`` are vmids just given to others."""
    wish, made = wish_of(desk.config, template)
    wish = replace(wish, reserved=wish.reserved | taken)
    known = published(desk, template, inventory, request.nodes) if request.if_newer else None
    image = known.mark if known else ""
    nodes = decide.missing(wish, inventory, request.nodes, rebuild=request.rebuild, image=image)
    decide.check(wish, inventory, nodes)
    if len(nodes) > 1 and template.build_network.ip != "dhcp":
        raise UsageError(
            f"{template.name} needs {len(nodes)} copies, but build_network has one static address.",
            hint="Build node after node, with --node.",
        )
    there = [
        Existing(template.name, node.alias, vm.vmid)
        for node in inventory.nodes
        if node.configured
        and node not in nodes
        and (vm := decide.found(wish, inventory, node, image))
    ]
    if not nodes:
        return [], there
    found = known or checksum(desk, template, nodes[0])
    claimers = claim_nodes(inventory, named=True)
    works = []
    for node, vmid in zip(nodes, decide.vmids(wish, inventory, nodes), strict=True):
        way, why = decide.way(wish, node)
        spec = template_wishes.spec(desk.config, template, wish, found, way)
        works.append(Work(spec, made, Copy(run, node.alias, node.name, vmid, claimers), why))
    return works, there
