"""Which private keys can be used here, without talking to any machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pvekit.ssh.deadline import Limits
from pvekit.ssh.hostkeys import HostKey
from pvekit.ssh.identities import offered


@dataclass(frozen=True)
class Keyring:
    """The keys that can sign, in their public form, and what is wrong with others.

    ``agent`` is none, or how many keys an SSH agent holds.
    """

    keys: frozenset[bytes] = frozenset()
    agent: str = "none"
    problems: tuple[str, ...] = ()

    def holds(self, line: str) -> bool:
        """Whether the other half of a public key's line is here; false for what is no key."""
        try:
            return HostKey.parse(line).blob in self.keys
        except ValueError:
            return False


def look(paths: tuple[Path, ...]) -> Keyring:
    """Return the keys of these files and of the SSH agent."""
    problems: list[str] = []
    with offered(paths, Limits().agent, problems) as identities:
        keys = frozenset(each.key.asbytes() for each in identities)
        held = sum(each.origin == "the agent" for each in identities)
    named = bool(os.environ.get("SSH_AUTH_SOCK"))
    return Keyring(keys, f"{held} more in the agent" if named else "none", tuple(problems))
