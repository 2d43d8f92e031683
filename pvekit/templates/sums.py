"""Checksum files: the line of exactly one file name."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pvekit.errors import PvekitError

_ALGORITHMS = {64: "sha256", 128: "sha512"}
_GNU = re.compile(r"(?P<sum>[0-9a-fA-F]{64,128}) [ *](?P<name>.+)")
_BSD = re.compile(r"SHA(?:256|512) ?\((?P<name>.+)\) ?= ?(?P<sum>[0-9a-fA-F]{64,128})")
_BARE = re.compile(r"(?P<sum>[0-9a-fA-F]{64,128})")


@dataclass(frozen=True)
class Checksum:
    """A file's checksum and its algorithm: ``sha256`` or ``sha512``.

    ``signer`` is the fingerprint of the key that has signed the checksum file, if one has.
    """

    algorithm: str
    hexdigest: str
    signer: str = ""

    @property
    def mark(self) -> str:
        """What the mark of a template keeps of it: its first digits."""
        return self.hexdigest[:16]


def find(text: str, name: str, *, url: str = "") -> Checksum:
    """Return the checksum of a file name in a checksum file of GNU, BSD or one-file form.

    Raises :class:`PvekitError` if the name is missing, or listed with two different sums.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    sums = {found for line in lines if (found := _sum_in(line, name, alone=len(lines) == 1))}
    if len(sums) != 1:
        what = "does not list" if not sums else "lists different sums for"
        raise PvekitError(
            f"The checksum file {url or 'given'} {what} {name!r}.",
            hint="Check image_url and checksum_url: the file names must match exactly.",
            id="CHECKSUM-NOT-LISTED",
        )
    digest = sums.pop().lower()
    return Checksum(_ALGORITHMS[len(digest)], digest)


def _sum_in(line: str, name: str, *, alone: bool) -> str:
    for pattern in (_GNU, _BSD):
        match = pattern.fullmatch(line)
        if match and match["name"].removeprefix("./") == name and len(match["sum"]) in _ALGORITHMS:
            return match["sum"]
    bare = _BARE.fullmatch(line)
    return bare["sum"] if bare and alone and len(line) in _ALGORITHMS else ""
