"""What Proxmox VE wrote into the log of a task that failed."""

from __future__ import annotations

import re

from pvekit.errors import PvekitError
from pvekit.plan import Ask, Asking, ask
from pvekit.pve.scripts import script
from pvekit.shell import Command, Query, Result

_UPID = re.compile(
    r"UPID:[A-Za-z0-9.-]+(?::[0-9A-F]{8,9}){3}:[a-z0-9-]+:[^:\s\"\\/]*:[^:\s\"\\/]+:"
)
_PROGRAMS = frozenset(("qm", "pvesh", "vzdump", "qmrestore", "ha-manager"))
DIED = "the job died before its end (did the node restart?)"
FEW = 2
"""Of an output of so few lines, the log may have more."""


def named(result: Result) -> tuple[str, ...]:
    """Return the tasks whose logs are worth a look: those that the output names, else a VM's last.

    A program that was in the foreground has printed its task's log itself.
    """
    text = f"{result.out}\n{result.err}"
    upids = tuple(dict.fromkeys(_UPID.findall(text)))[-2:]
    if upids:
        return upids
    vmid = _vmid(result.command)
    short = len([line for line in text.splitlines() if line.strip()]) <= FEW
    return (vmid,) if vmid and (DIED in text or (short and "pvekit-" not in text)) else ()


def _vmid(command: Command) -> str:
    words = [str(word) for word in command.words]
    if not words or words[0] not in _PROGRAMS:
        return ""
    return next((word for word in words[1:] if re.fullmatch(r"[1-9][0-9]{2,8}", word)), "")


def read(out: str) -> str:
    """Read the answer of the script ``tasklog``: the lines that a person is to see."""
    told = []
    for line in out.split("\n"):
        kind, _, text = line.partition(" ")
        if kind == "task":
            told.append(f"log of {text[:200]}:")
        elif kind == "log" and text.strip():
            told.append(f"  {text[:200]}")
    return "\n".join(told)


def told(error: PvekitError, result: Result, node: str) -> Asking[PvekitError]:
    """Return an error with the end of its task's log, where the node has one that says more."""
    wanted = named(result)
    if not wanted:
        return error
    try:
        log = yield from ask(Ask(node, Query(script("tasklog", *wanted, timeout=10.0), read)))
    except PvekitError:
        return error  # the log is worth a question, but no further error
    known = f"{error.brief}\n{error.details}"
    if any(line.strip() not in known for line in log.splitlines()[1:]):
        error.details = "\n".join(part for part in (error.details, log) if part)
    return error
