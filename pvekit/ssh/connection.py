"""The one connection to a machine: opened when first needed, shared by threads, reopened."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING

from pvekit.errors import PvekitError
from pvekit.shell import Command, LinkLost, Result, Unreachable
from pvekit.ssh.deadline import Limits
from pvekit.ssh.endpoint import Endpoint
from pvekit.ssh.errors import ChannelRefused, NotOpened
from pvekit.ssh.hostkeys import HostKeyPolicy

if TYPE_CHECKING:
    from pvekit.ssh.exchange import Outcome
    from pvekit.ssh.link import Link

MAX_CHANNELS = 8
_OPENINGS = 3
Dial = Callable[[Endpoint, Limits], socket.socket]
Policy = Callable[[], HostKeyPolicy]


class _Slots:
    """Bounds how many commands run at once, and learns that a server allows fewer."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._busy = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def take(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: self._busy < self._limit)
            self._busy += 1
        try:
            yield
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify()

    def shrink(self) -> bool:
        """Allow one less than are busy; false where nobody else is."""
        with self._changed:
            if self._busy <= 1:
                return False
            self._limit = min(self._limit, self._busy - 1)
            return True


class Connection:
    """A :class:`~pvekit.shell.Shell` on one machine over SSH, safe to share between threads.

    At most eight commands run at once; a further one waits for its turn, and its own deadline
    starts when it is sent. A command whose end is unknown retires the connection: what else runs
    on it comes to its end, the next command opens a new one.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        dial: Dial,
        policy: Policy,
        *,
        prefix: tuple[str, ...] = (),
        limits: Limits | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._dial = dial
        self._policy = policy
        self._prefix = prefix
        self._limits = limits or Limits()
        self._slots = _Slots(MAX_CHANNELS)
        self._lock = threading.Lock()
        self._closed = False
        self._current: Link | None = None
        self._opening: Future[Link] | None = None
        self._users: Counter[Link] = Counter()
        self.fingerprint = ""
        """That of the host key of the latest connection; empty before the first."""

    def run(self, command: Command) -> Result:
        """Run a command to its end.

        Raises :class:`Unreachable` if it was not sent and :class:`LinkLost` if its end is unknown;
        also what a refused host key or login raises.
        """
        line = Command((*self._prefix, *command.words)).line()
        try:
            outcome = self._execute(line, command.input(), command.timeout)
        except LinkLost as error:
            raise LinkLost(
                f"Lost a command on {self.endpoint.alias}: {error.brief}.",
                details=str(command),
                hint="Whether it took effect is unknown.",
            ) from error
        except NotOpened as error:
            raise Unreachable(
                f"{self.endpoint} does not run a command: {error.brief}.", details=str(command)
            ) from error
        return Result(
            command,
            outcome.exit_status,
            outcome.out.decode(errors="replace"),
            outcome.err.decode(errors="replace"),
        )

    def open_tunnel(self, host: str, port: int, seconds: float) -> socket.socket:
        """Return a socket to an address as this machine sees it, or raise :class:`Unreachable`."""
        link = self._acquire()
        with contextlib.ExitStack() as undo:
            undo.callback(self._release, link)
            try:
                sock = link.tunnel(host, port, seconds, partial(self._release, link))
            except NotOpened as error:
                reason = f"{self.endpoint.alias} cannot connect to {host} port {port}"
                raise Unreachable(f"{reason}: {error.brief}.") from error
            undo.pop_all()
        return sock

    def retire(self) -> None:
        """Let the open connection go once nothing uses it; the next command opens a new one."""
        with self._lock:
            link, self._current = self._current, None
            idle = link is not None and not self._users[link]
        if link is not None and idle:
            link.cut()

    def close(self) -> None:
        """Cut the connection at once and open no other: what still runs loses its link."""
        with self._lock:
            self._closed = True
            links = {*self._users, self._current}
            self._current = None
        for link in links:
            if link is not None:
                link.cut()

    def _execute(self, line: str, stdin: bytes, seconds: float) -> Outcome:
        """Run a line, again where it was not sent: over a new connection, or in a later turn."""
        fresh = False
        while True:
            with self._slots.take(), self._using() as link:
                try:
                    return link.execute(line, stdin, seconds)
                except NotOpened as error:
                    if isinstance(error, ChannelRefused) and self._slots.shrink():
                        continue
                    self._retire(link)
                    if fresh:
                        raise
                    fresh = True
                except LinkLost:
                    self._retire(link)
                    raise

    @contextlib.contextmanager
    def _using(self) -> Iterator[Link]:
        link = self._acquire()
        try:
            yield link
        finally:
            self._release(link)

    def _acquire(self) -> Link:
        """Return the open connection, opened by the first of those who need it."""
        for _ in range(_OPENINGS):
            with self._lock:
                if self._closed:
                    raise Unreachable(f"The connection to {self.endpoint} was closed.")
                link = self._current
                if link is not None and link.alive:
                    self._users[link] += 1
                    return link
                opening, mine = self._opening or Future(), self._opening is None
                self._opening = opening
            if mine:
                self._open(opening)
            opening.result()
        raise Unreachable(f"{self.endpoint} closes every connection as soon as it is open.")

    def _open(self, opening: Future[Link]) -> None:
        """Open a connection for all who wait for it: they share what comes of it."""
        try:
            link = self._connect()
        except BaseException as error:
            with self._lock:
                self._opening = None
            known = isinstance(error, PvekitError)
            opening.set_exception(error if known else Unreachable("The opening was interrupted."))
            raise
        with self._lock:
            self._opening = None
            if self._closed:
                link.cut()
            else:
                self._current = link
        opening.set_result(link)

    def _connect(self) -> Link:
        from pvekit.ssh.link import Link

        sock = self._dial(self.endpoint, self._limits)
        link = Link.open(sock, self.endpoint, self._policy(), self._limits)
        self.fingerprint = link.fingerprint
        return link

    def _release(self, link: Link) -> None:
        with self._lock:
            self._users[link] -= 1
            if self._users[link] > 0:
                return
            del self._users[link]
            if link is self._current:
                return
        link.cut()

    def _retire(self, link: Link) -> None:
        """Give a link no further work; it is cut when its last user leaves."""
        with self._lock:
            if self._current is link:
                self._current = None
