"""``doctor``: read everything in one round trip per node, judge it, change nothing.

One node of each PVE cluster is asked once more, for what all its members share.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pvekit.config.load import public_keys
from pvekit.config.model import Config, NodeEntry
from pvekit.doctor.examine import examine
from pvekit.doctor.model import Finding, GuestWay, Here, Network, Source, View, Wanted
from pvekit.doctor.reading import Answer, parse
from pvekit.errors import NotFound, PvekitError, UnreadableAnswer, UsageError
from pvekit.guest.sight import Sight
from pvekit.guest.sight import Wanted as WantedGuest
from pvekit.inventory.model import Inventory, Vm
from pvekit.inventory.read import UNSEEN, assemble
from pvekit.inventory.reading import NodeReading
from pvekit.operations.desk import Desk
from pvekit.operations.machines import guest_keys
from pvekit.operations.model_prices import unpriced
from pvekit.operations.runs import listed
from pvekit.operations.site_reading import SiteReader
from pvekit.plan import Ask, Asking, Guest, Reach, ask
from pvekit.pve.scripts import joined
from pvekit.run.scheduler import Scheduler
from pvekit.shell import Query
from pvekit.ssh import keyring

PATIENCE = 60.0
"""How long a node may take for all of it, in seconds."""


@dataclass(frozen=True)
class Surroundings:
    """What belongs to this machine: the time in seconds since the epoch, the user's home."""

    home: Path
    now: Callable[[], float] = time.time


def diagnosed(
    desk: Desk, surroundings: Surroundings, only: Sequence[str] = ()
) -> tuple[Finding, ...]:
    """Return what is right and wrong with the nodes (all of them, or some) and this machine."""
    aliases = chosen(desk.config, only)
    wanted = wanted_of(desk.config)
    answers = _completed(desk, _asked(desk, aliases, wanted, surroundings.now))
    inventory, twins = _assembled(answers)
    view = View(
        answers=answers,
        inventory=inventory,
        wanted=wanted,
        here=here(desk, surroundings.home),
        guests=tuple(_guest_ways(desk, inventory)),
        users={
            each.alias: each.user or desk.config.ssh_user or "root" for each in desk.config.nodes
        },
        logins={each.alias: _login(each, desk.config) for each in desk.config.nodes},
    )
    return (*twins, *examine(view))


def _login(node: NodeEntry, config: Config) -> str:
    """Return the words by which OpenSSH gets to a node; what its own files say is left to it."""
    user = node.user or config.ssh_user or "root"
    way = f"-J {node.jump} " if node.jump else ""
    port = f"-p {node.port} " if node.port else ""
    return f"{way}{port}{user}@{node.host}"


def chosen(config: Config, only: Sequence[str]) -> list[str]:
    """Return the aliases of the nodes to look at; raises :class:`NotFound` for an unknown one."""
    known = [node.alias for node in config.nodes]
    for alias in only:
        if alias not in known:
            raise NotFound(
                f"The configuration has no node {alias!r}.",
                hint=f"It names {', '.join(known)}.",
                id="NODE-NOT-FOUND",
            )
    return list(only) or known


def wanted_of(config: Config) -> Wanted:
    """Return what the configuration needs of the nodes."""
    storages: dict[str, int] = {}
    networks: dict[Network, None] = {}
    for template in config.templates.values():
        size, build = template.base_disk_gb, template.build_network
        storages[template.storage_pool] = max(storages.get(template.storage_pool, 0), 2 * size)
        networks[Network(template.network_bridge, template.vlan)] = None
        if build.bridge or build.vlan:
            networks[Network(build.bridge or template.network_bridge, build.vlan)] = None
    if config.clone.storage:
        disks = [template.base_disk_gb for template in config.templates.values()]
        storages.setdefault(config.clone.storage, max(disks))
    if config.clone.bridge or config.clone.vlan:
        bridge = config.clone.bridge or next(iter(networks)).bridge
        networks[Network(bridge, config.clone.vlan)] = None
    templates = config.templates.values()
    return Wanted(
        image_dir=config.image_dir,
        storages=storages,
        networks=tuple(networks),
        sources=tuple(dict.fromkeys(Source(t.image_url, t.checksum_url) for t in templates)),
        tools=frozenset(t.customize for t in templates) & {"virt-customize"},
    )


