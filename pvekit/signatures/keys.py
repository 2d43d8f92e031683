"""Signing keys: the ones that come with pvekit, and those that a configuration names."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

from pvekit.errors import UsageError

PINNED = {
    "cloud-images.ubuntu.com": (
        "ubuntu-cloudimage.gpg",
        "D2EB44626FDDC30B513D5BB71A5D6C4C7DB87C81",
    ),
}
"""By the host of a checksum file: the file with its signer's key, and the key's fingerprint.

Debian signs no checksum file of its cloud images.
"""

_PUBLIC_KEY = 6
_MAX_BYTES = 1_000_000


@dataclass(frozen=True)
class Keyring:
    """Public keys in OpenPGP's binary form, and the fingerprints of those that may sign."""

    data: bytes
    fingerprints: tuple[str, ...]


def pinned(url: str) -> Keyring | None:
    """Return the key that signs the checksum files of a source, if pvekit knows one."""
    known = PINNED.get(urlsplit(url).hostname or "")
    if known is None:
        return None
    name, fingerprint = known
    return Keyring(files(__package__).joinpath(name).read_bytes(), (fingerprint,))


def read(path: Path) -> Keyring:
    """Return the keys of a file, armoured or not; raises :class:`UsageError` where it holds none.

    Whoever holds one of them may sign.
    """
    try:
        with path.open("rb") as file:
            data = _binary(file.read(_MAX_BYTES))
        found = tuple(_fingerprints(data))
    except OSError as error:
        raise _invalid(path, error.strerror or str(error)) from error
    except (ValueError, struct.error, IndexError) as error:
        raise _invalid(path, str(error)) from error
    if not found:
        raise _invalid(path, "it holds no public key")
    return Keyring(data, found)


def _invalid(path: Path, why: str) -> UsageError:
    return UsageError(
        f"Cannot use {path} as signing_key: {why}.",
        hint="Name a file with an OpenPGP public key, as `gpg --export` writes it.",
        id="SIGNING-KEY-INVALID",
    )


def _binary(data: bytes) -> bytes:
    """Return a key block without its armour (RFC 4880, section 6.2)."""
    if not data.lstrip().startswith(b"-----BEGIN PGP PUBLIC KEY BLOCK-----"):
        return data
    lines = data.decode("ascii", "replace").strip().splitlines()[1:]
    if "" not in (stripped := [line.strip() for line in lines]):
        raise ValueError("its armour is cut short")
    body = stripped[stripped.index("") + 1 :]
    text = "".join(line for line in body if not line.startswith(("=", "-----")))
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"its armour is damaged ({error})") from error


def _fingerprints(data: bytes) -> Iterator[str]:
    """Yield the fingerprints of the primary keys (version 4) among the packets."""
    while data:
        tag, body, data = _packet(data)
        if tag == _PUBLIC_KEY and body[:1] == b"\x04":
            hashed = b"\x99" + struct.pack(">H", len(body)) + body
            yield hashlib.sha1(hashed, usedforsecurity=False).hexdigest().upper()


def _packet(data: bytes) -> tuple[int, bytes, bytes]:
    """Return the tag and body of the first packet, and the rest (RFC 4880, section 4.2)."""
    head = data[0]
    if not head & 0x80:
        raise ValueError("it is no OpenPGP file")
    if head & 0x40:
        tag, (size, start) = head & 0x3F, _new_length(data)
    else:
        tag, width = (head >> 2) & 0x0F, 1 << (head & 3)
        if width == 8:
            raise ValueError("it holds a packet without a length")
        size, start = int.from_bytes(data[1 : 1 + width]), 1 + width
    if len(data) < start + size:
        raise ValueError("it is cut short")
    return tag, data[start : start + size], data[start + size :]


def _new_length(data: bytes) -> tuple[int, int]:
    first = data[1]
    if first < 192:
        return first, 2
    if first < 224:
        return ((first - 192) << 8) + data[2] + 192, 3
    if first == 255:
        return int.from_bytes(data[2:6]), 6
    raise ValueError("it holds a packet in parts")
