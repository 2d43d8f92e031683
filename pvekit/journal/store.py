"""Where the journals lie, and which of them speak of unfinished runs."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pvekit import private
from pvekit.errors import NotFound, PvekitError, UsageError
from pvekit.journal.account import MANNER, Account
from pvekit.journal.journal import Journal, is_locked
from pvekit.journal.reading import read

_STATE = "The state directory"


def digest(kind: str, request: Mapping[str, Any], site: str = "") -> str:
    """Return what identical requests to one site have in common."""
    same = {key: value for key, value in request.items() if key != MANNER}
    text = json.dumps([kind, same, site], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Found:
    """A run as it was found: ``fault`` says why its journal is not understood.

    ``running``: a living process carries it out just now.
    """

    account: Account
    fault: str = ""
    running: bool = False


class Store:
    """The directory of all journals of this user, ``$XDG_STATE_HOME/pvekit/runs``.

    ``site`` tells the runs on one site from those on others: what was decided for one must never
    be carried out on another. ``context`` is what its user calls it.
    """

    def __init__(self, directory: Path, site: str = "", context: str = "") -> None:
        self.directory = directory
        self.site = site
        self.context = context

    @classmethod
    def of(cls, environ: Mapping[str, str], home: Path) -> Store:
        """Return the store at its standard place."""
        state = environ.get("XDG_STATE_HOME") or str(home / ".local" / "state")
        return cls(Path(state) / "pvekit" / "runs")

    def beside(self, name: str) -> Path:
        """Return the directory of something else that pvekit keeps for this user."""
        return self.directory.parent / name

    def begin(self, kind: str, request: Mapping[str, Any]) -> Journal:
        """Start a new run's journal; raises :class:`PvekitError` where none can be written."""
        try:
            private.directory(self.directory.parent, _STATE)
            private.directory(self.directory, _STATE)
            journal = Journal(self._fresh())
        except OSError as error:
            raise PvekitError(
                f"Cannot write the journal in {self.directory}: {error.strerror}.",
                hint="Nothing was changed. XDG_STATE_HOME says where journals lie.",
                id="JOURNAL-UNUSABLE",
            ) from None
        journal.begin(kind, digest(kind, request, self.site), request, self.site, self.context)
        return journal

    def unfinished(self, kind: str, request: Mapping[str, Any]) -> Journal | None:
        """Open the newest unfinished run of an identical request that nobody is carrying out."""
        wanted = digest(kind, request, self.site)
        for path in self._paths():
            account = Account(path.stem, read(path).events)
            if account.digest != wanted or account.standing != "unfinished":
                continue
            try:
                journal = Journal(path)
            except UsageError:  # others could have written it
                raise
            except PvekitError:
                continue
            if journal.standing == "unfinished":
                return journal
            journal.close()  # its process has finished it between our two looks
        return None

    def all(self) -> Iterator[Found]:
        """Yield the runs, newest first; one of which nothing is written yet is none."""
        for path in self._paths():
            found = _found(path)
            if found.fault or found.account.events:
                yield found

    def stillborn(self) -> Iterator[tuple[Account, float]]:
        """Yield the journals whose process died before it had written a word, and since when.

        Nothing was sent by then: the first word is what is asked for.
        """
        for path in self._paths():
            found = _found(path)
            if not (found.fault or found.running or found.account.events):
                yield found.account, _changed(path)

    def is_ours(self, account: Account) -> bool:
        """Whether a run was begun on this store's site."""
        return digest(account.kind, account.request, self.site) == account.digest

    def is_dead(self, run: str) -> bool:
        """Whether a run of this machine ended without having finished."""
        path = self.directory / f"{run}.jsonl"
        if not path.exists() or is_locked(path):
            return False
        found = _found(path)
        return not found.fault and found.account.status is None

    def look(self, run: str) -> Found:
        """Look at a run by its id or an unambiguous beginning of it, whoever carries it out."""
        path = self._path(run)
        found = _found(path)
        if found.fault:
            read(path).check(path.stem)
        return found

    def open(self, run: str) -> Journal:
        """Open a run by its id or an unambiguous beginning of it."""
        return Journal(self._path(run))

    def _path(self, run: str) -> Path:
        found = [path for path in self._paths() if path.stem.startswith(run)]
        if not found:
            raise NotFound(
                f"There is no run {run!r} on this machine.",
                hint="`pvekit run list` shows those that there are.",
                id="RUN-NOT-FOUND",
            )
        if len(found) > 1:
            raise NotFound(
                f"{run!r} is the beginning of several runs.",
                details=", ".join(path.stem for path in found),
                hint="Give more of the id.",
                id="RUN-NOT-FOUND",
            )
        return found[0]

    def _fresh(self) -> Path:
        while True:
            path = self.directory / f"{secrets.token_hex(4)}.jsonl"
            try:
                os.close(private.unlinked(str(path), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            except FileExistsError:
                continue
            _sync(self.directory)
            return path

    def _paths(self) -> list[Path]:
        private.check_directory(self.directory.parent, _STATE)
        private.check_directory(self.directory, _STATE)
        times = {path: _changed(path) for path in self.directory.glob("*.jsonl")}
        return sorted(times, key=times.__getitem__, reverse=True)


def _found(path: Path) -> Found:
    reading = read(path)
    return Found(Account(path.stem, reading.events), reading.fault, is_locked(path))


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # somebody has just removed it
        return 0.0


def _sync(directory: Path) -> None:
    """Bring a new file's name to the disk: without it its content would be lost, too."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
