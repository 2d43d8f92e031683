"""Reading all nodes of a site side by side, and of each PVE cluster once what its members share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

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

    One node of a PVE cluster is asked for what all share. A single node tells all at once.
    """
    return SiteReader(site, image_dir, clock, policy).read(list(aliases))


@dataclass
class Speakers:
    """Which node tells what all members of its PVE cluster share.

    The first quorate one that answers. Where it does not tell, or where none has quorum, the others
    are asked one after another: those with quorum first, and what was read last. ``hurried``: one
    without quorum is not kept waiting for the others, of which none may answer.
    """

    hurried: bool = False
    _spared: dict[str, NodeReading] = field(default_factory=dict)
    _asked: dict[str | None, NodeReading] = field(default_factory=dict)
    _tried: set[str] = field(default_factory=set)

    def note(self, alias: str, reading: NodeReading) -> None:
        """Take note of what a node answered."""
        if reading.is_spared:
            self._spared[alias] = reading

    def may_speak(self, alias: str) -> bool:
        """Whether a node that has just answered is to be asked before the others have answered."""
        reading = self._spared.get(alias)
        if reading is None or not (reading.quorate or self.hurried):
            return False
        asked = self._asked.get(reading.pve_cluster)
        if asked is not None and asked.quorate >= reading.quorate:
            return False
        self._ask(alias)
        return True

    def refused(self, alias: str) -> None:
        """Take note that a node that was asked did not tell."""
        reading = self._spared[alias]
        if self._asked.get(reading.pve_cluster) is reading:
            del self._asked[reading.pve_cluster]

    def next(self) -> list[str]:
        """Return whom to ask now, of each PVE cluster of which nobody has told the best node."""
        best: dict[str | None, str] = {}
        for alias in sorted(self._spared.keys() - self._tried, key=self._rank):
            cluster = self._spared[alias].pve_cluster
            if cluster not in self._asked:
                best.setdefault(cluster, alias)
        for alias in best.values():
            self._ask(alias)
        return list(best.values())

    def _ask(self, alias: str) -> None:
        self._tried.add(alias)
        self._asked[self._spared[alias].pve_cluster] = self._spared[alias]

    def _rank(self, alias: str) -> tuple[bool, float, str]:
        reading = self._spared[alias]
        return not reading.quorate, -reading.time, alias


class SiteReader:
    """Reads nodes; ``answers`` are those that have come so far.

    ``hurried``: a link that breaks is not tried again, and nobody is kept waiting for others.
    """

    def __init__(
        self, site: Site, image_dir: str, clock: Clock, policy: Policy, *, hurried: bool = False
    ) -> None:
        self._site, self._clock, self._policy = site, clock, policy
        self._image_dir = image_dir
        self._speakers = Speakers(hurried)
        self.answers: dict[str, NodeReading] = {}

    def read(self, aliases: list[str]) -> Answers:
        """Return what each node answered, or why it did not."""
        query = (site_query if len(aliases) == 1 else sparing_query)(self._image_dir)
        tasks = {alias: self._one(alias, query) for alias in aliases}
        errors = Scheduler(self._site, self._clock).run(tasks)
        self._complete()
        found: Answers = {alias: error for alias, error in errors.items() if error is not None}
        found.update(self.answers)
        return {alias: found[alias] for alias in aliases}

    def complete(self, read: Mapping[str, NodeReading]) -> dict[str, NodeReading]:
        """Return what nodes answered, with what is shared from one node of each PVE cluster.

        Where none of its nodes tells that, all are returned as they were.
        """
        self.answers = dict(read)
        for alias, reading in read.items():
            self._speakers.note(alias, reading)
        self._complete()
        return self.answers

    def _complete(self) -> None:
        while again := self._speakers.next():
            Scheduler(self._site, self._clock).run({alias: self._rest(alias) for alias in again})

    def _one(self, alias: str, query: Query[NodeReading]) -> Asking[None]:
        answer = yield from self._asked(alias, query)
        self.answers[alias] = answer
        self._speakers.note(alias, answer)
        if self._speakers.may_speak(alias):
            yield from self._rest(alias)

    def _rest(self, alias: str) -> Asking[None]:
        """Ask a node for what its PVE cluster shares; who cannot tell is no error by itself."""
        try:
            self.answers[alias] = yield from self._asked(alias, site_query(self._image_dir))
        except PvekitError:
            self._speakers.refused(alias)

    def _asked(self, alias: str, query: Query[NodeReading]) -> Asking[NodeReading]:
        if self._speakers.hurried:
            return ask(Ask(alias, query))
        return persistently(lambda: ask(Ask(alias, query)), self._clock, self._policy)
