"""What a guest says of itself: ``ip addr``, and after it the public keys of its SSH server."""

from __future__ import annotations

from dataclasses import dataclass

_UNUSABLE = {"tentative", "dadfailed"}
"""IPv6 addresses that are still, or were, found to be another machine's."""

_KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")
"""The kinds of keys, the preferred one first."""


@dataclass(frozen=True)
class Inside:
    """The addresses of a guest's interfaces, each with its interface's MAC, and its host keys.

    ``looked``: the guest can tell of its interfaces. Keys are lines ``TYPE BASE64``.
    """

    looked: bool = False
    found: tuple[tuple[str, str], ...] = ()
    keys: tuple[str, ...] = ()

    def addresses(self, mac: str) -> list[str]:
        """Return the addresses on the interface with this MAC."""
        return [address for of, address in self.found if of == mac.lower()]

    @property
    def key(self) -> str:
        """The preferred host key; empty where there is none."""
        return min(self.keys, key=_preference, default="")


def read(out: str) -> Inside:
    """Read what was printed; lines that say nothing of these are passed over."""
    looked = False
    found: list[tuple[str, str]] = []
    keys: list[str] = []
    mac = ""
    for line in out.split("\n"):
        words = line.split()
        if line[:1].strip():  # the next interface begins
            mac = ""
        match words:
            case ["link/ether", address, *_]:
                mac, looked = address.lower(), True
            case [link, *_] if link.startswith("link/"):
                looked = True
            case ["inet" | "inet6", address, *more] if mac and not _UNUSABLE & set(more):
                found.append((mac, address.partition("/")[0]))
            case [kind, data, *_] if kind.startswith(("ssh-", "ecdsa-")):
                keys.append(f"{kind} {data}")
    return Inside(looked, tuple(found), tuple(keys))


def _preference(key: str) -> int:
    kind = key.partition(" ")[0]
    return _KINDS.index(kind) if kind in _KINDS else len(_KINDS)
