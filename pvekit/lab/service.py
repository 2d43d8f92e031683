"""A lab at work: its nodes' SSH servers, its files for pvekit, its answers to the command line."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from pvekit.lab import control, state
from pvekit.lab.configfile import config_text
from pvekit.lab.control import FaultOrder, GuestStatus, NodeStatus, Reply, Request, Status
from pvekit.lab.guests.signing import IMAGES
from pvekit.lab.home import Home
from pvekit.lab.keys import client_key, host_key, known_hosts, public_line
from pvekit.lab.server import bind, listen
from pvekit.lab.sessions import Traffic
from pvekit.lab.state import Lab

_SAVE_DELAY_SECONDS = 1.0


class Keeper:
    """Saves a lab's state a moment after commands have ended, so that a crash loses little."""

    def __init__(self, home: Home, lab: Lab) -> None:
        self._home = home
        self._lab = lab
        self._timer: asyncio.TimerHandle | None = None

    def touch(self) -> None:
        """Note that something may have changed."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_SAVE_DELAY_SECONDS, self._save)

    def _save(self) -> None:
        self._timer = None
        state.save(self._home, self._lab)

    def stop(self) -> None:
        """Give up a save that is due."""
        if self._timer is not None:
            self._timer.cancel()


@dataclass(frozen=True)
class Handler:
    """Answers the command line's requests."""

    lab: Lab
    stop: asyncio.Event

    def __call__(self, request: Request) -> Reply:
        """Return the answer to one request, after doing what it orders."""
        match request.verb:
            case "status":
                return Reply(status=self._status())
            case "clear":
                return Reply(cleared=self.lab.site.faults.clear(request.kind))
            case "down":
                self.stop.set()
                return Reply()
            case "fault":
                return self._order(request.fault or FaultOrder(""))

    def _order(self, order: FaultOrder) -> Reply:
        try:
            self.lab.site.faults.order(
                order.kind, order.match, order.when, order.count, **order.detail
            )
        except ValueError as error:
            return Reply(error=str(error))
        return Reply()

    def _status(self) -> Status:
        nodes = (
            NodeStatus(
                name,
                *self.lab.addresses[name],
                tuple(
                    GuestStatus(vmid, node.config(vmid).name, guest.addresses)
                    for vmid, guest in sorted(node.guests.items())
                ),
            )
            for name, node in self.lab.site.nodes.items()
        )
        faults = (
            FaultOrder(fault.kind, fault.match, fault.when, fault.count, fault.detail)
            for fault in self.lab.site.faults.open()
        )
        return Status(os.getpid(), tuple(nodes), tuple(faults))


@asynccontextmanager
async def at_work(home: Home, lab: Lab, stop: asyncio.Event) -> AsyncIterator[Lab]:
    """Serve a lab while the context is open; ``stop`` is set when `down` is ordered.

    Gives the lab with its addresses; raises :class:`LabError` where none are free.
    """
    sockets = bind(tuple(lab.site.nodes), lab.addresses)
    lab = replace(lab, addresses={name: sock.getsockname() for name, sock in sockets.items()})
    key = client_key(home)
    host_keys = {name: host_key(home, name) for name in lab.site.nodes}
    for name, shown in host_keys.items():
        lab.site.world.host_keys.put(name, public_line(shown))
    home.write(
        home.known_hosts,
        known_hosts(lab.addresses, {name: public_line(host_keys[name]) for name in host_keys}),
    )
    home.signing_key.write_bytes(IMAGES.public_key())
    home.write(
        home.config, config_text(home, lab.addresses, lab.site.spec.storage, public_line(key))
    )
    keeper = Keeper(home, lab)
    traffic = Traffic(keeper.touch)
    acceptors = await listen(lab.site, sockets, host_keys, key, traffic)
    orders = await control.serve(home, Handler(lab, stop))
    try:
        yield lab
    finally:
        orders.close()
        for acceptor in acceptors:
            acceptor.close()
        await traffic.end()
        keeper.stop()
        home.socket.unlink(missing_ok=True)
