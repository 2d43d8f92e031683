"""Ctrl-C, SIGTERM and SIGHUP: the first ends a command in order, the second at once."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pvekit.cli import say
from pvekit.run.stop import Stop

HEEDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_FIRST = "interrupted ({}): nothing new is begun; a second signal ends pvekit at once"
_SECOND = "ended at once; the same command goes on, see `pvekit run list`"


@contextmanager
def heard() -> Iterator[Stop]:
    """Have signals ask for the end. One that is ignored (nohup) stays so."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread may say what signals do
        return

    came = itertools.count()

    def handle(number: int, _frame: FrameType | None) -> None:
        # Counted first of all: the second may come while the first is still being told.
        if next(came):
            say.let_go()
            _tell(_SECOND)
            # Not sys.exit: that would wait for the threads of commands that never answer.
            os._exit(128 + number)
        _tell(_FIRST.format(signal.Signals(number).name))
        stop.ask(number)

    before = {number: signal.getsignal(number) for number in HEEDED}
    for number, old in before.items():
        if old is not signal.SIG_IGN:
            signal.signal(number, handle)
    try:
        yield stop
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _tell(text: str) -> None:
    """Write past all buffers, for it may be this very writing that is interrupted."""
    try:
        say.urgent(f"pvekit: {text}")
    except OSError:
        _let_go_of_the_terminal()


def _let_go_of_the_terminal() -> None:
    """Have what is told from now on go nowhere: after a hang-up there is nobody to read it."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for handle in (1, 2):
        try:
            os.write(handle, b"")
            gone = os.isatty(handle)
        except OSError:
            gone = True
        if gone:
            os.dup2(nowhere, handle)
