"""Where reviews are kept: a file per site in the state directory, a line per VM."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from pvekit import private
from pvekit.errors import PvekitError
from pvekit.journal.store import Store
from pvekit.reviews.reviewed import Reviewed, from_data, to_data

MOST = 1000
"""So many VMs are remembered; those that were reviewed longest ago are forgotten first."""

_MOST_CHARACTERS = 1 << 24
_WHAT = "What is kept of reviews:"


class Book:
    """The newest review of each VM of a site, gone ones too; ``site`` tells it from others."""

    def __init__(self, directory: Path, site: str = "") -> None:
        self.directory = directory
        self.path = directory / f"{hashlib.sha256(site.encode()).hexdigest()[:32]}.jsonl"

    @classmethod
    def of(cls, store: Store) -> Book:
        """Return the book of a store's site: it lies beside the journals."""
        return cls(store.beside("reviews"), store.site)

    def read(self) -> tuple[Reviewed, ...]:
        """Return what is kept, oldest review first; a damaged line, or file, is passed over."""
        try:
            text = private.read(self.path, _WHAT, _MOST_CHARACTERS)
        except (OSError, PvekitError):
            return ()
        return tuple(sorted(_reviews(text), key=lambda each: each.at))

    def write(self, reviews: Sequence[Reviewed]) -> None:
        """Keep reviews, each in the place of an older one of the same VM.

        Raises OSError where nothing can be written, UsageError where others could meddle with it.
        """
        with private.locked(self.path.with_suffix(".lock"), _WHAT):
            newest = {each.key: each for each in sorted((*self.read(), *reviews), key=_age)}
            kept = sorted(newest.values(), key=_age)[-MOST:]
            lines = (json.dumps(to_data(each), allow_nan=False) for each in kept)
            private.write(self.path, "".join(f"{line}\n" for line in lines))


def _age(review: Reviewed) -> float:
    return review.at


def _reviews(text: str) -> Iterator[Reviewed]:
    for line in text.split("\n"):
        try:
            yield from_data(json.loads(line))
        except (ValueError, RecursionError):
            continue
