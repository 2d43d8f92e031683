"""One SSH connection from its socket to its end, with a deadline on everything.

Several calls of paramiko wait without a limit, or write to a socket that nobody reads any more:
``exec_command``, ``send``, ``recv`` (it opens the window), ``close``. What always works is shutting
down the socket underneath, so a timer does that when a call has not come back in time.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator, Sequence

from pvekit.shell import LinkLost, Unreachable
from pvekit.ssh.authentication import authenticate
from pvekit.ssh.deadline import Deadline, Limits
from pvekit.ssh.endpoint import Endpoint
from pvekit.ssh.errors import ChannelRefused, Incompatible, NotOpened
from pvekit.ssh.exchange import NO_STATUS, Exchange, Outcome, Overdue
from pvekit.ssh.gate import Gate, Gates
from pvekit.ssh.hostkeys import HostKey, HostKeyPolicy
from pvekit.ssh.library import paramiko
from pvekit.ssh.tunnel import through

_GRACE = 1.0
_BROKEN = (paramiko.SSHException, OSError, EOFError)
_CLOSE = paramiko.common.MSG_CHANNEL_CLOSE
_Handlers = dict[int, Callable[[paramiko.Channel, paramiko.Message], None]]

# Whoever wants paramiko's own log sets up a handler; without one it must not reach the terminal.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class _Transport(paramiko.Transport):
    """paramiko's, with a gate for each of its channels."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        handlers: _Handlers = vars(paramiko.Transport)["_channel_handler_table"]
        self.gates = Gates(handlers[_CLOSE])
        answers = {_CLOSE: self.gates.answer_close}
        self._channel_handler_table = {**handlers, **answers}
        # Asking for new keys, paramiko waits for itself when a channel ends meanwhile. AES is good
        # for 2**32 blocks (RFC 4344, section 3.2), and servers that want new keys earlier ask.
        vars(self.packetizer)["REKEY_BYTES"] = 1 << 35


class Link:
    """An authenticated connection. It opens channels until it breaks, and never again after."""

    def __init__(self, transport: _Transport, sock: socket.socket, limits: Limits) -> None:
        self._transport = transport
        self._sock = sock
        self._limits = limits
        self.fingerprint = ""

    @classmethod
    def open(
        cls, sock: socket.socket, endpoint: Endpoint, policy: HostKeyPolicy, limits: Limits
    ) -> Link:
        """Shake hands, check the host key, authenticate; the socket is closed if that fails."""
        transport = _Transport(sock)
        offered = transport.get_security_options().key_types
        try:
            algorithms = _ordered(offered, policy.preferred())
            key = handshake(transport, str(endpoint), algorithms, limits)
            policy.verify(key)
            authenticate(transport, endpoint, limits)
        except BaseException:
            abandon(transport, sock)
            raise
        link = cls(transport, sock, limits)
        link.fingerprint = key.fingerprint
        return link

    @property
    def alive(self) -> bool:
        """Whether the connection is not known to be broken."""
        return self._transport.is_active()

    def cut(self) -> None:
        """End the connection at once, whatever anybody is doing with it. Never blocks."""
        _shut(self._sock)
        self._transport.close()

    def execute(self, line: str, stdin: bytes, seconds: float) -> Outcome:
        """Run a line to its end.

        Raises :class:`NotOpened` when it was not sent, :class:`LinkLost` when its end is unknown.
        """
        deadline = Deadline.after(seconds)
        with self._cut_after(seconds + _GRACE), self._session(seconds) as (channel, gate):
            try:
                outcome = Exchange(channel, gate, stdin).run(line, deadline)
            except Overdue as error:
                raise LinkLost(f"no end after {seconds:g} s") from error
            except _BROKEN as error:
                raise LinkLost(f"the connection broke ({_reason(error)})") from error
            if not gate.closed_by_peer:
                raise LinkLost("the connection broke")
        if outcome.exit_status == NO_STATUS:
            raise LinkLost("it ended without an exit status, killed by a signal perhaps")
        return outcome

    def tunnel(
        self, host: str, port: int, seconds: float, ended: Callable[[], None]
    ) -> socket.socket:
        """Return a socket to an address as the peer sees it; ``ended`` is called at its end."""
        with self._cut_after(seconds + _GRACE):
            channel = self._channel(
                lambda limit: self._transport.open_channel(
                    "direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=limit
                ),
                seconds,
            )
        return through(channel, self._transport.gates.of(channel), ended)

    @contextlib.contextmanager
    def _session(self, seconds: float) -> Iterator[tuple[paramiko.Channel, Gate]]:
        channel = self._channel(lambda limit: self._transport.open_session(timeout=limit), seconds)
        try:
            yield channel, self._transport.gates.of(channel)
        finally:
            with contextlib.suppress(*_BROKEN):
                channel.close()
            self._transport.gates.forget(channel)

    def _channel(
        self, opening: Callable[[float], paramiko.Channel], seconds: float
    ) -> paramiko.Channel:
        deadline = Deadline.after(min(seconds, self._limits.channel))
        try:
            return opening(deadline.left)
        except _BROKEN as error:
            # paramiko keeps one error per connection: with two refusals at once, one thread is
            # told the reason and the other nothing.
            refused = self.alive and not deadline.passed
            kind = ChannelRefused if refused else NotOpened
            raise kind(f"it opened no channel ({_reason(error)})") from error

    @contextlib.contextmanager
    def _cut_after(self, seconds: float) -> Iterator[None]:
        timer = threading.Timer(seconds, self.cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def handshake(
    transport: paramiko.Transport, where: str, algorithms: Sequence[str], limits: Limits
) -> HostKey:
    """Exchange keys and return the host key that the peer proved to hold.

    Raises :class:`Unreachable`, or :class:`Incompatible` where no algorithm is shared.
    """
    transport.get_security_options().key_types = tuple(algorithms)
    # Our own wait ends first, so that the error is always ours.
    transport.banner_timeout = transport.handshake_timeout = limits.handshake + _GRACE
    done = threading.Event()
    transport.start_client(event=done)
    if not done.wait(limits.handshake):
        what = "key exchange" if transport.remote_version else "SSH banner"
        raise Unreachable(f"{where} sent no {what} in {limits.handshake:g} s.")
    if not transport.is_active():
        error = transport.get_exception()
        if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
            raise Incompatible(f"{where} speaks another SSH: {_reason(error)}.")
        raise Unreachable(f"No SSH connection with {where}: {_reason(error)}.")
    key = transport.get_remote_server_key()
    return HostKey(key.get_name(), key.asbytes())


def abandon(transport: paramiko.Transport, sock: socket.socket) -> None:
    """End a connection that did not come about, with the timer that paramiko started for it."""
    _shut(sock)
    transport.close()
    if transport.is_alive():
        transport.join(_GRACE)
    # That timer is no daemon: the interpreter would wait for it at its end.
    transport.packetizer.complete_handshake()
    sock.close()


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _ordered(offered: Sequence[str], known_types: Sequence[str]) -> list[str]:
    """Put the algorithms of the known key types first: a server shows the first that it has."""
    known = {name for kind in known_types for name in _algorithms(kind)}
    return sorted(offered, key=lambda name: name not in known)


def _algorithms(key_type: str) -> tuple[str, ...]:
    return ("rsa-sha2-512", "rsa-sha2-256") if key_type == "ssh-rsa" else (key_type,)


def _reason(error: BaseException | None) -> str:
    if error is None or isinstance(error, EOFError):
        return "the peer closed it"
    return str(error).rstrip(".") or type(error).__name__
