"""Keeping what we say on a channel from crossing its end.

paramiko builds a message under the channel's lock and sends it after; when the peer's close is
answered in between, the message names a channel that is no more, and servers (OpenSSH, asyncssh)
then end the whole connection with all its other commands. So both are done under one lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paramiko import Channel, Message


class Gate:
    """The lock of one channel, and whether it was the peer that closed it.

    An exit status alone proves nothing: servers send it ahead of output that is still to come, and
    a channel also ends with its connection.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.closed_by_peer = False


class Gates:
    """The gates of a connection's channels."""

    def __init__(self, close: Callable[[Channel, Message], None]) -> None:
        self._close = close
        self._gates: dict[int, Gate] = {}

    def of(self, channel: Channel) -> Gate:
        """Return the gate of a channel; the peer may have closed it before anybody asks."""
        return self._gates.setdefault(channel.chanid, Gate())

    def forget(self, channel: Channel) -> None:
        """Let go of a channel that is done with."""
        self._gates.pop(channel.chanid, None)

    def answer_close(self, channel: Channel, message: Message) -> None:
        """Answer the peer's close while nobody is saying anything on the channel."""
        gate = self.of(channel)
        with gate.lock:
            gate.closed_by_peer = True
            self._close(channel, message)
