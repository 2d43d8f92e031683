"""Many tasks side by side over few connections.

A task is a generator that yields what it wants and is sent the answer, or thrown the error. One
thread drives all of them; only remote commands run in threads, a bounded number for each place.
Questions that wait at the same moment are merged into one command where they can be.
"""

from __future__ import annotations

import queue
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from pvekit.errors import Interrupted, PvekitError, Stopped
from pvekit.plan import Ask, Place, Reach
from pvekit.run.clock import Clock
from pvekit.run.site import Site
from pvekit.run.slots import Slots
from pvekit.run.stop import Stop
from pvekit.run.wants import Enter, HandOver, Leave, Pause, Send
from pvekit.shell import Command, call

Task = Generator[Any, Any, object]

_Read = dict[Callable[[str], Any], Any]

PER_PLACE = 8
WORKERS = 32
TICKS = ((1.0, 0.25), (0.0, 0.05))
"""Pauses of so many seconds and more end on whole ticks, so that questions of many tasks meet."""


@dataclass(frozen=True)
class _Work:
    """One remote call, and the tasks that wait for its answer with what each of them asked.

    ``changes``: it may change something, so that its end is waited for even when all is to stop.
    """

    place: Place
    call: Callable[[], Any]
    tell: tuple[tuple[str, Ask[Any] | None], ...]
    changes: bool = False


