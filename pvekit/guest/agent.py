"""What a guest's agent tells: asked for many guests of a node at once."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pvekit.errors import PvekitError, Transient, UnreadableAnswer
from pvekit.plan import Ask
from pvekit.pve.numbers import whole
from pvekit.pve.scripts import script
from pvekit.shell import Query


class AgentRefuses(PvekitError):
    """The guest has no agent, or its agent does not do what is asked: waiting does not help."""

    id = "GUEST-AGENT-REFUSES"


@dataclass(frozen=True)
class Reply:
    """What one guest's agent answered, through ``qm``."""

    status: int
    out: str = ""
    err: str = ""


def replies(out: str) -> Mapping[int, Reply]:
    """Read the answer of the script ``agents``."""
    status: dict[int, int] = {}
    said: dict[tuple[str, int], list[str]] = {}
    for line in out.split("\n"):  # no other line ends: guests write the rest
        kind, _, rest = line.partition(" ")
        vmid, _, text = rest.partition(" ")
        number = whole(vmid)
        if number is None:
            continue
        if kind == "id":
            code = whole(text)
            status[number] = 255 if code is None else code
        elif kind in ("out", "err"):
            said.setdefault((kind, number), []).append(text)
    return {
        vmid: Reply(
            code, "\n".join(said.get(("out", vmid), ())), "\n".join(said.get(("err", vmid), ()))
        )
        for vmid, code in status.items()
    }


def asked(node: str, what: str, vmid: int) -> Ask[Reply]:
    """Ask one guest's agent for its ``interfaces``, its ``hostkeys``, or for both (``sight``)."""
    command = script("agents", what, timeout=120.0)
    query = Query(command, lambda out: replies(out).get(vmid, Reply(255, err="no answer")))
    return Ask(node, query, topics=(str(vmid),))


def patient(reply: Reply, vmid: int) -> str:
    """Return why an agent has not answered yet; raise what waiting cannot mend."""
    text = reply.err.strip() or f"exit status {reply.status}"
    if "No QEMU guest agent configured" in text:
        raise AgentRefuses(
            f"VM {vmid} has no guest agent configured.",
            details=text,
            hint=f"Set it with `qm set {vmid} --agent enabled=1`, or rebuild the template.",
            id="GUEST-AGENT-MISSING",
        )
    return text.splitlines()[-1]


def addresses(reply: Reply, mac: str) -> list[str]:
    """Return the usable addresses of the interface with this MAC, as the agent lists them.

    Raises :class:`Transient` for half an answer.
    """
    listed = _json(reply)
    if not isinstance(listed, list):
        raise UnreadableAnswer(f"The guest agent's answer is not a list: {reply.out[:80]!r}")
    return usable(
        str(entry.get("ip-address", ""))
        for interface in _dicts(listed)
        if str(interface.get("hardware-address", "")).lower() == mac.lower()
        for entry in _dicts(interface.get("ip-addresses"))
    )


def usable(found: Iterable[str]) -> list[str]:
    """Return what others can reach of one interface's addresses, IPv4 first.

    Loopback and link-local addresses are left out.
    """
    return sorted(filter(_usable, found), key=lambda text: ipaddress.ip_address(text).version)


def _usable(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_link_local or address.is_unspecified)


def _dicts(listed: object) -> list[Mapping[str, Any]]:
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _json(reply: Reply) -> object:
    try:
        return json.loads(reply.out)
    except (ValueError, RecursionError):
        raise UnreadableAnswer(
            f"The guest agent's answer is not JSON: {reply.out[:80]!r}"
        ) from None


_NOT_ALLOWED = ("disabled", "not allowed", "CommandNotFound", "blocked")
_NO_SHELL = "Failed to execute child"


def runs_commands(reply: Reply) -> bool:
    """Whether an agent that was to run a command is one that does."""
    return not reply.status or not any(words in reply.err for words in (*_NOT_ALLOWED, _NO_SHELL))


def executed(reply: Reply, vmid: int) -> str:
    """Return what a command inside the guest printed, or raise why it did not run there."""
    answer = _execution(reply, vmid)
    if answer.get("exitcode", 1) != 0:
        raise Transient(f"the command failed in the guest: {str(answer)[:200]}")
    return str(answer.get("out-data", ""))


def printed(reply: Reply, vmid: int) -> str:
    """Return what a command inside the guest printed, even if a part of it failed there."""
    return str(_execution(reply, vmid).get("out-data", ""))


def _execution(reply: Reply, vmid: int) -> Mapping[str, Any]:
    if reply.status:
        text = patient(reply, vmid)
        if any(words in text for words in _NOT_ALLOWED):
            raise AgentRefuses(
                f"The agent of VM {vmid} does not allow `guest exec`: {text}",
                hint="Allow guest-exec in the guest, or say `--guest-host-key accept-new`.",
                id="GUEST-AGENT-REFUSES",
            )
        raise Transient(text)
    answer = _json(reply)
    return answer if isinstance(answer, dict) else {}
