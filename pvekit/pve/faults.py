"""What Proxmox VE's error texts mean, sorted by what to do next.

The exit status of a failing program means nothing (it is a left-over errno), so the text decides.
The texts are those of the real programs, 8.4 and 9.2.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from pvekit.errors import (
    Conflict,
    IdTaken,
    LockTimeout,
    NoCapacity,
    PvekitError,
    QuorumLost,
    Spoilt,
    Transient,
)
from pvekit.pve.claims import parse
from pvekit.shell import CommandFailed, Result

_HARMLESS = re.compile(
    r"trying to acquire lock|\s*OK\s*$|perl: warning|\s+(LC_|LANG|are supported)"
)

_HELD = re.compile(r"^pvekit-held: (\S+) ?(.*)$", re.MULTILINE)

_CLASSES: tuple[tuple[str, type[PvekitError], str], ...] = (
    (
        r"no quorum|cluster not ready|not mounted|/etc/pve\S*'?( -|:) Permission denied",
        QuorumLost,
        "",
    ),
    (
        r"pvekit-held: |unable to create VM \d+.*already exists|config file already exists",
        IdTaken,
        "",
    ),
    (r"VM \d+ already exists|atomic file '[^']*\.conf' failed: File exists", IdTaken, ""),
    (r"pvekit-checksum: ", PvekitError, "IMAGE-CHECKSUM-WRONG"),
    (r"pvekit-spoilt: ", Spoilt, ""),
    (r"pvekit-refused: .* is still being made", LockTimeout, "VM-LOCKED"),
    (
        r"pvekit-refused: |checksum mismatch|detected modified configuration",
        Conflict,
        "VM-CHANGED",
    ),
    (r"protection mode enabled", Conflict, "VM-PROTECTED"),
    (r"is still in use by linked clone", Conflict, "TEMPLATE-IN-USE"),
    (r"powerdown failed", PvekitError, "VM-DOES-NOT-STOP"),
    (
        r"can't lock file .* got timeout|got lock request timeout|locked command timed out",
        LockTimeout,
        "",
    ),
    (r"VM is locked \(|VM is already locked", LockTimeout, "VM-LOCKED"),
    (r"got no worker upid|Connection reset|connection timed out", Transient, "PVE-BUSY"),
    (
        r"No space left|not enough free space|reached threshold|out of space",
        NoCapacity,
        "STORAGE-FULL",
    ),
)
"""What a text holds, the class that it falls into, and the id where it is not the class's."""


_WAYS = (
    (r"powerdown failed", "Cut its power with `--force`."),
    (
        r"No space left|not enough free space|reached threshold|out of space",
        "Free room on that storage and give the same command again, or take the run back and name "
        "another storage. `pvekit doctor` says how full each is.",
    ),
)
"""What a text holds, and what to do then."""


def failure(
    result: Result, *, what: str, node: str, vmid: int | None = None, shown: str = ""
) -> PvekitError:
    """Return the error that a failed command means.

    ``what`` says in words what was attempted, ``shown`` how the command is shown to people. A lock
    time-out on the very vmid that a clone is to get means that somebody else is just making it (the
    loser of that race is told nothing else).
    """
    text = "\n".join(part for part in (result.err.strip(), result.out.strip()) if part)
    kind, identity = _sort(text)
    if vmid is not None and re.search(rf"lock-{vmid}\.conf' - got timeout", text):
        kind, identity = IdTaken, ""
    if kind is None:
        return CommandFailed(result, where=node, shown=shown)
    if held := _HELD.search(text):
        return _claimed(held, what, node)
    last = "\n".join(text.splitlines()[-25:])
    hint = next((way for words, way in _WAYS if re.search(words, text)), "")
    return kind(f"Cannot {what} on {node}: {_reason(text)}", details=last, hint=hint, id=identity)


def complaint(result: Result) -> str:
    """Return what a command said on stderr, without what it says while all goes well.

    ``qm disk resize`` fails with status 0, its error is there only.
    """
    lines = (line for line in result.err.splitlines() if line.strip())
    return "\n".join(line for line in lines if not _HARMLESS.match(line))


def _sort(text: str) -> tuple[type[PvekitError] | None, str]:
    for pattern, kind, identity in _CLASSES:
        if re.search(pattern, text, re.MULTILINE):
            return kind, identity
    return None, ""


def _reason(text: str) -> str:
    lines = [line for line in text.splitlines() if any(re.search(p, line) for p, *_ in _CLASSES)]
    line = lines[0] if lines else text
    return re.sub(r"^pvekit-(refused|held|checksum|spoilt): ", "", line).rstrip(".") + "."


def _claimed(held: re.Match[str], what: str, node: str) -> IdTaken:
    """Return the error for a claim that another run holds, as far as its file tells."""
    claim = parse("", held[1], held[2])
    if claim is None or not claim.run:
        error = IdTaken(f"Cannot {what} on {node}: {held[1]} is claimed.")
        error.what = held[1].partition("-")[0]
        return error
    since = datetime.fromtimestamp(claim.time, UTC).isoformat(timespec="seconds")
    error = IdTaken(
        f"Cannot {what} on {node}: {held[1]} is claimed by run {claim.run}.",
        details=f"That is process {claim.pid} on {claim.host}, since {since}.",
        hint=f"If it is dead: `pvekit run rollback {claim.run}` on {claim.host}.",
    )
    error.what, error.holder = claim.what, claim.run
    return error
