"""Host keys: the known_hosts files, and what is accepted from a machine that shows its key.

Lines are read one by one in the format of OpenSSH's sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"; a line
that makes no sense is passed over and never takes the others with it. ``@revoked`` lines refuse,
``@cert-authority`` lines are not used: trust in an authority is not taken for trust in a key.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import fnmatch
import hashlib
import hmac
import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pvekit import private
from pvekit.errors import PvekitError, UsageError
from pvekit.shell import Command, HostKeyChanged
from pvekit.ssh.errors import HostKeyRevoked, HostKeyUnknown

SSH_PORT = 22


@dataclass(frozen=True)
class HostKey:
    """A public key by its type and its wire form."""

    type: str
    blob: bytes

    @classmethod
    def parse(cls, text: str) -> HostKey:
        """Read ``TYPE BASE64 [COMMENT]``; raises ``ValueError`` where that is no key."""
        words = text.split()
        if len(words) < 2:
            raise ValueError("a key is its type and its base64 text")
        try:
            blob = base64.b64decode(words[1], validate=True)
            (length,) = struct.unpack_from(">I", blob)
        except (binascii.Error, struct.error) as error:
            raise ValueError(f"no base64 text of a key: {error}") from error
        if blob[4 : 4 + length] != words[0].encode() or len(blob) <= 4 + length:
            raise ValueError(f"the text does not hold a key of type {words[0]}")
        return cls(words[0], blob)

    @property
    def fingerprint(self) -> str:
        """The SHA-256 fingerprint as ``ssh-keygen -l`` shows it."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest())
        return "SHA256:" + digest.decode().rstrip("=")

    def line(self) -> str:
        """Return the key as files hold it: ``TYPE BASE64``."""
        return f"{self.type} {base64.b64encode(self.blob).decode()}"

    def __str__(self) -> str:
        return f"{self.type} {self.fingerprint}"


class HostKeyPolicy(Protocol):
    """Decides about the key that a machine shows, before anything is sent to it."""

    def preferred(self) -> Sequence[str]:
        """Return the key types to ask for first, so that a known key is the one that is shown."""
        ...

    def verify(self, key: HostKey) -> None:
        """Return if the key is to be trusted, or raise a :class:`HostKeyRefused`."""
        ...


@dataclass(frozen=True)
class _Entry:
    path: Path
    marker: str
    patterns: tuple[str, ...]
    key: HostKey

    @classmethod
    def parse(cls, path: Path, line: str) -> _Entry | None:
        words = line.split()
        if not words or words[0].startswith("#"):
            return None
        marker = words.pop(0) if words[0].startswith("@") else ""
        if not words:
            return None
        try:
            key = HostKey.parse(" ".join(words[1:3]))
        except ValueError:
            return None
        return cls(path, marker, tuple(words[0].split(",")), key)

    def matches(self, name: str) -> bool:
        """Whether the line is about this name; a negated pattern excludes it whatever follows."""
        hits = [p for p in self.patterns if _pattern_matches(p.removeprefix("!"), name)]
        return bool(hits) and not any(pattern.startswith("!") for pattern in hits)


def _pattern_matches(pattern: str, name: str) -> bool:
    if not pattern.startswith("|"):
        # Only * and ? are special in a known_hosts file; brackets hold a host with its port.
        return fnmatch.fnmatchcase(name, pattern.lower().replace("[", "[[]"))
    try:
        _, version, salt, digest = pattern.split("|")
        wanted = base64.b64decode(digest, validate=True)
        found = hmac.new(base64.b64decode(salt, validate=True), name.encode(), "sha1").digest()
    except ValueError:
        return False
    return version == "1" and hmac.compare_digest(wanted, found)


def name_in_file(host: str, port: int) -> str:
    """Return how known_hosts files write a host: ``host``, or ``[host]:port`` off port 22."""
    return host.lower() if port == SSH_PORT else f"[{host.lower()}]:{port}"


def names_host(line: str, name: str) -> bool:
    """Whether a line of a known_hosts file is about this name, as files write it."""
    entry = _Entry.parse(Path(), line)
    return entry is not None and entry.matches(name)


class KnownHosts:
    """What several known_hosts files say together. Files that are not there say nothing."""

    def __init__(self, files: Iterable[Path]) -> None:
        self.files = tuple(files)
        self._entries = [entry for path in self.files for entry in _entries(path)]

    def keys(self, host: str, port: int) -> Mapping[HostKey, Path]:
        """Return the trusted keys of a host in the order of the files, and where each stands."""
        name = name_in_file(host, port)
        found = [e for e in self._entries if not e.marker and e.matches(name)]
        return {entry.key: entry.path for entry in reversed(found)}

    def revoked(self, host: str, port: int, key: HostKey) -> bool:
        """Whether a line marks this very key as revoked for the host."""
        name = name_in_file(host, port)
        return any(
            e.marker == "@revoked" and e.key.blob == key.blob and e.matches(name)
            for e in self._entries
        )