def _asked(
    desk: Desk, aliases: Sequence[str], wanted: Wanted, now: Callable[[], float]
) -> dict[str, Answer | PvekitError]:
    """Ask each node once, all at once; one that does not answer does not keep the others.

    Of several nodes each leaves out what the members of a PVE cluster share.
    """
    parts = ("doctor", "read-site") if len(aliases) == 1 else ("sparing", "doctor", "read-site")
    urls = [url for each in wanted.sources for url in (each.image_url, each.checksum_url)]
    command = joined(parts, wanted.image_dir, *urls, timeout=PATIENCE)
    began = now()
    query = Query(command, lambda out: parse(out, began, now()))
    answers: dict[str, Answer | PvekitError] = {}

    def one(alias: str) -> Asking[None]:
        try:
            answers[alias] = yield from ask(Ask(alias, query))
        except PvekitError as error:
            answers[alias] = error

    Scheduler(desk.site, desk.clock, stop=desk.stop).run({alias: one(alias) for alias in aliases})
    return {alias: answers[alias] for alias in aliases if alias in answers}


def _completed(
    desk: Desk, answers: Mapping[str, Answer | PvekitError]
) -> dict[str, Answer | PvekitError]:
    """Add what the members of each PVE cluster share, from one of them.

    Where none of them tells it, they count as unread.
    """
    told = {alias: each for alias, each in answers.items() if isinstance(each, Answer)}
    read = {alias: each.site for alias, each in told.items() if each.site is not None}
    reader = SiteReader(desk.site, desk.config.image_dir, desk.clock, desk.policy)
    whole = reader.complete(read)
    shared = {each.pve_cluster for each in whole.values() if not each.is_spared}
    found = dict(answers)
    for alias, site in whole.items():
        if site.pve_cluster in shared:
            found[alias] = replace(told[alias], site=site)
        else:
            found[alias] = replace(told[alias], site=None, unread=UNSEEN)
    return found


def _assembled(
    answers: Mapping[str, Answer | PvekitError],
) -> tuple[Inventory, tuple[Finding, ...]]:
    readings: dict[str, NodeReading | PvekitError] = {}
    for alias, answer in answers.items():
        if isinstance(answer, PvekitError):
            readings[alias] = answer
        else:
            readings[alias] = answer.site or UnreadableAnswer(answer.unread)
    try:
        return assemble(readings), ()
    except UsageError as error:
        says = error.brief.rstrip(".")
        return Inventory(), (Finding("nodes", "here", "fail", says, error.hint, error.id),)


def here(desk: Desk, home: Path) -> Here:
    """Return what this machine has: keys, agent and runs."""
    paths = guest_keys(desk.config, home)
    ring = keyring.look(paths)
    wrong = ""
    halves: tuple[str, ...] = ()
    try:
        halves = public_keys(desk.config)
    except PvekitError as error:
        wrong = (error.details or error.brief).splitlines()[0]
    runs = [run.run for run in listed(desk.store, unfinished=True) if run.state == "unfinished"]
    agent = [each for each in ring.problems if "agent" in each]
    return Here(
        public_key=wrong,
        private_half=any(map(ring.holds, halves)),
        agent="no SSH agent" if ring.agent == "none" else ring.agent,
        agent_problem=agent[0] if agent else "",
        keys=len(ring.keys),
        unfinished=tuple(runs),
        dead=frozenset(run for run in runs if desk.store.is_dead(run)),
        unpriced=unpriced(desk.config),
    )


def _guest_ways(desk: Desk, inventory: Inventory) -> list[GuestWay]:
    """Try one running VM of ours on each node: all of a node's are reached alike."""
    tried = {}
    for node in inventory.nodes:
        running = [v for v in inventory.guests_on(node) if v.ours and v.running and v.macs]
        if node.configured and node.online and running:
            tried[node.alias] = running[0]
    ways: list[GuestWay] = []
    tasks = {alias: _way(desk, alias, vm, ways) for alias, vm in tried.items()}
    Scheduler(desk.site, desk.clock, stop=desk.stop).run(tasks)
    return sorted(ways, key=lambda each: each.node)


def _way(desk: Desk, alias: str, vm: Vm, ways: list[GuestWay]) -> Asking[None]:
    wanted = WantedGuest(alias, vm.vmid, next(iter(vm.macs.values())), "root", accept_new=True)
    sight = Sight(wanted)
    try:
        address = yield from sight.address()
        if not address:
            ways.append(GuestWay(alias, vm.name, why="it has no address", id="GUEST-NO-ADDRESS"))
            return
        yield Reach(Guest(alias, address, "root"))
    except PvekitError as error:
        known = error.id if error.id.startswith("GUEST-") else GuestWay.id
        ways.append(GuestWay(alias, vm.name, why=error.brief, id=known))
        return
    way = "node" if desk.site.is_behind(alias) else "direct"
    ways.append(GuestWay(alias, vm.name, way))
