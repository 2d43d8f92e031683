"""Running a command as its terminal's foreground process, until it ends, whatever happens to us."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from pvekit.lab.home import LabError

_FORWARDED = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})
_AWAITED = _FORWARDED | {signal.SIGCHLD}


@contextmanager
def undisturbed() -> Iterator[frozenset[int]]:
    """Hold back the signals that end a process; gives the mask from before for a child."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
    try:
        yield frozenset(before)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run(command: Sequence[str], environ: Mapping[str, str], mask: frozenset[int]) -> int:
    """Run a command and return its exit status as a shell would (128 + n for signal n).

    Call it within :func:`undisturbed`. Signals sent to us are passed on; those that the terminal
    sends reach the command by themselves.
    """
    try:
        pid = os.posix_spawnp(command[0], list(command), environ, setsigmask=mask)
    except FileNotFoundError as error:
        raise LabError(f"{command[0]}: command not found", 127) from error
    except OSError as error:
        raise LabError(f"{command[0]}: {error.strerror}", 126) from error
    while True:
        info = signal.sigwaitinfo(_AWAITED)
        if info.si_signo != signal.SIGCHLD:
            if info.si_code <= 0:  # from a process, not from the kernel for the terminal
                os.kill(pid, info.si_signo)
            continue
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