def _entries(path: Path) -> list[_Entry]:
    try:
        text = path.read_bytes().decode(errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise PvekitError(
            f"Cannot read {path}: {error.strerror}.", id="SSH-KNOWN-HOSTS-UNREADABLE"
        ) from error
    return [entry for line in text.splitlines() if (entry := _Entry.parse(path, line))]


@dataclass(frozen=True)
class KnownHostPolicy:
    """Accepts exactly the keys that the known_hosts files hold for a host."""

    alias: str
    host: str
    port: int
    known: KnownHosts

    def preferred(self) -> Sequence[str]:
        """Return the types of the known keys."""
        return tuple(dict.fromkeys(key.type for key in self.known.keys(self.host, self.port)))

    def verify(self, key: HostKey) -> None:
        """Raise unless the key is known and not revoked."""
        where = f"{self.alias} ({name_in_file(self.host, self.port)})"
        if self.known.revoked(self.host, self.port, key):
            raise HostKeyRevoked(
                f"The host key of {where} is revoked: {key}.",
                hint="Give the machine a new host key; this one must not be trusted again.",
            )
        keys = self.known.keys(self.host, self.port)
        if key in keys:
            return
        hint = f"Compare the fingerprint on the machine, then run `pvekit node trust {self.alias}`."
        same = [known for known in keys if known.type == key.type]
        if same:
            raise HostKeyChanged(
                f"The host key of {where} has changed: the machine was reinstalled, "
                "or somebody stands in between.",
                details=f"shown: {key}\nknown: {', '.join(map(str, same))}",
                hint=f"If it was reinstalled, forget the old key: {self.forgetting(same)}. {hint}",
            )
        others = ", ".join(map(str, keys)) or "none"
        raise HostKeyUnknown(
            f"The host key of {where} is not known.",
            details=f"shown: {key}\nknown: {others}",
            hint=hint,
        )

    def forgetting(self, keys: Iterable[HostKey]) -> str:
        """Return the commands that take keys of this host out of their files."""
        places = self.known.keys(self.host, self.port)
        name = name_in_file(self.host, self.port)
        files = dict.fromkeys(places[key] for key in keys)
        return ", ".join(f"`{Command(('ssh-keygen', '-f', str(f), '-R', name))}`" for f in files)


@dataclass(frozen=True)
class PinnedPolicy:
    """Accepts exactly one key, learnt by a trusted way."""

    where: str
    key: HostKey

    def preferred(self) -> Sequence[str]:
        """Return the pinned key's type."""
        return (self.key.type,)

    def verify(self, key: HostKey) -> None:
        """Raise unless it is the pinned key."""
        if key != self.key:
            raise HostKeyChanged(
                f"{self.where} shows another host key than the one that was pinned.",
                details=f"shown: {key}\npinned: {self.key}",
                hint="Another machine may have this address.",
            )


class FirstSeenPolicy:
    """Accepts the first key that is shown, and from then on only that one."""

    def __init__(self, where: str) -> None:
        self._where = where
        self.seen: HostKey | None = None

    def preferred(self) -> Sequence[str]:
        """Return the type of the key seen first, if any."""
        return (self.seen.type,) if self.seen else ()

    def verify(self, key: HostKey) -> None:
        """Remember the first key, and raise for any other."""
        if self.seen is None:
            self.seen = key
        PinnedPolicy(self._where, self.seen).verify(key)


def remember(path: Path, host: str, port: int, keys: Sequence[HostKey]) -> None:
    """Append the keys of a host to a known_hosts file, which is made (0600) where it is not there.

    Lines are only ever added, in one write under a lock: other programs use such files too. Raises
    :class:`UsageError` for what is no host name.
    """
    name = name_in_file(host, port)
    if not name.isprintable() or any(char in name for char in " ,*?!|#@"):
        raise UsageError(f"This is no host name: {host!r}.")
    lines = "".join(f"{name} {key.line()}\n" for key in keys).encode()
    private.make(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        end = os.fstat(descriptor).st_size
        if end and os.pread(descriptor, 1, end - 1) != b"\n":
            lines = b"\n" + lines
        os.write(descriptor, lines)
    finally:
        os.close(descriptor)
