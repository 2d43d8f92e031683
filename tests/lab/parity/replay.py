"""Runs recorded commands in the lab, in their order and at their same moments."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from pvekit.lab.machine import Machine, collect
from pvekit.lab.site import Site
from pvekit.lab.streams import BytesReader
from tests.lab.parity import worlds
from tests.lab.parity.before import prepare
from tests.lab.parity.evidence import provide, withhold
from tests.lab.parity.excluded import reason
from tests.lab.parity.foreign import Foreign
from tests.lab.parity.heal import heal
from tests.lab.parity.identities import here
from tests.lab.parity.normal import normal
from tests.lab.parity.recordings import Entry, groups, read
from tests.lab.parity.virtual import run

# Perl's programs on that node were called in this locale; some commands set their own.
_LOCALE = {"LC_ALL": "C.UTF-8"}
_HEAD_START = 12.0  # lab seconds until something in the background is at work
_PATIENCE = 600.0  # lab seconds for one command


@dataclass(frozen=True)
class Answer:
    """What a command printed, and whether its status was zero."""

    succeeded: bool
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Result:
    """A recorded command and how the lab answered it; ``excluded`` says why it does not count."""

    entry: Entry
    told: Answer
    found: Answer
    excluded: str = ""

    @property
    def agrees(self) -> bool:
        """Whether both answers are alike."""
        return self.told == self.found


@dataclass
class Link:
    """The link of a command in the background; writing fails once it is lost."""

    lost: bool = False

    async def write(self, data: bytes) -> None:
        """Drop the data."""
        if self.lost:
            raise BrokenPipeError(len(data))


@dataclass
class Replay:
    """One recording on a site of its own."""

    recording: str
    site: Site = field(default_factory=worlds.build)
    results: list[Result] = field(default_factory=list)
    background: list[asyncio.Task[object]] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)
    link: Link = field(default_factory=Link)

    async def run(self) -> list[Result]:
        """Replay everything."""
        entries = read(self.recording)
        foreign = Foreign.of(entries)
        await prepare(self.site, self.recording)
        withhold(self.site, entries)
        provide(self.site, entries)
        for group in groups(entries):
            await self._meanwhile(group[0])
            worlds.add_storages(self.site, group)
            await worlds.stop_status(self.site, group)
            await self._wait(group[0])
            ordered = sorted(group, key=lambda entry: not entry.succeeded)
            raw = await asyncio.gather(*map(self._answer, ordered))
            found = {entry.number: answer for entry, answer in zip(ordered, raw, strict=True)}
            for entry in group:
                self._note(entry, found[entry.number], foreign)
        for task in self.background:
            task.cancel()
        return self.results

    async def _meanwhile(self, entry: Entry) -> None:
        """Begin or break off what ran beside the recorded commands."""
        if found := worlds.RUNNING.search(entry.note):
            self.link = Link()
            line = found[1] + worlds.LEFT_OUT.get(found[1], "")
            beside = self._machine(entry).execute(
                line, BytesReader(), self.link, self.link, env=_LOCALE
            )
            self.background.append(asyncio.ensure_future(beside))
            await asyncio.sleep(_HEAD_START)
        elif worlds.HANGING_UP.search(entry.note):
            self.link.lost = True
            await asyncio.sleep(_HEAD_START)

    async def _wait(self, entry: Entry) -> None:
        """Let time pass before what was tried in vain until it succeeded, as the recorder did."""
        await asyncio.sleep(0.5)
        if entry.succeeded and entry.cmd in self.failed:
            await asyncio.sleep(300)
        if not entry.succeeded:
            self.failed.add(entry.cmd)

    def _machine(self, entry: Entry) -> Machine:
        return self.site.nodes[entry.node].machine

    async def _answer(self, entry: Entry) -> Answer:
        return await _run(self._machine(entry), here(self.site, entry.cmd), entry.stdin)

    def _note(self, entry: Entry, answer: Answer, foreign: Foreign) -> None:
        told = Answer(entry.succeeded, entry.stdout, entry.stderr)
        alike = [
            Answer(
                a.succeeded,
                normal(foreign.without(entry, a.stdout)),
                normal(foreign.without(entry, a.stderr)),
            )
            for a in (told, answer)
        ]
        why = reason(entry)
        if not why and foreign.spoils(entry):
            why = "lists tasks that other recordings started at the same time"
        result = Result(entry, alike[0], alike[1], why)
        self.results.append(result)
        if not result.agrees:
            heal(self.site, entry)


async def _run(machine: Machine, line: str, stdin: str) -> Answer:
    try:
        async with asyncio.timeout(_PATIENCE):
            status, out, err = await collect(machine, line, stdin.encode(), env=_LOCALE)
    except TimeoutError:
        return Answer(False, "", "the lab did not answer")
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a disagreement
        return Answer(False, "", f"the lab broke: {error!r}")
    return Answer(status == 0, _text(out), _text(err))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def replay(recording: str) -> list[Result]:
    """Replay one recording."""
    return run(Replay(recording).run())


def matching(results: Sequence[Result], pattern: str) -> list[Result]:
    """Return the results whose command matches."""
    return [result for result in results if re.search(pattern, result.entry.about)]
