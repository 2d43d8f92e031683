"""A real socket to an address behind a peer.

A connection inside another must be cut without touching the outer one, whose peer may have stopped
reading: a socket can always be shut down, writing to a channel can block.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable

from pvekit.ssh.gate import Gate
from pvekit.ssh.library import paramiko

_CHUNK = 1 << 16
_WINDOW_PAUSE = 0.01
_ENDS = (OSError, EOFError, paramiko.SSHException)


def through(channel: paramiko.Channel, gate: Gate, ended: Callable[[], None]) -> socket.socket:
    """Return a socket whose other end is the channel; ``ended`` is called once it is over."""
    near, far = socket.socketpair()
    channel.settimeout(0.0)
    pumps = [
        threading.Thread(target=_pump, args=(pump, far, channel, gate), daemon=True)
        for pump in (_up, _down)
    ]

    def run() -> None:
        for pump in pumps:
            pump.start()
        for pump in pumps:
            pump.join()
        far.close()
        ended()

    threading.Thread(target=run, daemon=True).start()
    return near


Pump = Callable[[socket.socket, paramiko.Channel, Gate], None]


def _pump(pump: Pump, far: socket.socket, channel: paramiko.Channel, gate: Gate) -> None:
    """Pass bytes one way until that ends, which ends the other way too."""
    with contextlib.suppress(*_ENDS):
        pump(far, channel, gate)
    with contextlib.suppress(OSError):
        far.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(*_ENDS):
        channel.close()


def _up(far: socket.socket, channel: paramiko.Channel, gate: Gate) -> None:
    while data := far.recv(_CHUNK):
        while data:
            with gate.lock:
                sent = channel.send(data) if channel.send_ready() else 0
            data = data[sent:]
            if not sent:
                # Nothing tells that the window has opened, so that is looked for.
                time.sleep(_WINDOW_PAUSE)


def _down(far: socket.socket, channel: paramiko.Channel, gate: Gate) -> None:
    ready = threading.Event()
    channel.in_buffer.set_event(ready)
    while ready.wait():
        with gate.lock:
            data = channel.recv(_CHUNK) if channel.recv_ready() else b""
        if not data:
            return
        far.sendall(data)
