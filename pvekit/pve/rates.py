"""How fast a node downloads, and how fast data goes from one member of a PVE cluster to another."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pvekit.errors import UnreadableAnswer
from pvekit.plan import Ask
from pvekit.pve.scripts import script
from pvekit.shell import Query

SECONDS = 30.0
"""What one measurement may take in the worst case; it ends within 3 s where all is well."""

_PIECE, _WHOLE = 206, 200
_NUMBER = r"(\d{1,18}(?:\.\d{1,9})?)"
_RATE = re.compile(rf"(?m)^rate (\d{{3}}) {_NUMBER} {_NUMBER} {_NUMBER}$")
_RANGE = re.compile(r"(?im)^content-range: *bytes \d+-\d+/(\d{1,18})\r?$")
_COPIED = re.compile(r"(?m)^rate (\d{1,18}) (\d{1,18})$")
_COMPLAINT = re.compile(r"(?m)^curl: (.+)$")
_SHORTEST = 0.001
"""Less than so many seconds are not told apart."""


@dataclass(frozen=True)
class Piece:
    """How a piece of a download came: in bytes per second, and the size of the whole in bytes.

    ``why`` says why it cannot be told, where it cannot.
    """

    rate: float = 0.0
    size: int = 0
    why: str = ""


def download(place: str, url: str) -> Ask[Piece]:
    """Ask how fast a node downloads; it reads 16 MiB at most and keeps nothing."""
    return Ask(place, Query(script("download-rate", url, timeout=SECONDS), read_download))


def copy(place: str, source: str) -> Ask[float]:
    """Ask how many bytes per second come to a node from another member of its PVE cluster."""
    return Ask(place, Query(script("copy-rate", source, timeout=SECONDS), read_copy))


def read_download(out: str) -> Piece:
    """Read the answer of the script ``download-rate``."""
    if "no-curl" in out.split("\n"):
        return Piece(why="it has no curl")
    found, sizes = _RATE.search(out), _RANGE.findall(out)
    if found is None:
        raise UnreadableAnswer("The node does not say how fast it downloads.", details=out[-200:])
    status = int(found[1])
    got, began, ended = map(float, found.groups()[1:])
    if status == _PIECE and sizes and got:
        return Piece(got / max(ended - began, _SHORTEST), int(sizes[-1]))
    if status == _PIECE and not sizes:
        return Piece(why="the server does not say how large the image is")
    if status == _WHOLE:
        return Piece(why="the server sends no pieces of the image")
    complaint = _COMPLAINT.search(out)
    return Piece(why=complaint[1] if complaint else "nothing of the image came")


def read_copy(out: str) -> float:
    """Read the answer of the script ``copy-rate``."""
    found = _COPIED.search(out)
    if found is None or not int(found[1]):
        raise UnreadableAnswer("Nothing came from the other node.", details=out[-200:])
    return int(found[1]) / max(int(found[2]) / 1e9, _SHORTEST)
