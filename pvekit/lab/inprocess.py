"""The lab inside the calling process, for tests: a site in a thread, with or without SSH."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pvekit.lab.home import Home
from pvekit.lab.link import Link, LinkFaults, Request, answer
from pvekit.lab.log import Log
from pvekit.lab.machine import Machine
from pvekit.lab.site import Site, SiteSpec
from pvekit.lab.state import Lab
from pvekit.lab.streams import BytesReader, BytesWriter

_Answer = TypeVar("_Answer")


class LabLoop:
    """An event loop in a thread of its own; work handed in may come from any other thread."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._loop = self._runner.get_loop()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="lab", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with self._runner:
            self._runner.run(self._until_ended())

    async def _until_ended(self) -> None:
        await self._ended.wait()

    def call(
        self, work: Coroutine[Any, Any, _Answer], timeout_seconds: float | None = None
    ) -> _Answer:
        """Run a coroutine there and return its result; raises TimeoutError and lets it go on."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_seconds)

    def do(self, work: Callable[[], _Answer]) -> _Answer:
        """Call a function there: a site must be touched by its own thread only."""

        async def called() -> _Answer:
            return work()

        return self.call(called())

    def end(self) -> None:
        """End everything that runs there."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()


class LabShell:
    """Runs command lines on a site's machines as SSH would; may be used by several threads."""

    def __init__(self, site: Site, loop: LabLoop) -> None:
        self.site = site
        self.loop = loop
        self._faults = LinkFaults(site.faults, site.outages)

    def run_line(
        self,
        node: str,
        line: str,
        stdin: bytes = b"",
        timeout: float | None = None,
        *,
        user: str = "root",
    ) -> tuple[int, bytes, bytes]:
        """Run a line on a node and return its exit status, stdout and stderr.

        Raises :class:`LinkCutBefore` or :class:`LinkCutDuring` where a fault was ordered, and
        TimeoutError after ``timeout`` seconds; the command goes on then.
        """
        machine = self.site.nodes[node].machine
        return self._run(machine, Request(node, line, user), stdin, timeout)

    def run_guest_line(
        self,
        address: str,
        line: str,
        stdin: bytes = b"",
        timeout: float | None = None,
        *,
        user: str = "ubuntu",
    ) -> tuple[int, bytes, bytes]:
        """Run a line on the guest at an address, as the node's network reaches it.

        Raises ConnectionRefusedError where no SSH server answers there.
        """
        guest = self.loop.do(lambda: self.site.guest_at(address))
        if guest is None or not self.loop.do(lambda: guest.ssh_ready):
            raise ConnectionRefusedError(address)
        return self._run(guest.machine, Request("", line, user, guest.vmid), stdin, timeout)

    def _run(
        self, machine: Machine, request: Request, stdin: bytes, timeout: float | None
    ) -> tuple[int, bytes, bytes]:
        stdout, stderr = BytesWriter(), BytesWriter()
        link = Link(BytesReader(stdin), stdout, stderr, sever=lambda: None)
        status = self.loop.call(answer(machine, request, link, self._faults), timeout)
        return status, stdout.data, stderr.data


@contextmanager
def running_site(
    spec: SiteSpec | None = None, log: Log | None = None, *, state: Mapping[str, Any] | None = None
) -> Iterator[LabShell]:
    """Have a site in a thread, reached without SSH: a new one, or one in a state it once had."""

    def made() -> Site:
        if state is None:
            return Site(spec or SiteSpec(), log=log)
        site = Site.from_data(state, log=log)
        site.resume()
        return site

    loop = LabLoop()
    try:
        yield LabShell(loop.do(made), loop)
    finally:
        loop.end()


@dataclass(frozen=True)
class ServedSite:
    """A site in a thread that real SSH reaches; ``directory`` holds its config and keys."""

    shell: LabShell
    directory: Path
    addresses: dict[str, tuple[str, int]]

    @property
    def site(self) -> Site:
        """The site; what it is asked should be asked through :meth:`LabLoop.do`."""
        return self.shell.site


@contextmanager
def served_site(
    directory: Path, spec: SiteSpec | None = None, *, state: Mapping[str, Any] | None = None
) -> Iterator[ServedSite]:
    """Have a site in a thread and serve it over SSH, with config, keys and log in a directory.

    With ``state``, what :meth:`Site.to_data` gave, it is in that state.
    """
    from pvekit.lab.service import at_work  # needs asyncssh, which the rest here does not

    home = Home(directory)
    home.prepare()
    with running_site(spec, Log(home.log), state=state) as shell:
        service = AsyncExitStack()
        work = at_work(home, Lab(shell.site), asyncio.Event())
        lab = shell.loop.call(service.enter_async_context(work))
        try:
            yield ServedSite(shell, directory, dict(lab.addresses))
        finally:
            shell.loop.call(service.aclose())
