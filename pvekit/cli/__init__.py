"""The command line: parses, prints, prompts and exits; nothing below does."""

from __future__ import annotations

import gc
import os
import sys

SIGNAL = 128

FEW = 50_000
"""After so many new objects the garbage collector looks: imports make many, and all stay."""


def main() -> None:
    """Run pvekit and exit with its status."""
    gc.set_threshold(FEW)
    if asked := os.environ.get("_PVEKIT_COMPLETE"):
        from pvekit.cli.completing import answer

        os._exit(answer(asked))  # what has not answered in time may still be waited for
    try:
        from pvekit.cli.handler import run

        status = run(sys.argv[1:])
    except KeyboardInterrupt:  # before anything heeds signals
        status = 130
    if status > SIGNAL or _left_behind():
        # Threads may still wait for commands that never answer; the interpreter would wait, too.
        _flush()
        os._exit(status)
    sys.exit(status)


def _left_behind() -> bool:
    if "pvekit.deadlines" not in sys.modules:  # it takes time to import
        return False
    from pvekit.deadlines import left_behind

    return left_behind()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            return  # whoever read it is gone