class Scheduler:
    """Runs tasks to their end; an error ends only its own task and is returned for it.

    Once ``stop`` asks for the end, commands that may change something are waited for, nothing else
    is begun, and every task that is not at its end is thrown :class:`Interrupted`. ``slots`` keeps
    how crowded each slot was, for the next scheduler of the same run.
    """

    def __init__(
        self,
        site: Site,
        clock: Clock | None = None,
        *,
        per_slot: int = 2,
        stop: Stop | None = None,
        slots: dict[str, Slots] | None = None,
    ) -> None:
        self._site = site
        self._clock = clock or Clock()
        self._per_slot = per_slot
        self._stop = stop
        self._tasks: dict[str, Task] = {}
        self._ready: deque[tuple[str, Any, BaseException | None]] = deque()
        self._asks: list[tuple[str, Ask[Any]]] = []
        self._waiting: dict[Place, deque[_Work]] = defaultdict(deque)
        self._busy: dict[Place, int] = defaultdict(int)
        self._answers: queue.SimpleQueue[tuple[_Work, Future[Any]] | None] = queue.SimpleQueue()
        self._flying: list[_Work] = []
        self._timers: list[tuple[float, str]] = []
        self._slots: dict[str, Slots] = {} if slots is None else slots
        for slot in self._slots.values():
            slot.taken = 0  # tasks that were interrupted did not give theirs back
        self._queued: dict[str, deque[str]] = defaultdict(deque)
        self._ended: dict[str, PvekitError | None] = {}

    def run(self, tasks: Mapping[str, Task]) -> dict[str, PvekitError | None]:
        """Run the tasks to their ends and return each one's error, or ``None`` where it went well.

        Errors that are no :class:`PvekitError` are bugs and are raised.
        """
        self._tasks = dict(tasks)
        self._ready.extend((name, None, None) for name in tasks)
        pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="pvekit")
        try:
            if self._stop is None:
                return self._until_ended(pool)
            with self._stop.heeded(lambda: self._answers.put(None)):
                return self._until_ended(pool)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _until_ended(self, pool: ThreadPoolExecutor) -> dict[str, PvekitError | None]:
        while True:
            self._advance()
            if len(self._ended) == len(self._tasks):
                return self._ended
            if self._stop is not None and self._stop.asked:
                self._halt(self._stop.number)
                if self._ready:
                    continue
            self._dispatch(pool)
            self._wait()

    def _halt(self, number: int) -> None:
        """Interrupt every task but those whose change is under way."""
        works = [work for works in self._waiting.values() for work in works]
        works += [work for work in self._flying if not work.changes]
        names = [name for work in works for name, _ in work.tell]
        names += [name for name, _ in self._asks]
        names += [name for _, name in self._timers]
        names += [name for queued in self._queued.values() for name in queued]
        self._flying = [work for work in self._flying if work.changes]
        for emptied in (self._waiting, self._asks, self._timers, self._queued):
            emptied.clear()
        self._ready.extend((name, None, Interrupted(number)) for name in names)

    def _advance(self) -> None:
        while self._ready:
            name, answer, error = self._ready.popleft()
            task = self._tasks[name]
            try:
                want = task.throw(error) if error is not None else task.send(answer)
            except StopIteration:
                self._ended[name] = None
            except PvekitError as failure:
                self._ended[name] = failure
            except Interrupted as interrupted:
                if self._stop is None:  # nobody heeds it here: the command ends at once
                    raise
                self._ended[name] = Stopped(f"{name} was interrupted.", interrupted.number)
            else:
                self._take(name, want)

    def _take(self, name: str, want: object) -> None:
        match want:
            case Ask():
                self._asks.append((name, want))
            case Send(place, command):
                shell = self._site.shell
                self._queue(place, lambda: shell(place).run(command), name, changes=True)
            case Reach(guest):
                self._queue(guest, lambda: self._site.reach(guest), name)
            case Pause(seconds):
                self._timers.append((self._wake(seconds), name))
            case Enter(slot):
                self._enter(slot, name)
            case HandOver(slot):
                self._slot(slot).hand_over()
                self._let_in(slot, name)
            case Leave(slot, how, handed):
                self._slot(slot).leave(how, handed=handed)
                self._let_in(slot, name)
            case _:
                raise TypeError(f"A task wants what nobody can give: {want!r}")

    def _wake(self, seconds: float) -> float:
        tick = next(tick for least, tick in TICKS if seconds >= least)
        return -(-(self._clock.now() + seconds) // tick) * tick

    def _queue(
        self, place: Place, remote: Callable[[], Any], name: str, *, changes: bool = False
    ) -> None:
        self._waiting[place].append(_Work(place, remote, ((name, None),), changes))

    def _slot(self, slot: str) -> Slots:
        return self._slots.setdefault(slot, Slots(self._per_slot, even=True))

    def _enter(self, slot: str, name: str) -> None:
        if self._slot(slot).free():
            self._slot(slot).enter()
            self._ready.append((name, None, None))
        else:
            self._queued[slot].append(name)

    def _let_in(self, slot: str, name: str) -> None:
        """Let those in for whom there is room now, after the one who has made it."""
        self._ready.append((name, None, None))
        while self._queued[slot] and self._slot(slot).free(len(self._queued[slot])):
            self._enter(slot, self._queued[slot].popleft())

    def _dispatch(self, pool: ThreadPoolExecutor) -> None:
        for place, works in self._waiting.items():
            while works and self._busy[place] < PER_PLACE:
                self._start(pool, works.popleft())
        # Questions to a place that is busy wait together, and are asked as one.
        for work in _merged(self._asks, self._site):
            if self._busy[work.place] < PER_PLACE:
                told = {name for name, _ in work.tell}
                self._asks = [each for each in self._asks if each[0] not in told]
                self._start(pool, work)

    def _start(self, pool: ThreadPoolExecutor, work: _Work) -> None:
        self._busy[work.place] += 1
        self._flying.append(work)
        future = pool.submit(work.call)
        future.add_done_callback(lambda done: self._answers.put((work, done)))

    def _wait(self) -> None:
        due = min((when for when, _ in self._timers), default=None)
        rest = None if due is None else max(0.0, due - self._clock.now())
        if any(self._busy.values()):
            try:
                message = self._clock.receive(self._answers, rest)
            except queue.Empty:
                self._clock.sleep(max(0.0, (due or 0.0) - self._clock.now()))
            else:
                if message is not None:
                    self._receive(*message)
        elif rest is not None:
            self._clock.sleep(rest)
        self._fire()

    def _fire(self) -> None:
        now = self._clock.now()
        self._ready.extend((name, None, None) for when, name in self._timers if when <= now)
        self._timers = [timer for timer in self._timers if timer[0] > now]

    def _receive(self, work: _Work, future: Future[Any]) -> None:
        self._busy[work.place] -= 1
        if not any(work is each for each in self._flying):
            return  # it was not waited for any more
        self._flying = [each for each in self._flying if each is not work]
        error = future.exception()
        read: _Read = {}
        for name, question in work.tell:
            if error is not None:
                self._ready.append((name, None, error))
            else:
                self._ready.append((name, *self._read(question, future.result(), read)))

    def _read(
        self,
        question: Ask[Any] | None,
        raw: Any,  # noqa: ANN401
        read: _Read,
    ) -> tuple[Any, PvekitError | None]:
        """Read an answer; what many read alike is read once, and kept in ``read``."""
        if question is None:
            return raw, None
        parse = question.query.parse
        if parse not in read:
            try:
                read[parse] = parse(raw)
            except PvekitError as unreadable:
                return None, unreadable
        return read[parse], None


def _merged(asks: list[tuple[str, Ask[Any]]], site: Site) -> list[_Work]:
    """Return one piece of work for all questions that one command can answer."""
    groups: dict[tuple[Place, Command], list[tuple[str, Ask[Any]]]] = defaultdict(list)
    for name, question in asks:
        groups[question.place, question.query.command].append((name, question))
    return [_group(place, base, group, site) for (place, base), group in groups.items()]


def _group(place: Place, base: Command, group: list[tuple[str, Ask[Any]]], site: Site) -> _Work:
    topics = sorted({topic for _, question in group for topic in question.topics})
    command = replace(base, words=(*base.words, *topics))
    return _Work(place, lambda: call(site.shell(place), command), tuple(group))
