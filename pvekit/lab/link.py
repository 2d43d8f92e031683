"""One command over one link: it is logged, run, and cut off where a fault was ordered."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from pvekit.lab.faults import Faults
from pvekit.lab.machine import Machine
from pvekit.lab.process import Reader, Writer


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


@dataclass
class Link:
    """The streams between a command and its client; ``sever`` drops the connection at once."""

    stdin: Reader
    stdout: Writer
    stderr: Writer
    sever: Callable[[], None]
    cut: bool = False

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


@dataclass
class LinkFaults:
    """The link cuts among a site's faults.

    The detail ``skip=N`` of such a fault lets its first N commands pass.
    """

    faults: Faults
    _passed: Counter[int] = field(default_factory=Counter)

    def moment(self, line: str) -> str | None:
        """Return when the link of this command is to be cut: before, during, after or never."""
        fault = self.faults.holds("link-cut", line)
        if fault is None:
            return None
        if self._passed[fault.number] < int(fault.detail.get("skip", "0")):
            self._passed[fault.number] += 1
            return None
        self.faults.take("link-cut", line)
        return fault.when


async def answer(machine: Machine, request: Request, link: Link, faults: LinkFaults) -> int:
    """Run a command to its end and return its exit status.

    Raises :class:`LinkCut` where a fault cut the link: a command that had started goes on with
    broken pipes (``during``) or to an end that its client never hears of (``after``).
    """
    facts = {"node": request.node, "line": request.line}
    if request.vmid is not None:
        facts["vmid"] = str(request.vmid)
    machine.log.add("exec", user=request.user, **facts)
    moment = faults.moment(request.line)
    if moment == "before":
        link.lose()
        raise LinkCutBefore(request.line)
    stdout, stderr = _outputs(link, moment)
    status = await machine.execute(request.line, link.stdin, stdout, stderr, user=request.user)
    machine.log.add("exit", status=status, **facts)
    if moment is not None:
        link.lose()
        raise LinkCutDuring(request.line)
    return status


def _outputs(link: Link, moment: str | None) -> tuple[Writer, Writer]:
    if moment == "during":
        return _Fragile(link), _Fragile(link)
    if moment == "after":
        return _Unheard(), _Unheard()
    return link.stdout, link.stderr
