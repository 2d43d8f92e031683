"""Where a guest is and how it proves who it is, found through its node."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from pvekit.errors import PvekitError, Transient
from pvekit.guest import agent
from pvekit.guest.agent import Reply
from pvekit.plan import Ask, Asking, Guest, ask


@dataclass(frozen=True)
class Wanted:
    """A guest to be found. ``address`` is empty where DHCP gives one.

    ``accept_new`` takes the guest's host key as it comes, instead of reading it through its agent.
    ``run`` made it: with another run it is another guest, whose key is learnt anew.
    """

    node: str
    vmid: int
    mac: str
    user: str
    address: str = ""
    accept_new: bool = False
    run: str = ""


def pin_name(vmid: int, run: str) -> str:
    """Return the name under which a guest's key is kept; empty for one that is not ours."""
    return f"vm-{vmid}-{run}" if run else ""


class Sight:
    """Finds a guest's address and host key; what was found once is not asked again."""

    def __init__(self, guest: Wanted) -> None:
        self.guest = guest
        self._just: Reply | None = None  # what was answered a moment ago, and not yet looked at

    def answer(self) -> Asking[Reply]:
        """Return what the agent answers to the question that tells the most, if it does."""
        self._just = yield from ask(self._interfaces)
        return self._just

    def address(self) -> Asking[str]:
        """Return the address on the interface with the guest's MAC; empty while it has none."""
        reply = self._just or (yield from ask(self._interfaces))
        self._just = None
        if reply.status:
            raise Transient(agent.patient(reply, self.guest.vmid), id="GUEST-AGENT-SILENT")
        return self._chosen(reply)

    def key(self) -> Asking[str]:
        """Return the host key line, read through the node; empty if any key is accepted."""
        if self.guest.accept_new:
            return ""
        reply = yield from ask(self._host_keys)
        keys = [line.split() for line in agent.executed(reply, self.guest.vmid).splitlines()]
        known = sorted((key for key in keys if len(key) >= 2), key=_preference)
        if not known:
            raise Transient("the guest has no host key yet", id="GUEST-NO-HOST-KEY")
        return " ".join(known[0][:2])

    def located(self) -> Asking[Guest]:
        """Return where the guest's SSH server is, with its pinned key."""
        address = yield from self.address()
        if not address:
            raise Transient("the guest has no address", id="GUEST-NO-ADDRESS")
        key = yield from self.key()
        pin = pin_name(self.guest.vmid, self.guest.run)
        return Guest(self.guest.node, address, self.guest.user, key, pin=pin)

    @cached_property
    def _interfaces(self) -> Ask[Reply]:
        return self._asked("interfaces", self._settles)

    @cached_property
    def _host_keys(self) -> Ask[Reply]:
        return self._asked("hostkeys", lambda reply: not reply.status and "out-data" in reply.out)

    def _asked(self, what: str, settled: agent.Settled) -> Ask[Reply]:
        return agent.asked(self.guest.node, what, self.guest.vmid, settled=settled)

    def _settles(self, reply: Reply) -> bool:
        with suppress(PvekitError):  # what cannot be read settles nothing
            return not reply.status and bool(self._chosen(reply))
        return False

    def _chosen(self, reply: Reply) -> str:
        found = agent.addresses(reply, self.guest.mac)
        if self.guest.address:
            return self.guest.address if self.guest.address in found else ""
        return found[0] if found else ""


def _preference(key: list[str]) -> int:
    kinds = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")
    return kinds.index(key[0]) if key[0] in kinds else len(kinds)
