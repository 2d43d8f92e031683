"""One command over one link: it is logged, run, and cut off where a fault was ordered."""

from __future__ import annotations

import asyncio
import errno
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from pvekit.lab.faults import Fault, Faults
from pvekit.lab.machine import Machine
from pvekit.lab.outages import Outages
from pvekit.lab.process import Reader, Writer

_PIECE = 4096
_SLOW_SECONDS = 5.0
_RESTART_SECONDS = 0.05  # of real time, so that a command has begun when its node loses power


class LinkCut(ConnectionError):
    """The link to a machine was lost."""


class LinkCutBefore(LinkCut):
    """The link was lost before the command started."""


class LinkCutDuring(LinkCut):
    """The link was lost after the command started: how it ended is not known."""


@dataclass(frozen=True)
class Request:
    """A command line for a node, or for the guest ``vmid`` there."""

    node: str
    line: str
    user: str = "root"
    vmid: int | None = None


class Session(Protocol):
    """What is served over a link instead of a command: it takes its faults upon itself."""

    async def run(self, link: Link, cut: str | None, rate: float) -> int:
        """Serve to the end and return the status; ``rate`` is in bytes per second, 0: no limit."""
        ...


@dataclass
class Link:
    """The streams between a command and its client; ``sever`` drops the connection at once.

    ``session`` is served instead of the command, if there is one.
    """

    stdin: Reader
    stdout: Writer
    stderr: Writer
    sever: Callable[[], None]
    cut: bool = False
    session: Session | None = None

    def lose(self) -> None:
        """Drop the connection: whoever writes from now on gets a broken pipe."""
        if not self.cut:
            self.cut = True
            self.sever()


@dataclass(frozen=True)
class _Fragile:
    """A stream over a link that breaks when something is written to it."""

    link: Link

    async def write(self, data: bytes) -> None:
        if data:
            self.link.lose()
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")


class _Unheard:
    """A stream whose reader will never get it."""

    async def write(self, data: bytes) -> None:
        pass


@dataclass(frozen=True)
class _Slow:
    """A stream over a slow link; ``rate`` in bytes per second."""

    inner: Writer
    rate: float

    async def write(self, data: bytes) -> None:
        for at in range(0, len(data), _PIECE):
            piece = data[at : at + _PIECE]
            await asyncio.sleep(len(piece) / self.rate)
            await self.inner.write(piece)


@dataclass
class LinkFaults:
    """The faults that strike single commands; the detail ``skip=N`` lets the first N pass."""

    faults: Faults
    outages: Outages | None = None
    _passed: Counter[int] = field(default_factory=Counter)

    def strike(self, kind: str, line: str) -> Fault | None:
        """Return the fault that strikes this command, or None."""
        fault = self.faults.holds(kind, line)
        if fault is None:
            return None
        if self._passed[fault.number] < int(fault.number_of("skip", 0)):
            self._passed[fault.number] += 1
            return None
        return self.faults.take(kind, line)

    def plan(self, request: Request) -> _Plan:
        """Return what is ordered for a command."""
        line = request.line
        restart = None
        if self.outages is not None and request.vmid is None:
            restart = self.outages.reboot_for(request.node, line)
        cut = self.strike("link-cut", line)
        return _Plan(
            cut.when if cut else None, self.strike("hang", line), self.strike("slow", line), restart
        )

    def restart(self, request: Request) -> None:
        """Let the node of a command lose its power and start anew."""
        if self.outages is not None:
            self.outages.reboot(request.node)


@dataclass(frozen=True)
class _Plan:
    """What goes wrong with a command: when its link is cut and when its node loses power."""

    cut: str | None
    hang: Fault | None
    slow: Fault | None
    restart: str | None


async def answer(machine: Machine, request: Request, link: Link, faults: LinkFaults) -> int:
    """Run a command to its end and return its exit status.

    Raises :class:`LinkCut` where a fault cut the link: a command that had started goes on with
    broken pipes (``during``) or to an end that its client never hears of (``after``).
    """
    facts = {"node": request.node, "line": request.line}
    if request.vmid is not None:
        facts["vmid"] = str(request.vmid)
    machine.log.add("exec", user=request.user, **facts)
    plan = faults.plan(request)
    if plan.restart == "before":
        faults.restart(request)
    if plan.cut == "before" or not machine.up:
        link.lose()
        raise LinkCutBefore(request.line)
    if plan.hang is not None and plan.hang.when == "before":
        await asyncio.Event().wait()
    boot = machine.boot_id
    status = await _run(machine, request, link, plan, faults)
    if machine.boot_id == boot:
        machine.log.add("exit", status=status, **facts)
    if plan.cut is not None or machine.boot_id != boot:
        link.lose()
        raise LinkCutDuring(request.line)
    if plan.hang is not None:
        await asyncio.Event().wait()
    return status


async def _run(
    machine: Machine, request: Request, link: Link, plan: _Plan, faults: LinkFaults
) -> int:
    """Run the command under what is ordered for it."""
    rate = 0.0
    if plan.slow is not None:
        await asyncio.sleep(plan.slow.number_of("seconds", _SLOW_SECONDS))
        rate = plan.slow.number_of("rate", 0)
    if plan.restart == "during":
        asyncio.get_running_loop().call_later(_RESTART_SECONDS, faults.restart, request)
    if link.session is not None:
        status = await link.session.run(link, plan.cut, rate)
    else:
        stdout, stderr = _outputs(link, plan.cut, rate)
        status = await machine.execute(request.line, link.stdin, stdout, stderr, user=request.user)
    if plan.restart == "after":
        faults.restart(request)
    return status


def _outputs(link: Link, moment: str | None, rate: float) -> tuple[Writer, Writer]:
    if moment == "during":
        return _Fragile(link), _Fragile(link)
    if moment == "after":
        return _Unheard(), _Unheard()
    if rate:
        return _Slow(link.stdout, rate), _Slow(link.stderr, rate)
    return link.stdout, link.stderr
