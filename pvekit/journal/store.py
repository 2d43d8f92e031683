"""Where the journals lie, and which of them speak of unfinished runs."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pvekit.errors import Conflict, NotFound, PvekitError
from pvekit.journal.journal import Journal, read


def digest(kind: str, request: Mapping[str, Any], site: str = "") -> str:
    """Return what identical requests to one site have in common."""
    text = json.dumps([kind, request, site], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Store:
    """The directory of all journals of this user, ``$XDG_STATE_HOME/pvekit/runs``.

    ``site`` tells the runs on one site from those on others: what was decided for one must never
    be carried out on another.
    """

    def __init__(self, directory: Path, site: str = "") -> None:
        self.directory = directory
        self.site = site

    @classmethod
    def of(cls, environ: Mapping[str, str], home: Path) -> Store:
        """Return the store at its standard place."""
        state = environ.get("XDG_STATE_HOME") or str(home / ".local" / "state")
        return cls(Path(state) / "pvekit" / "runs")

    def begin(self, kind: str, request: Mapping[str, Any]) -> Journal:
        """Start a new run's journal."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            journal = Journal(self._fresh())
        except OSError as error:
            raise PvekitError(
                f"Cannot write the journal in {self.directory}: {error.strerror}.",
                hint="Nothing was changed. XDG_STATE_HOME says where journals lie.",
            ) from None
        journal.begin(kind, digest(kind, request, self.site), request)
        return journal

    def unfinished(self, kind: str, request: Mapping[str, Any]) -> Journal | None:
        """Open the newest unfinished run of an identical request that nobody is carrying out."""
        wanted = digest(kind, request, self.site)
        for path in self._paths():
            events = read(path)
            if not events or events[0].get("digest") != wanted or _ended(events):
                continue
            try:
                journal = Journal(path)
            except Conflict:
                continue
            if not _ended(journal.events):
                return journal
            journal.close()  # its process has finished it between our two looks
        return None

    def all(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Yield each run's id and events, newest first."""
        return ((path.stem, read(path)) for path in self._paths())

    def is_ours(self, journal: Journal) -> bool:
        """Whether a run was begun on this store's site."""
        first = journal.request
        return bool(digest(first["kind"], first["request"], self.site) == first["digest"])

    def is_dead(self, run: str) -> bool:
        """Whether a run of this machine ended without having finished."""
        path = self.directory / f"{run}.jsonl"
        if not path.exists():
            return False
        try:
            Journal(path).close()
        except Conflict:
            return False
        return not _ended(read(path))

    def open(self, run: str) -> Journal:
        """Open a run by its id or an unambiguous beginning of it."""
        found = [path for path in self._paths() if path.stem.startswith(run)]
        if len(found) != 1:
            known = ", ".join(path.stem for path in found) or "none"
            raise NotFound(f"No single run is called {run!r} (found: {known}).")
        return Journal(found[0])

    def _fresh(self) -> Path:
        while True:
            path = self.directory / f"{secrets.token_hex(4)}.jsonl"
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            except FileExistsError:
                continue
            return path

    def _paths(self) -> Iterator[Path]:
        found = self.directory.glob("*.jsonl")
        yield from sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)


def _ended(events: list[dict[str, Any]]) -> bool:
    return any(event["event"] == "finished" for event in events)
