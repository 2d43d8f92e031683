"""What one node answered to ``doctor.sh`` and ``read-site.sh`` together, taken apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pvekit.errors import UnreadableAnswer
from pvekit.inventory import reading
from pvekit.inventory.reading import NodeReading
from pvekit.pve.numbers import decimal, whole

_STORAGE = re.compile(
    r"(\S+)\s+(\S+)\s+(active|inactive|disabled)\s+([0-9]{1,19})\s+([0-9]{1,19})\s+([0-9]{1,19})\s+\S+"
)
_POOL = re.compile(r"\s*([^:\s]+):([^:\s]+):([\d.]+):([\d.]+)\s*")
_VERSION = re.compile(r"pve-manager/([0-9]{1,4})\.([0-9]{1,4})\S*")


@dataclass(frozen=True)
class StorageRow:
    """A line of ``pvesm status``, in bytes."""

    type: str
    status: str
    free: int


@dataclass(frozen=True)
class UrlAnswer:
    """Whether the node reaches a URL, and what its program said."""

    reached: bool
    said: str = ""


@dataclass(frozen=True)
class Answer:
    """What one node told.

    ``site`` is None where its cluster file system could not be read, for the reason ``unread``.
    ``began`` and ``ended`` are its clock, ``asked`` and ``heard`` ours, in seconds since the epoch.
    ``noise`` is what its login scripts print; ``pools`` are thin pools with their data and metadata
    in per cent; ``sums`` the lines of each checksum file that name the image.
    """

    site: NodeReading | None = None
    unread: str = ""
    began: float = 0.0
    ended: float = 0.0
    asked: float = 0.0
    heard: float = 0.0
    uid: str = "0"
    version: tuple[int, int] | None = None
    version_text: str = ""
    noise: str = ""
    run_free_bytes: int | None = None
    claims: str = ""
    vlan_aware: Mapping[str, bool] = field(default_factory=dict)
    storages: Mapping[str, StorageRow] = field(default_factory=dict)
    complaints: tuple[str, ...] = ()
    pools: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    urls: Mapping[str, UrlAnswer] = field(default_factory=dict)
    sums: Mapping[str, str] = field(default_factory=dict)


def parse(out: str, asked: float = 0.0, heard: float = 0.0) -> Answer:
    """Read the scripts' output; raises :class:`UnreadableAnswer` where it has no end."""
    said: dict[str, list[str]] = {}
    for line in out.split("\n"):
        word, _, rest = line.partition(" ")
        key, _, value = rest.partition(" ")
        if word == "doctor":
            said.setdefault(key, []).append(value)
    if "begin" not in said or "end" not in said:
        raise UnreadableAnswer(
            "The node's answer is not whole.",
            details="\n".join(out.splitlines()[:5])[:500],
            hint="Is the user's shell a POSIX shell, and may the user run commands?",
        )
    site, unread = _site(out)
    version_text = _one(said, "version")
    found = _VERSION.search(version_text)
    return Answer(
        site=site,
        unread=unread,
        began=_number(_one(said, "begin")) or 0,
        ended=_number(_one(said, "end")) or 0,
        asked=asked,
        heard=heard,
        uid=_one(said, "uid"),
        version=(int(found[1]), int(found[2])) if found else None,
        version_text=version_text,
        noise=_noise(out),
        run_free_bytes=_number(_one(said, "run_free_bytes")),
        claims=_one(said, "claims"),
        vlan_aware=dict(_vlan_aware(said.get("vlan_filtering", []))),
        storages=dict(_storages(said.get("storage", []))),
        complaints=tuple(each for each in said.get("storage", []) if not _STORAGE.fullmatch(each))[
            1:
        ],
        pools=dict(_pools(said.get("pool", []))),
        urls=dict(_urls(said.get("url", []))),
        sums=_sums(said.get("sum", [])),
    )


def _site(out: str) -> tuple[NodeReading | None, str]:
    from pvekit.errors import Transient

    try:
        return reading.parse(out), ""
    except Transient as error:
        return None, error.brief


def _one(said: Mapping[str, list[str]], key: str) -> str:
    return said.get(key, [""])[-1].strip()


def _number(text: str) -> int | None:
    return whole(text)


def _noise(out: str) -> str:
    before, mark, _ = out.partition("doctor begin ")
    return before.strip()[:200] if mark else ""


def _vlan_aware(lines: list[str]) -> list[tuple[str, bool]]:
    parted = (line.partition(" ") for line in lines)
    return [(name, value.strip() == "1") for name, _, value in parted]


def _storages(lines: list[str]) -> list[tuple[str, StorageRow]]:
    found = filter(None, map(_STORAGE.fullmatch, (line.strip() for line in lines)))
    return [(row[1], StorageRow(row[2], row[3], int(row[6]) << 10)) for row in found]


def _pools(lines: list[str]) -> list[tuple[str, tuple[float, float]]]:
    found = filter(None, map(_POOL.fullmatch, lines))
    return [(f"{row[1]}/{row[2]}", (_percent(row[3]), _percent(row[4]))) for row in found]


def _percent(text: str) -> float:
    return decimal(text) or 0.0


def _urls(lines: list[str]) -> list[tuple[str, UrlAnswer]]:
    found = []
    for line in lines:
        status, url, said = (*line.split(" ", 2), "", "")[:3]
        found.append((url, UrlAnswer(status == "0", said)))
    return found


def _sums(lines: list[str]) -> dict[str, str]:
    sums: dict[str, str] = {}
    for line in lines:
        url, _, text = line.partition(" ")
        sums[url] = sums.get(url, "") + f"{text}\n"
    return sums
