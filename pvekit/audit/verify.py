"""Whether the audit log is whole: nothing edited, removed or put elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pvekit.audit.entry import Link, digest, read
from pvekit.audit.log import AuditLog, stands


@dataclass(frozen=True)
class Verdict:
    """How many lines follow one another, and where the chain breaks first (empty: nowhere).

    ``torn`` are the places of lines that a crash has cut short; they break nothing.
    """

    lines: int
    files: tuple[str, ...]
    broken: str = ""
    torn: tuple[str, ...] = ()


def verify(log: AuditLog) -> Verdict:
    """Follow the chain through all files of a log."""
    files = log.files()
    names = tuple(str(path) for path in files)
    torn: list[str] = []
    here = Link()
    first = True
    for place, text in _lines(files):
        content = read(text)
        if content is None:
            torn.append(place)
            continue
        if content["hash"] != digest(content):
            return Verdict(here.number, names, f"{place}: the line was changed", tuple(torn))
        if (content["number"], content["prev"]) != (here.number + 1, here.digest):
            why = f"line {content['number']} follows line {here.number}"
            if content["number"] == here.number + 1:
                why = f"line {content['number']} does not follow the one before it"
            elif first:
                why = f"it begins with line {content['number']}"
            return Verdict(here.number, names, f"{place}: {why}", tuple(torn))
        here, first = Link(content["number"], content["hash"]), False
    return Verdict(here.number, names, _end(log, here), tuple(torn))


def _end(log: AuditLog, here: Link) -> str:
    """Return what is wrong with the end of the chain; the head may be one line behind it."""
    try:
        descriptor = os.open(log.head, os.O_RDONLY)
    except FileNotFoundError:
        return f"{log.head} is missing" if here.number else ""
    try:
        head = stands(descriptor)
    finally:
        os.close(descriptor)
    if head.number > here.number:
        return f"the lines {here.number + 1} to {head.number} are missing at the end"
    behind = head.number in (here.number, here.number - 1)
    if not behind or (head.number == here.number and head != here):
        return f"{log.head} speaks of another line {head.number}"
    return ""


def _lines(files: list[Path]) -> Iterator[tuple[str, bytes]]:
    for path in files:
        with path.open("rb") as file:
            for number, text in enumerate(file, 1):
                if text.strip():
                    yield f"{path.name}:{number}", text
