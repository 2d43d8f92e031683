"""What a guest's agent tells: asked for many guests of a node at once."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Mapping
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


Settled = Callable[[Reply], bool]


def asked(node: str, what: str, vmid: int, *, settled: Settled | None = None) -> Ask[Reply]:
    """Ask one guest's agent ``ping``, ``interfaces``, ``hostkeys`` or ``cloudinit``."""
    command = script("agents", what, timeout=120.0)
    query = Query(command, lambda out: replies(out).get(vmid, Reply(255, err="no answer")))
    return Ask(node, query, topic=str(vmid), settled=settled)


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


def interfaces(reply: Reply) -> list[Mapping[str, Any]]:
    """Return the interfaces that an agent lists; raises :class:`Transient` for half an answer."""
    try:
        listed = json.loads(reply.out)
    except (ValueError, RecursionError):
        raise UnreadableAnswer(
            f"The guest agent's answer is not JSON: {reply.out[:80]!r}"
        ) from None
    if not isinstance(listed, list):
        raise UnreadableAnswer(f"The guest agent's answer is not a list: {reply.out[:80]!r}")
    return _dicts(listed)


def _dicts(listed: object) -> list[Mapping[str, Any]]:
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def addresses(reply: Reply, mac: str) -> list[str]:
    """Return the usable addresses of the interface with this MAC, IPv4 first.

    Only that interface counts, whatever it is called: bridges of docker or a CNI have other MACs.
    Loopback and link-local addresses are left out.
    """
    found = [
        str(entry.get("ip-address", ""))
        for interface in interfaces(reply)
        if str(interface.get("hardware-address", "")).lower() == mac.lower()
        for entry in _dicts(interface.get("ip-addresses"))
    ]
    return sorted(filter(_usable, found), key=lambda text: ipaddress.ip_address(text).version)


def _usable(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_link_local or address.is_unspecified)


def executed(reply: Reply, vmid: int) -> str:
    """Return what a command inside the guest printed, or raise why it did not run there."""
    if reply.status:
        text = patient(reply, vmid)
        if any(word in text for word in ("disabled", "not allowed", "CommandNotFound", "blocked")):
            raise AgentRefuses(
                f"The agent of VM {vmid} does not allow `guest exec`: {text}",
                hint="Allow guest-exec in the guest, or say `--guest-host-key accept-new`.",
                id="GUEST-AGENT-REFUSES",
            )
        raise Transient(text)
    try:
        answer = json.loads(reply.out)
    except (ValueError, RecursionError):
        raise UnreadableAnswer(
            f"The guest agent's answer is not JSON: {reply.out[:80]!r}"
        ) from None
    if not isinstance(answer, dict) or answer.get("exitcode", 1) != 0:
        raise Transient(f"the command failed in the guest: {str(answer)[:200]}")
    return str(answer.get("out-data", ""))
