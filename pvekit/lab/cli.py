"""The command line `pvekit-lab`: what is asked is done, and what to print about it returned."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pvekit.lab import arguments, background, report, supervise
from pvekit.lab.control import FaultOrder, Reply, Request, Status, ask
from pvekit.lab.faultkinds import KINDS
from pvekit.lab.home import Home, LabError, serving
from pvekit.lab.settings import RELEASES, Wanted


@dataclass(frozen=True)
class Outcome:
    """What to print and the exit status."""

    text: str = ""
    status: int = 0


@dataclass(frozen=True)
class Call:
    """One call of `pvekit-lab`; ``command`` is what `run` is to run."""

    given: argparse.Namespace
    home: Home
    environ: Mapping[str, str]
    command: Sequence[str] | None

    @property
    def wanted(self) -> Wanted:
        """The site that is asked for."""
        given = self.given
        return Wanted(
            given.nodes,
            given.clustered,
            given.storage,
            given.profile,
            given.virt_customize,
            RELEASES.get(given.pve),
            given.history_days,
            given.fresh,
        )


def execute(words: Sequence[str], environ: Mapping[str, str]) -> Outcome:
    """Do what a command line asks; raises :class:`LabError` for mistakes."""
    ours, command = arguments.command_of(words)
    parser = arguments.parser()
    given = parser.parse_args(ours)
    if (command is not None) != (given.command == "run"):
        parser.error("a command is given as: pvekit-lab run [options] -- COMMAND...")
    return _COMMANDS[given.command](Call(given, Home.of(given.dir, environ), environ, command))


def _up(call: Call) -> Outcome:
    if serving(call.home) is not None:
        raise LabError(
            f"a lab is up already in {call.home.path}: `pvekit-lab down` ends it, "
            "another --dir starts a second one"
        )
    background.start(call.home, call.wanted)
    return Outcome(report.status(call.home, _asked(call.home)))


def _status(call: Call) -> Outcome:
    found = _asked(call.home)
    if call.given.json:
        return Outcome(json.dumps(asdict(found), indent=2))
    return Outcome(report.status(call.home, found))


def _asked(home: Home) -> Status:
    found = _ask(home, Request("status")).status
    if found is None:
        raise LabError(f"the lab in {home.path} gave no status")
    return found


def _ask(home: Home, request: Request) -> Reply:
    if serving(home) is None:
        raise LabError(f"no lab is up in {home.path}: `pvekit-lab up` starts one")
    return ask(home, request)


def _down(call: Call) -> Outcome:
    background.stop(call.home)
    return Outcome(f"The lab in {call.home.path} is down.")


def _run(call: Call) -> Outcome:
    if not call.command:
        raise LabError("nothing to run: pvekit-lab run [options] -- COMMAND...", 2)
    with _directory(call) as home, supervise.undisturbed() as mask, _up_meanwhile(home, call):
        environ = {
            **call.environ,
            "PVEKIT_CONFIG": str(home.config),
            "PVEKIT_LAB_DIR": str(home.path),
            # The journals of a lab's runs are worth as much as the lab.
            "XDG_STATE_HOME": str(home.path / "journals"),
        }
        return Outcome(status=supervise.run(call.command, environ, mask))


@contextmanager
def _directory(call: Call) -> Iterator[Home]:
    if call.given.dir:
        yield call.home
        return
    with tempfile.TemporaryDirectory(prefix="pvekit-lab-") as path:
        yield Home(Path(path))


@contextmanager
def _up_meanwhile(home: Home, call: Call) -> Iterator[None]:
    theirs, ours = os.pipe()  # when we are killed, `ours` closes and the lab goes down by itself
    try:
        background.start(home, call.wanted, lifeline=theirs)
        os.close(theirs)
        try:
            yield
        finally:
            with suppress(LabError):  # the command may have ended the lab itself
                background.stop(home)
    finally:
        os.close(ours)


def _fault(call: Call) -> Outcome:
    given = call.given
    if given.kind == "list":
        orders = _asked(call.home).faults
        return Outcome("\n".join(report.fault(order) for order in orders) or "No faults ordered.")
    if given.kind == "clear":
        cleared = _ask(call.home, Request("clear", kind=_known(given.only or ""))).cleared
        return Outcome(f"Cleared: {cleared}.")
    if given.only:
        raise LabError(f"one kind of fault at a time: {given.kind} or {given.only}", 2)
    order = FaultOrder(_known(given.kind), given.match, given.when, given.count, dict(given.detail))
    _ask(call.home, Request("fault", fault=order))
    return Outcome(f"Ordered: {report.fault(order)}")


def _known(kind: str) -> str:
    if kind and kind not in KINDS:
        raise LabError(f"unknown kind of fault {kind!r}: {', '.join(KINDS)}", 2)
    return kind


def _log(call: Call) -> Outcome:
    if not call.home.log.exists() and not call.home.state.exists():
        raise LabError(f"no lab has been in {call.home.path}")
    given = call.given
    selection = report.Selection(given.program, given.changes, given.json)
    return Outcome("\n".join(report.log(call.home, selection)))


_COMMANDS: Mapping[str, Callable[[Call], Outcome]] = {
    "up": _up,
    "status": _status,
    "down": _down,
    "run": _run,
    "fault": _fault,
    "log": _log,
}
