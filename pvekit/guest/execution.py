"""A command that is run inside a guest, by its agent, and what came of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pvekit.errors import PvekitError, Transient, UnreadableAnswer
from pvekit.guest.agent import AgentRefuses
from pvekit.plan import Change, Guard
from pvekit.pve.faults import failure
from pvekit.shell import Command, Result, Secret

MOST_INPUT = 1 << 20
"""How many bytes Proxmox VE passes to a command inside a guest, at most."""

NOT_FOUND = 127
"""The status that shells give a program that is not there."""


@dataclass(frozen=True)
class Executed:
    """What a command left behind: its exit status (128 and more: a signal), and what it printed.

    ``cut``: it printed more than the agent passes on.
    """

    status: int
    out: str = ""
    err: str = ""
    cut: bool = False


def change(vm: Guard, words: tuple[str, ...], stdin: str | None, seconds: int) -> Change:
    """Return the change that runs a command in our VM's guest, for so many seconds at most."""
    given = ("--pass-stdin", 1) if stdin is not None else ()
    command = ("qm", "guest", "exec", vm.vmid, "--timeout", seconds, *given, "--", *words)
    # What it reads may be a secret, so it travels as one.
    sent = Command(command, Secret(stdin) if stdin is not None else "", timeout=seconds + 30.0)
    return Change(sent, guard=vm)


def read(result: Result, node: str, told: str) -> Executed:
    """Return what came of a command in a guest; ``told`` is which VM that is.

    Raises :class:`Transient` while the agent does not answer, :class:`AgentRefuses` if it never
    will, and :class:`PvekitError` for a command that has not ended in its time.
    """
    if not result.ok:
        return _failed(result, node, told)
    answer = _answer(result.out, told)
    if "exitcode" not in answer and "signal" not in answer:
        raise PvekitError(
            f"{told}: the command has not ended in time.",
            details=f"It still runs in the guest as process {answer.get('pid', '?')}.",
            hint="--timeout gives it longer.",
            id="GUEST-COMMAND-UNFINISHED",
        )
    signal = answer.get("signal")
    return Executed(
        128 + int(signal) if signal else int(answer.get("exitcode", 0)),
        str(answer.get("out-data", "")),
        str(answer.get("err-data", "")),
        cut=bool(answer.get("out-truncated") or answer.get("err-truncated")),
    )


def _failed(result: Result, node: str, told: str) -> Executed:
    text = result.err.strip() or result.out.strip()
    if "Failed to execute child" in text:
        return Executed(NOT_FOUND, err=f"{text.splitlines()[-1]}\n")
    if "No QEMU guest agent configured" in text:
        raise AgentRefuses(
            f"{told} has no guest agent configured.",
            hint="Use --via ssh, or `qm set ID --agent enabled=1`.",
            id="GUEST-AGENT-MISSING",
        )
    if any(word in text for word in ("disabled", "not allowed", "CommandNotFound")):
        raise AgentRefuses(
            f"The agent of {told} does not allow commands.",
            details=text,
            hint="Use --via ssh, or allow guest-exec in the guest.",
            id="GUEST-AGENT-REFUSES",
        )
    if "is not running" in text and "pvekit-refused" not in text:
        what = "its guest agent does not answer" if "agent" in text else "it is not running"
        raise Transient(
            f"{told}: {what}.",
            hint="`pvekit vm start`, `pvekit vm wait --for agent`, or --via ssh.",
            id="GUEST-AGENT-SILENT",
        )
    raise failure(result, what=f"run a command in {told}", node=node)


def _answer(out: str, told: str) -> dict[str, Any]:
    try:
        answer = json.loads(out)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise UnreadableAnswer(f"The answer of the agent of {told} is not JSON: {out[:80]!r}")
    return answer
