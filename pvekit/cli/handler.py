"""The one place where errors become a message and an exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from pvekit.cli import ending, say
from pvekit.cli.invocation import Invocation, Time, real_time
from pvekit.cli.root import root
from pvekit.cli.signals import heard
from pvekit.errors import Interrupted, PvekitError, UsageError
from pvekit.masking import masked

BUG = 3
INTERRUPTED = 130


def run(arguments: Sequence[str], time: Time = real_time) -> int:
    """Run a command line and return its exit status; ``time`` gives the clock it goes by."""
    say.begin()
    with heard() as stop:
        try:
            return _run(Invocation(tuple(arguments), stop, time=time))
        finally:
            say.voice().close()


def _run(invocation: Invocation) -> int:
    words = list(invocation.words)
    try:
        status = root.main(words, prog_name="pvekit", standalone_mode=False, obj=invocation)
    except Interrupted as error:
        return _interrupted(error, invocation.words)
    except (click.exceptions.Exit, click.Abort, click.ClickException) as error:
        return _usage(error)
    except PvekitError as error:
        say.fail(error)
        return error.exit_status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception:  # noqa: BLE001 - the last resort: a bug is told as one, its traceback kept
        return _bug()
    return status if isinstance(status, int) else 0


def _usage(error: click.exceptions.Exit | click.Abort | click.ClickException) -> int:
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.ClickException):
        if say.voice().as_json:
            say.fail(UsageError(error.format_message()))
        else:
            error.show()
            if not isinstance(error, click.exceptions.NoArgsIsHelpError):
                say.aftermath(f"explain: pvekit explain {UsageError.id}")
        return error.exit_code
    say.aftermath("Aborted.")  # a "no" to a question, or the end of its answers
    return INTERRUPTED


def _interrupted(error: Interrupted, words: Sequence[str]) -> int:
    if error.run:
        ending.tell(words, error.run)
    else:
        say.aftermath("Interrupted: no run is left unfinished by this.")
    return 128 + error.number


def _bug() -> int:
    import tempfile
    import traceback

    handle, path = tempfile.mkstemp(prefix="pvekit-bug-", suffix=".txt")
    os.close(handle)
    Path(path).write_text(masked(traceback.format_exc()), encoding="utf-8")
    say.aftermath(f"Error: this is a bug in pvekit. Its traceback is in {path}.")
    return BUG
