"""The process in the background that is the lab."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from pvekit.lab import state
from pvekit.lab.background import Orders, Report
from pvekit.lab.home import Hold, Home, LabError
from pvekit.lab.service import at_work
from pvekit.lab.settings import Wanted
from pvekit.lab.state import Lab

_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@contextmanager
def held(home: Home) -> Iterator[None]:
    """Hold a lab's directory until the process ends; raises :class:`LabError` if another does."""
    hold = Hold.take(home)
    if hold is None:
        raise LabError(f"a lab is up already in {home.path}")
    try:
        hold.sign()
        yield
    finally:
        hold.clear()


def run(home: Home, wanted: Wanted, ready: Callable[[asyncio.Event], None]) -> None:
    """Be a lab until it is ordered down; ``ready`` is called once it serves."""
    with held(home):
        with asyncio.Runner() as runner:
            lab = runner.run(_serve(home, wanted, ready))
        # Only now have all simulated processes ended, and their last words are in the state.
        state.save(home, lab)


async def _serve(home: Home, wanted: Wanted, ready: Callable[[asyncio.Event], None]) -> Lab:
    stop = asyncio.Event()
    async with at_work(home, state.load(home, wanted), stop) as lab:
        state.save(home, lab)
        ready(stop)
        await stop.wait()
    return lab


def main(orders: Orders) -> None:
    """Leave the starter's session, serve, and report how that went."""
    if os.fork():
        os._exit(0)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.chdir("/")

    def ready(stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        for number in _ENDING:
            loop.add_signal_handler(number, stop.set)
        if orders.lifeline is not None:
            loop.add_reader(orders.lifeline, stop.set)
        _report(orders, Report())

    try:
        run(Home(Path(orders.directory)), orders.wanted, ready)
    except LabError as error:
        _report(orders, Report(str(error), error.status))


def _report(orders: Orders, report: Report) -> None:
    with os.fdopen(orders.report, "w") as file:
        json.dump(asdict(report), file)


if __name__ == "__main__":
    main(Orders.from_text(sys.argv[1]))
