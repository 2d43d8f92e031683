"""Asking until an answer is valid: at most so many rounds, within time and money."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import wait
from dataclasses import dataclass, field, replace
from typing import TypeVar

from pvekit.deadlines import begun
from pvekit.llm import proposal
from pvekit.llm.facts import Told, like, messages
from pvekit.llm.port import Address, ModelFailed, Port, Question, Reply
from pvekit.llm.proposal import Proposal
from pvekit.llm.review import findings
from pvekit.run.clock import Clock
from pvekit.sizing.size import Size

T = TypeVar("T")

_PAUSES = (0.5, 1.0, 2.0)
"""Seconds before a question that was refused for the moment is asked again."""
_LEAST_SECONDS = 0.05
_MOST_SAID_BACK = 2000
_REFUSES_SCHEMA = frozenset({400, 422})


@dataclass(frozen=True)
class Limits:
    """Seconds and rounds in all."""

    seconds: float = 20.0
    rounds: int = 2


Kept = Callable[[Question], Reply | None]
Spent = Callable[[Question, Reply | None, str], None]
Allowed = Callable[[Question], None]


@dataclass(frozen=True)
class Book:
    """Where answers are kept and costs are written down; each may do nothing.

    ``allowed`` raises :class:`ModelFailed` where a question would cost too much.
    """

    kept: Kept = lambda _: None
    allowed: Allowed = lambda _: None
    spent: Spent = lambda *_: None


@dataclass
class Rounds:
    """One conversation."""

    port: Port
    address: Address
    limits: Limits
    clock: Clock
    book: Book = field(default_factory=Book)
    log: list[str] = field(default_factory=list)
    _began: float = 0.0
    _with_schema: bool = True

    def propose(self, told: Told, room: Size) -> Proposal | None:
        """Return a valid proposal of a size, or None; ``log`` says what happened."""

        def judged(text: str) -> Proposal | list[str]:
            found = proposal.parse(text)
            if not isinstance(found, Proposal):
                return [found]
            return findings(found.size, told.bounds, room) or found

        return self.converse(Question(messages(told), proposal.SCHEMA, like=like(told)), judged)

    def converse(self, first: Question, judged: Callable[[str], T | list[str]]) -> T | None:
        """Return the first valid answer, or None; ``log`` says what happened.

        ``judged`` returns what a reply is, or what is wrong with it, which goes back.
        """
        self._began = self.clock.now()
        question = first
        for number in range(1, self.limits.rounds + 1):
            try:
                reply = self._answer(question)
            except ModelFailed as error:
                self.log.append(f"round {number}: {error}")
                return None
            found = judged(reply.text)
            if not isinstance(found, list):
                return found
            wrong = reply.fault or "; ".join(found)
            self.log.append(f"round {number}: {wrong}")
            said = {"role": "assistant", "content": reply.text[:_MOST_SAID_BACK]}
            back = f"This was refused: {wrong}. Answer again, with the JSON object only."
            messages_so_far = (*question.messages, said, {"role": "user", "content": back})
            so_far = question.like and json.dumps([question.like, reply.text])
            question = replace(question, messages=messages_so_far, like=so_far)
        return None

    def _left(self) -> float:
        return self.limits.seconds - (self.clock.now() - self._began)

    def _answer(self, question: Question) -> Reply:
        """Ask once, and again where that may help; raises :class:`ModelFailed`."""
        pauses = iter(_PAUSES)
        while True:
            if not self._with_schema:
                question = replace(question, schema=None)
            if reply := self.book.kept(question):
                return reply
            try:
                return self._once(question)
            except ModelFailed as error:
                if self._with_schema and error.status in _REFUSES_SCHEMA:
                    self._with_schema = False  # the server knows no response_format
                    continue
                self._pause(error, next(pauses, None))

    def _pause(self, error: ModelFailed, least: float | None) -> None:
        """Wait before the same is asked again, or raise the error where that is no use."""
        if not error.again or least is None:
            raise error
        pause = max(least, error.after)
        if pause >= self._left():
            if error.after > least:
                raise ModelFailed(f"{error}, and again only after {error.after:g} s")
            raise error
        self.log.append(f"{error}; asked again after {pause:g} s")
        self.clock.sleep(pause)

    def _once(self, question: Question) -> Reply:
        within(lambda: self.book.allowed(question), self._left())
        try:
            reply = within(
                lambda: self.port.ask(self.address, question, max(self._left(), _LEAST_SECONDS)),
                self._left(),
            )
        except ModelFailed as error:
            self.book.spent(question, None, str(error))
            raise
        self.book.spent(question, reply, reply.fault or "answered")
        return reply


def within(do: Callable[[], T], seconds: float) -> T:
    """Return what comes of it, or raise :class:`ModelFailed` after so many seconds.

    No time-out of a library covers all: an import, a look-up of names, an answer that drips.
    """
    future = begun(do)
    wait([future], max(seconds, _LEAST_SECONDS))
    if not future.done():
        raise ModelFailed(f"no answer within {max(seconds, 0):.3g} s")
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, ModelFailed):
        raise error
    raise ModelFailed(f"{type(error).__name__}: {error}")
