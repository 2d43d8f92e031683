"""Where the known names of a site are kept between two presses of a key."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from pvekit import private
from pvekit.errors import PvekitError
from pvekit.operations.known import LIMIT, Known, from_data, to_data

_WHAT = "The cache of names"


class KnownCache:
    """A file of mode 0600 per site, in ``$XDG_CACHE_HOME/pvekit/names``; without it all works."""

    def __init__(self, directory: Path, site: str) -> None:
        self.directory = directory
        self.path = directory / f"{hashlib.sha256(site.encode()).hexdigest()[:32]}.json"

    @classmethod
    def of(cls, environ: Mapping[str, str], home: Path, site: str) -> KnownCache:
        """Return the cache at its standard place; ``site`` tells one site from all others."""
        given = environ.get("XDG_CACHE_HOME", "")
        base = Path(given) if given.startswith("/") else home / ".cache"
        return cls(base / "pvekit" / "names", site)

    def read(self, now: float) -> Known:
        """Return what is kept and not too old; nothing where the file is none of ours."""
        try:
            handle = private.unlinked(str(self.path), os.O_RDONLY)
            with os.fdopen(handle, encoding="utf-8") as file:
                private.check_file(file.fileno(), self.path, _WHAT)
                return from_data(json.load(file)).at(now)
        except (OSError, PvekitError, ValueError, KeyError, TypeError, AttributeError):
            return Known()

    def write(self, known: Known, now: float) -> None:
        """Keep what is known, and forget sites that nobody has asked for long."""
        with contextlib.suppress(OSError, PvekitError):
            private.directory(self.directory, _WHAT)
            private.write(self.path, json.dumps(to_data(known)))
            for path in self.directory.glob("*.json"):
                if now - path.stat().st_mtime > LIMIT:
                    path.unlink()
