"""Puts pvekit together for one command line: the only place that knows all the parts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pvekit.cli import say
from pvekit.cli.invocation import Invocation
from pvekit.cli.prompts import confirmed, may_ask

if TYPE_CHECKING:
    from pvekit.audit.log import AuditLog
    from pvekit.config.asked import Asked
    from pvekit.config.model import Config, OnFailure
    from pvekit.config.sources import Home, Sources
    from pvekit.journal import Store
    from pvekit.operations.carrying import Report
    from pvekit.operations.desk import Desk, Watch
    from pvekit.operations.machines import Machines, Sent
    from pvekit.ssh.pins import Pins


class App:
    """What the commands share; every part is made when it is first needed."""

    def __init__(
        self,
        asked: Asked,
        *,
        verbose: int,
        quiet: bool,
        invocation: Invocation | None = None,
    ) -> None:
        self.asked = asked
        self.verbose = verbose
        self.quiet = quiet
        self.invocation = invocation or Invocation()
        self._machines: Machines | None = None
        self._held = ExitStack()
        self._alone = False

    @classmethod
    @contextmanager
    def open(
        cls,
        asked: Asked,
        *,
        verbose: int,
        quiet: bool,
        invocation: Invocation | None = None,
    ) -> Iterator[App]:
        """Make an app and, at the end, close its connections."""
        app = cls(asked, verbose=verbose, quiet=quiet, invocation=invocation)
        try:
            yield app
        finally:
            if app._machines is not None:
                app._machines.close()
            app._held.close()

    @cached_property
    def sources(self) -> Sources:
        """What the configuration is read from."""
        from pvekit.config.named import unknown
        from pvekit.config.sources import find

        for problem in unknown(os.environ):
            say.warn(problem)
        return find(self.asked, os.environ, Path.cwd(), Path.home())

    @cached_property
    def own(self) -> Home:
        """The user's own configuration files."""
        from pvekit.config.sources import Home

        return Home(os.environ, Path.home())

    @cached_property
    def config(self) -> Config:
        """The configuration."""
        from pvekit.config.load import load

        return load(self.sources)

    @cached_property
    def store(self) -> Store:
        """The journals of this user."""
        from pvekit.journal import Store

        return Store.of(os.environ, Path.home())

    @cached_property
    def pins(self) -> Pins:
        """The pinned host keys of guests."""
        from pvekit.ssh.pins import Pins

        return Pins(self.store.beside("guests") / "known_hosts")

    @property
    def audit(self) -> AuditLog | None:
        """The audit log, unless the configuration does without."""
        from pvekit.audit.log import AuditLog

        return AuditLog(self.store.directory.parent) if self.config.audit else None

    @cached_property
    def machines(self) -> Machines:
        """The machines of the site, reached over SSH."""
        from pvekit.operations.machines import connect

        trace = _sent if say.voice().verbosity >= say.COMMANDS else None
        self._machines = connect(self.config, Path.home(), trace, self.pins, self.audit)
        return self._machines

    def desk(self, watch: Watch | None = None, on_failure: OnFailure | None = None) -> Desk:
        """Return what operations work with."""
        from pvekit.journal import Store
        from pvekit.operations.desk import Desk, unwatched
        from pvekit.run.context import Policy

        self._be_alone()
        timeouts, stop = self.config.timeouts, self.invocation.stop
        return Desk(
            self.config,
            self.machines,
            Store(self.store.directory, self.config.whereabouts, self.config.context),
            clock=self.invocation.clock,
            policy=Policy(deadline=timeouts.retry, quorum=timeouts.quorum),
            watch=watch or unwatched,
            warn=say.warn,
            stop=stop,
            on_failure=on_failure or self.config.on_failure,
            pins=self.pins,
        )

    def _be_alone(self) -> None:
        """Take the lock of this command on this site, if that was asked for, until the end."""
        from pvekit.operations.alone import alone

        wait, context = self.invocation.lock_wait, click.get_current_context(silent=True)
        if wait is None or context is None or self._alone:
            return
        self._alone = True
        directory = self.store.beside("locks")
        holding = alone(
            directory, self.config.whereabouts, context.command_path, wait, self.invocation.clock
        )
        self._held.enter_context(holding)

    def told_ways(self, report: Report) -> int:
        """Say how to go on with a run that is unfinished, and return its exit status."""
        from pvekit.cli import ending

        if report.open:
            ending.tell(self.invocation.words, report.run)
        return report.status

    def confirm(self, question: str, *, yes: bool, here: bool = True) -> None:
        """Ask before a change; raises :class:`click.Abort` unless the answer is yes.

        Without a terminal to ask at, a missing ``--yes`` raises :class:`UsageError`. What is
        changed is on the configured site (``here``), whose name the question begins with.
        """
        from pvekit.errors import UsageError

        if yes:
            return
        if here and self.sources.context:
            question = f"[{self.sources.context}] {question}"
        if not may_ask():
            raise UsageError(
                f"{question} There is nobody to ask.",
                hint="Say --yes.",
                id="CONFIRMATION-NEEDED",
            )
        if not confirmed(question):
            raise click.Abort


def _sent(sent: Sent) -> None:
    ended = f"status {sent.status}" if sent.status is not None else f"failed: {sent.failure}"
    line = f"[{sent.name}] {sent.seconds:6.2f} s, {ended}: {sent.command}"
    about = say.Happened("command", node=sent.name, seconds=sent.seconds)
    say.voice().tell("debug", line, about)


pass_app = click.make_pass_decorator(App)
