"""Reading all nodes of a site side by side, and of each PVE cluster once what its members share."""

from __future__ import annotations

from collections.abc import Iterable

from pvekit.errors import PvekitError
from pvekit.inventory.read import site_query, sparing_query
from pvekit.inventory.reading import NodeReading
from pvekit.plan import Ask, Asking, ask
from pvekit.run.clock import Clock
from pvekit.run.context import Policy
from pvekit.run.gather import persistently
from pvekit.run.scheduler import Scheduler
from pvekit.run.site import Site
from pvekit.shell import Query

Answers = dict[str, NodeReading | PvekitError]


def readings(
    site: Site, aliases: Iterable[str], image_dir: str, clock: Clock, policy: Policy
) -> Answers:
    """Return what each node answered, by alias, or why it did not.

    The first quorate node of a PVE cluster that answers is asked for what all share; where it does
    not tell, the others are, one after another. A single node tells all at once.
    """
    wanted = list(aliases)
    return _Reader(site, image_dir, clock, policy, alone=len(wanted) == 1).read(wanted)


class _Reader:
    """The answers so far, and of which PVE clusters the shared part is asked for or known."""

    def __init__(
        self, site: Site, image_dir: str, clock: Clock, policy: Policy, *, alone: bool
    ) -> None:
        self._site, self._clock, self._policy = site, clock, policy
        self._whole = site_query(image_dir)
        self._first = self._whole if alone else sparing_query(image_dir)
        self._answers: dict[str, NodeReading] = {}
        self._viewed: set[str] = set()
        self._tried: set[str] = set()

    def read(self, aliases: list[str]) -> Answers:
        tasks = {alias: self._one(alias) for alias in aliases}
        errors = Scheduler(self._site, self._clock).run(tasks)
        while again := self._unviewed():
            Scheduler(self._site, self._clock).run({alias: self._view(alias) for alias in again})
        found: Answers = {alias: error for alias, error in errors.items() if error is not None}
        found.update(self._answers)
        return {alias: found[alias] for alias in aliases}

    def _one(self, alias: str) -> Asking[None]:
        answer = yield from self._asked(alias, self._first)
        self._answers[alias] = answer
        if answer.is_spared and answer.quorate and answer.pve_cluster not in self._viewed:
            yield from self._view(alias)

    def _view(self, alias: str) -> Asking[None]:
        """Ask a node for what its PVE cluster shares; who cannot tell is no error by itself."""
        cluster = self._answers[alias].pve_cluster or ""
        self._tried.add(alias)
        self._viewed.add(cluster)
        try:
            self._answers[alias] = yield from self._asked(alias, self._whole)
        except PvekitError:
            self._viewed.discard(cluster)

    def _unviewed(self) -> list[str]:
        """Return the best node to ask next of each PVE cluster whose shared part nobody told."""
        best: dict[str, str] = {}
        spared = (a for a, each in self._answers.items() if each.is_spared and a not in self._tried)
        for alias in sorted(spared, key=self._rank):
            cluster = self._answers[alias].pve_cluster or ""
            if cluster not in self._viewed:
                best[cluster] = alias
        return list(best.values())

    def _rank(self, alias: str) -> tuple[bool, float]:
        return self._answers[alias].quorate, self._answers[alias].time

    def _asked(self, alias: str, query: Query[NodeReading]) -> Asking[NodeReading]:
        return persistently(lambda: ask(Ask(alias, query)), self._clock, self._policy)
