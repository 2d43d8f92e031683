"""One command on one channel: everything out, everything in, the exit status, no deadlock."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pvekit.ssh.deadline import Deadline
from pvekit.ssh.gate import Gate

if TYPE_CHECKING:
    from paramiko import Channel

NO_STATUS = -1
_PACKET = 1 << 15
_READ = 1 << 22
_WINDOW_PAUSE = 0.02


@dataclass(frozen=True)
class Outcome:
    """What came back."""

    exit_status: int
    out: bytes
    err: bytes


class Overdue(Exception):
    """The deadline passed before the channel was closed."""


class _Wake(threading.Event):
    """An event that two pipes set, and that only their reader clears."""

    def clear(self) -> None:
        """Do nothing: a pipe that ran empty must not hide that the other has data."""

    def rearm(self) -> None:
        super().clear()


class Exchange:
    """Runs a line on an open channel, reading and writing whatever is ready."""

    def __init__(self, channel: Channel, gate: Gate, stdin: bytes) -> None:
        self._channel = channel
        self._gate = gate
        self._rest: memoryview | None = memoryview(stdin)
        self._out = bytearray()
        self._err = bytearray()
        self._wake = _Wake()
        channel.in_buffer.set_event(self._wake)
        channel.in_stderr_buffer.set_event(self._wake)
        channel.settimeout(0.0)

    def run(self, line: str, deadline: Deadline) -> Outcome:
        """Send the line and return once the channel is closed, or raise :class:`Overdue`.

        The exit status is :data:`NO_STATUS` where the peer named none.
        """
        channel = self._channel
        channel.exec_command(line)
        while True:
            self._wake.rearm()
            # Asked before reading: whatever came before the end is in the buffers by then.
            ended = channel.closed
            with self._gate.lock:
                self._write()
                self._read()
            if ended:
                break
            if deadline.passed:
                raise Overdue
            # Nothing tells that the window for stdin has opened, so that is looked for.
            blocked = self._rest is not None
            self._wake.wait(min(deadline.left, _WINDOW_PAUSE) if blocked else deadline.left)
        return Outcome(channel.exit_status, bytes(self._out), bytes(self._err))

    def _write(self) -> None:
        """Send as much of stdin as the peer takes, then say once that this was all."""
        while self._rest is not None and self._channel.send_ready():
            if not self._rest:
                self._rest = None
                self._channel.shutdown_write()
                return
            try:
                sent = self._channel.send(bytes(self._rest[:_PACKET]))
            except OSError:
                # A command need not read its stdin: `head -1` ends before the rest is sent.
                sent = 0
            self._rest = self._rest[sent:] if sent else None

    def _read(self) -> None:
        while self._channel.recv_ready():
            self._out += self._channel.recv(_READ)
        while self._channel.recv_stderr_ready():
            self._err += self._channel.recv_stderr(_READ)
