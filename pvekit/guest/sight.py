"""Where a guest is and how it proves who it is, found through its node."""

from __future__ import annotations

from dataclasses import dataclass

from pvekit.errors import Transient
from pvekit.guest import agent, inside
from pvekit.guest.agent import Reply
from pvekit.plan import Asking, Guest, ask


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
    """Finds a guest's address and host key; what was found once is not asked again.

    One question tells both, for each starts a program on the node. An agent that runs no commands
    is asked for its interfaces alone.
    """

    def __init__(self, guest: Wanted) -> None:
        self.guest = guest
        self._inside = not guest.accept_new  # whether it is looked at from inside the guest
        self._just = False  # whether its agent has answered a moment ago
        self._found = ""
        self._key = ""
        self._early = False  # whether the key was read before the guest's SSH server was seen

    def answer(self) -> Asking[Reply]:
        """Return what the agent answers to the question that tells the most, if it does."""
        if self._inside:
            reply = yield from self._asked("sight")
            self._inside = self._took(reply)
        if not self._inside:
            reply = yield from self._asked("interfaces")
            if not reply.status:
                self._found = self._chosen(agent.addresses(reply, self.guest.mac))
        self._just = not reply.status
        return reply

    def address(self) -> Asking[str]:
        """Return the address on the interface with the guest's MAC; empty while it has none."""
        if not self._found and not self._just:
            reply = yield from self.answer()
            if reply.status:
                raise Transient(agent.patient(reply, self.guest.vmid), id="GUEST-AGENT-SILENT")
        self._just = False
        return self._found

    def key(self) -> Asking[str]:
        """Return the host key line, read through the node; empty if any key is accepted."""
        if self.guest.accept_new or self._key:
            return self._key
        reply = yield from self._asked("hostkeys")
        self._key = inside.read(agent.executed(reply, self.guest.vmid)).key
        if not self._key:
            raise Transient("the guest has no host key yet", id="GUEST-NO-HOST-KEY")
        return self._key

    def doubt_key(self) -> bool:
        """Let the host key be read anew if it was read early, and return whether it was.

        cloud-init gives a new guest other keys before its SSH server begins to answer.
        """
        early, self._early = self._early, False
        if early:
            self._key = ""
        return early

    def located(self) -> Asking[Guest]:
        """Return where the guest's SSH server is, with its pinned key."""
        address = yield from self.address()
        if not address:
            raise Transient("the guest has no address", id="GUEST-NO-ADDRESS")
        key = yield from self.key()
        pin = pin_name(self.guest.vmid, self.guest.run)
        return Guest(self.guest.node, address, self.guest.user, key, pin=pin)

    def _asked(self, what: str) -> Asking[Reply]:
        return ask(agent.asked(self.guest.node, what, self.guest.vmid))

    def _took(self, reply: Reply) -> bool:
        """Take what is seen from inside the guest; false if its agent cannot look so."""
        if reply.status:
            return agent.runs_commands(reply)
        seen = inside.read(agent.printed(reply, self.guest.vmid))
        self._found = self._chosen(agent.usable(seen.addresses(self.guest.mac)))
        self._key, self._early = seen.key, bool(seen.key)
        return seen.looked

    def _chosen(self, found: list[str]) -> str:
        if self.guest.address:
            return self.guest.address if self.guest.address in found else ""
        return found[0] if found else ""
