"""What the shells' completion scripts ask: answered in time, silently, and without a question."""

from __future__ import annotations

import os
import sys
from functools import partial

from pvekit.deadlines import bounded
from pvekit.ssh.deadline import Deadline

PATIENCE = 0.8
"""How long all of it may take, in seconds; what takes longer is left to end with the process."""

OTHER_PATIENCE = "_PVEKIT_COMPLETE_SECONDS"
"""The variable by which somebody far from a site gives it longer."""


def answer(asked: str) -> int:
    """Print the words that a shell asks for, or nothing: a fault here must not be seen."""
    shell = asked.removesuffix("_complete")
    _withdraw()
    try:
        deadline = Deadline.after(_patience())
        found = bounded(partial(_words, shell, deadline), deadline.left)
        sys.stdout.write(f"{found}\n")
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 - there is no place where it could be told
        return 1
    return 0


def _patience() -> float:
    given = os.environ.get(OTHER_PATIENCE, "")
    return min(float(given), 60.0) if given.isdecimal() else PATIENCE


def _words(shell: str, deadline: Deadline) -> str:
    from pvekit.cli.root import root
    from pvekit.cli.shells import speaker

    return speaker(shell, root, deadline).complete()


def _withdraw() -> None:
    """Leave the terminal: nothing is told there, and nobody is asked anything."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 2)
    os.environ.pop("SSH_ASKPASS", None)
    try:
        os.setsid()
    except PermissionError:
        return  # it leads a group of processes: then the streams have to do
