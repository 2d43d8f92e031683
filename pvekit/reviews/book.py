"""Where reviews are kept: a file per site in the state directory, a line per VM."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pvekit import private
from pvekit.errors import PvekitError
from pvekit.journal.store import Store
from pvekit.reviews.reviewed import Reviewed, from_data, to_data

MOST = 1000
"""So many VMs are remembered; those that were reviewed longest ago are forgotten first."""

_MOST_BYTES = 1 << 24
_WHAT = "The directory of reviews"


class Book:
    """The newest review of each VM of a site, gone ones too; ``site`` tells it from others."""

    def __init__(self, directory: Path, site: str = "") -> None:
        self.directory = directory
        self.path = directory / f"{hashlib.sha256(site.encode()).hexdigest()[:32]}.jsonl"

    @classmethod
    def of(cls, store: Store) -> Book:
        """Return the book of a store's site: it lies beside the journals."""
        return cls(store.directory.parent / "reviews", store.site)

    def read(self) -> tuple[Reviewed, ...]:
        """Return what is kept, oldest review first; a damaged line, or file, is passed over."""
        try:
            handle = private.unlinked(str(self.path), os.O_RDONLY)
            with os.fdopen(handle, encoding="utf-8", errors="replace") as file:
                private.check_file(file.fileno(), self.path, _WHAT)
                text = file.read(_MOST_BYTES)
        except (OSError, PvekitError):
            return ()
        return tuple(sorted(_reviews(text), key=lambda each: each.at))

    def write(self, reviews: Sequence[Reviewed]) -> None:
        """Keep reviews, each in the place of an older one of the same VM.

        Raises OSError where nothing can be written, UsageError where others could meddle with it.
        """
        private.directory(self.directory.parent, _WHAT)
        private.directory(self.directory, _WHAT)
        with self._locked():
            newest = {each.key: each for each in sorted((*self.read(), *reviews), key=_age)}
            kept = sorted(newest.values(), key=_age)[-MOST:]
            lines = (json.dumps(to_data(each), allow_nan=False) for each in kept)
            private.write(self.path, "".join(f"{line}\n" for line in lines))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process at a time read and write again; the lock ends with its process."""
        lock = self.path.with_suffix(".lock")
        handle = private.unlinked(str(lock), os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _age(review: Reviewed) -> float:
    return review.at


def _reviews(text: str) -> Iterator[Reviewed]:
    for line in text.split("\n"):
        try:
            yield from_data(json.loads(line))
        except (ValueError, RecursionError):
            continue
