"""Changes as they are sent: under a guard, with a digest, or detached from the link as a job."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from pvekit.errors import UnreadableAnswer
from pvekit.plan import Ask, Change, Guard
from pvekit.pve.numbers import whole
from pvekit.pve.scripts import script
from pvekit.shell import Command, Query, Result, Secret


def job_id(run: str, key: str, attempt: int, change: Change) -> str:
    """Return the id of a job: the same after a reconnect, another one for each new attempt.

    A change that is the same whoever makes it (a download) has one id for all runs.
    """
    words = change.once or f"{run} {key} {attempt} {change.command.line()}"
    return hashlib.sha256(words.encode()).hexdigest()[:20]


def sent(change: Change, job: str = "-") -> Command:
    """Return the command that carries a change out, under ``job`` if the change is one."""
    if not change.job and change.guard is None and not change.digest:
        return change.command
    guard = change.guard
    state = (guard.state, guard.vmid, guard.name, _run(guard)) if guard else ("none", 0, "-", "-")
    return _telling(
        change,
        script(
            "act",
            *state[:3],
            state[3] or "-",
            "yes" if change.digest else (guard.digest if guard else "") or "no",
            job if change.job else "-",
            _input(change.command),
            *change.command.words,
            timeout=60.0 if change.job else change.command.timeout,
        ),
    )


def _run(guard: Guard) -> str:
    return f"{guard.run}/{guard.maker}" if guard.maker else guard.run


def _input(command: Command) -> str:
    if isinstance(command.stdin, Secret):
        return "secret"
    return base64.b64encode(command.input()).decode() or "-"


def _telling(change: Change, sent: Command) -> Command:
    """Put a secret before the script on stdin: the words of a process are for all to read."""
    if not isinstance(change.command.stdin, Secret):
        return sent
    if change.job:
        raise TypeError("A secret must not lie in the files of a job.")
    text, command = sent.input().decode(), change.command

    def told() -> str:
        return f"secret={base64.b64encode(command.input()).decode()}\n{text}"

    return replace(sent, stdin=Secret(told))


_STATES = frozenset(("none", "running", "dead", "done"))


@dataclass(frozen=True)
class Job:
    """How a job stands: ``state`` is none, running, dead or done (then with a status)."""

    state: str = "none"
    status: int = 0
    out: str = ""
    err: str = ""

    def result(self, command: Command) -> Result:
        """Return what the job left behind as the result of its command."""
        return Result(command, self.status, self.out, self.err)


def job(place: str, identity: str) -> Ask[Job]:
    """Ask how a job stands; an answer that says nothing of it is none."""

    def parse(out: str) -> Job:
        found = jobs(out).get(identity)
        if found is None:  # the script speaks of every job that it is asked about
            raise UnreadableAnswer(f"The node does not say how job {identity} stands.")
        return found

    return Ask(place, Query(script("jobs"), parse), topics=(identity,))


def jobs(out: str) -> Mapping[str, Job]:
    """Read the answer of the script ``jobs``."""
    found: dict[str, Job] = {}
    said: dict[tuple[str, str], list[str]] = {}
    for line in out.split("\n"):
        kind, _, rest = line.partition(" ")
        identity, _, text = rest.partition(" ")
        if kind == "job":
            state, _, status = text.partition(" ")
            if state in _STATES:
                found[identity] = _job(state, status)
        elif kind in ("out", "err"):
            said.setdefault((kind, identity), []).append(text)
    return MappingProxyType(
        {
            identity: Job(
                each.state,
                each.status,
                "\n".join(said.get(("out", identity), ())),
                "\n".join(said.get(("err", identity), ())),
            )
            for identity, each in found.items()
        }
    )


def _job(state: str, status: str) -> Job:
    """Return a job as it stands; one that ended without a readable status did not go well."""
    number = whole(status)
    if state == "done" and number is None:
        return Job("dead")
    return Job(state, number or 0)


def detached(name: str, *args: str | int, shown: str, once: str = "") -> Change:
    """Return the change that runs one of pvekit's scripts as a job."""
    return Change(script(name, *args, timeout=4 * 3600.0), job=True, once=once, shown=shown)
