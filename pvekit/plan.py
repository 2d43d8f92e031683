"""Steps: the only way pvekit changes anything.

A :class:`Step` says what must become true (its goal) and which commands make it so. The goal is
asked before the commands and after them; from that alone come idempotence, previews, verification,
waiting, resuming and rolling back.

A goal asks the site by yielding :class:`Ask`; whoever drives it answers. Many goals that ask the
same at the same moment share one remote command.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Generic, TypeVar

from pvekit.errors import GoalNotReached, NotReady, PvekitError
from pvekit.shell import Command, Query

T = TypeVar("T")


@dataclass(frozen=True)
class Guest:
    """Where a guest's SSH server is found, and how it proves who it is.

    ``node`` is the alias of the node it runs on, ``host_key`` a public key line
    (``ssh-ed25519 AAAA...``) or empty where an unknown key is explicitly accepted. ``pin`` is the
    name under which the key is kept from then on.
    """

    node: str
    address: str
    user: str
    host_key: str = ""
    port: int = 22
    pin: str = ""


Place = str | Guest
"""A node's alias in the config, or a guest."""


@dataclass(frozen=True)
class Ask(Generic[T]):
    """A question to one place.

    ``topics`` are words that are added to the command together with those of all others who ask
    the same command at the same moment.
    """

    place: Place
    query: Query[T]
    topics: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reach:
    """The question whether a guest's SSH port answers at all: the server's banner, or an error."""

    guest: Guest


Asking = Generator[Any, Any, T]
"""What asks its way to an answer: yields :class:`Ask` or :class:`Reach`, returns the answer."""


def ask(question: Ask[T]) -> Asking[T]:
    """Ask one question; the typed form of ``yield``."""
    answer: T = yield question
    return answer


@dataclass(frozen=True)
class Verdict:
    """Whether a statement holds, and what was seen, in words for a person."""

    holds: bool
    seen: str = ""


@dataclass(frozen=True)
class Check:
    """A statement about the world that asking can confirm."""

    says: str
    look: Callable[[], Asking[Verdict]]


def check(says: str, question: Ask[T], judge: Callable[[T], Verdict]) -> Check:
    """Return the check that judges the answer to one question."""

    def look() -> Asking[Verdict]:
        return judge((yield from ask(question)))

    return Check(says, look)


def either(first: Check, second: Check) -> Check:
    """Return the check that one of two statements holds; the second is asked only if needed."""

    def look() -> Asking[Verdict]:
        verdict = yield from first.look()
        if verdict.holds:
            return verdict
        return (yield from second.look())

    return Check(second.says, look)


@dataclass(frozen=True)
class Guard:
    """Whose a VM must be at the moment of a change, checked on the node in the same round trip.

    ``state`` is ``vm`` (our finished VM), ``template`` (our template), ``build`` (our template that
    is not one yet), ``unfinished`` (a clone's remains under a claim of ``run``) or ``deleting``
    (our VM, made by ``maker`` if one is given, or what is left of it under a claim of ``run``). The
    first three must have been made by ``run`` if one is given. With a ``digest`` its config must be
    the one that was looked at.
    """

    state: str
    vmid: int
    name: str
    run: str = ""
    digest: str = ""
    maker: str = ""


@dataclass(frozen=True)
class Change:
    """A command that changes something.

    ``job``: it may take long, so it is detached from the link and found again by its id.
    ``once``: what the job is claimed by, where that is not the step (a download: node and URL).
    ``mute``: it exits with status 0 even when it fails, and says so on stderr only.
    ``digest``: a ``qm set`` that is refused if the config changes between the guard and the change.
    ``shown`` replaces the command line in previews, for pvekit's own scripts: a line for each
    thing that a script does.
    """

    command: Command
    guard: Guard | None = None
    job: bool = False
    once: str = ""
    digest: bool = False
    mute: bool = False
    shown: str = ""

    def __str__(self) -> str:
        return self.shown or self.command.line()


@dataclass(frozen=True)
class Step:
    """Make ``goal`` true on ``node`` by these changes, and see that it became true.

    A step without changes waits for its goal. ``patience`` (seconds) is how long the goal may take
    after the changes; steps of one subject that share a ``budget`` share one patience, counted
    from the first of them. ``interval`` (seconds) is the first pause between two looks.
    ``slot`` names what bounds how many such steps run at once. ``parts`` is how often a step's job
    counts up to 100 % (0: not known): when the last time is all but over, the next step is let in.
    ``lasting`` says, in words, what undoing cannot take back. Patience that ends raises ``late``,
    with ``hint`` and, if it is not the class's, the error's id ``late_id``. ``symptoms`` asks what
    can be seen where it fails by :class:`NotReady`; it raises nothing and takes a few seconds at
    most.
    """

    subject: str
    verb: str
    node: str
    goal: Check
    changes: tuple[Change, ...] = ()
    patience: float = 0.0
    interval: float = 2.0
    budget: str = ""
    slot: str = ""
    parts: int = 0
    lasting: str = ""
    late: type[PvekitError] = GoalNotReached
    late_id: str = ""
    hint: str = ""
    symptoms: Callable[[], Asking[str]] | None = None
    undo: tuple[Step, ...] = ()

    @property
    def key(self) -> str:
        """The name by which the journal knows this step."""
        return f"{self.subject}/{self.verb}"

    @property
    def lines(self) -> tuple[str, ...]:
        """The command lines of its changes, as previews show them."""
        return tuple(line for change in self.changes for line in str(change).splitlines())


def name_of(subject: str) -> str:
    """Return what a subject is called, without the word for what kind of thing it is."""
    return subject.partition("/")[2] or subject


def with_symptoms(step: Step, error: PvekitError) -> Asking[PvekitError]:
    """Return a step's error with what can be seen of its subject, where the step can ask that."""
    if step.symptoms is not None and isinstance(error, NotReady):
        told = yield from step.symptoms()
        error.details = "\n".join(part for part in (error.details, told) if part)
    return error


@dataclass(frozen=True)
class Plan:
    """Steps in the order in which they must run for each subject; subjects run side by side."""

    steps: tuple[Step, ...]

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __add__(self, other: Plan) -> Plan:
        return Plan(self.steps + other.steps)

    def subjects(self) -> dict[str, tuple[Step, ...]]:
        """Return each subject's steps, in order."""
        names = dict.fromkeys(step.subject for step in self.steps)
        return {name: tuple(s for s in self.steps if s.subject == name) for name in names}

    def undoing(self, touched: frozenset[str]) -> Plan:
        """Return the plan that takes back the touched steps, last first."""
        undone = (step.undo for step in reversed(self.steps) if step.key in touched)
        return Plan(tuple(chain.from_iterable(undone)))
