"""The host keys of guests as they were first learnt: one known_hosts file, a line for each guest.

A line names a guest by its vmid and the run that made it. What pvekit makes anew has another name
and is learnt anew; the key of what is still the same guest never changes unseen.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pvekit import private
from pvekit.shell import Command, HostKeyChanged
from pvekit.ssh.hostkeys import (
    SSH_PORT,
    HostKey,
    HostKeyPolicy,
    KnownHosts,
    names_host,
    remember,
)


@dataclass(frozen=True)
class Pins:
    """The file of pinned keys. It is made (0600) when the first key is pinned."""

    path: Path

    def key(self, name: str) -> HostKey | None:
        """Return the key that is pinned under a name; raises Exposed if others could pin one."""
        private.check_kept(self.path, "The file of pinned host keys")
        return next(iter(KnownHosts([self.path]).keys(name, SSH_PORT)), None)

    def check(self, name: str, where: str, key: HostKey) -> None:
        """Pin a key that was learnt by a trusted way.

        Raises :class:`HostKeyChanged` where another one is pinned: a pin is never replaced.
        """
        pinned = self.key(name)
        if pinned is None:
            remember(self.path, name, SSH_PORT, [key])
        elif pinned != key:
            forgetting = Command(("ssh-keygen", "-f", str(self.path), "-R", name))
            raise HostKeyChanged(
                f"The host key of {where} has changed since pvekit first saw it: the machine was "
                "given new keys, or another one stands in its place.",
                details=f"shown: {key}\npinned: {pinned}",
                hint=f"If you know why, forget the old key: `{forgetting}`.",
            )

    def forget(self, name: str) -> None:
        """Take a name out of the file: its guest is gone, or is made anew."""
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            text = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
            kept = [line for line in text.splitlines(keepends=True) if not _is_of(line, name)]
            left = b"".join(kept)
            if left != text:
                os.pwrite(descriptor, left, 0)
                os.ftruncate(descriptor, len(left))
        finally:
            os.close(descriptor)


def _is_of(line: bytes, name: str) -> bool:
    return names_host(line.decode(errors="replace"), name)


@dataclass(frozen=True)
class Keeping:
    """A policy that is asked first, and then the pin of the guest."""

    policy: HostKeyPolicy
    pins: Pins
    name: str
    where: str

    def preferred(self) -> Sequence[str]:
        """Return the pinned key's type, else what the policy prefers."""
        pinned = self.pins.key(self.name)
        return (pinned.type,) if pinned else self.policy.preferred()

    def verify(self, key: HostKey) -> None:
        """Raise unless the policy and the pin take the key; without a pin it becomes one."""
        self.policy.verify(key)
        self.pins.check(self.name, self.where, key)
