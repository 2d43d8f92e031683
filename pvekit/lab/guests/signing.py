"""The lab's signing key for checksum files: OpenPGP (RFC 4880) with EdDSA, as gpgv reads it.

Nobody must trust this key anywhere but in a lab: its private half is in this file.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_MADE = 1704067200  # 2024-01-01
_ED25519 = bytes.fromhex("2b06010401da470f01")
_EDDSA, _SHA256 = 22, 8
_V4_KEY, _USER, _SIGNATURE = 6, 13, 2
_OF_DATA, _OF_USER = 0x00, 0x13


@dataclass(frozen=True)
class Signer:
    """A key for signatures; ``seed`` is its private half."""

    seed: bytes
    user: str

    @property
    def fingerprint(self) -> bytes:
        """The fingerprint of the key."""
        body = self._body()
        return hashlib.sha1(b"\x99" + _short(body), usedforsecurity=False).digest()

    def public_key(self) -> bytes:
        """Return the public key with its user, signed by itself: a keyring of one."""
        user = self.user.encode()
        key = b"\x99" + _short(self._body())
        certified = self._signature(_OF_USER, key + b"\xb4" + struct.pack(">I", len(user)) + user)
        return _packet(_V4_KEY, self._body()) + _packet(_USER, user) + certified

    def sign(self, data: bytes) -> bytes:
        """Return a detached signature."""
        return self._signature(_OF_DATA, data)

    def _key(self) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(self.seed).digest())

    def _body(self) -> bytes:
        point = b"\x40" + self._key().public_key().public_bytes_raw()
        curve = bytes([len(_ED25519)]) + _ED25519
        return b"\x04" + struct.pack(">IB", _MADE, _EDDSA) + curve + _number(point)

    def _signature(self, kind: int, data: bytes) -> bytes:
        fingerprint = self.fingerprint
        made = b"\x05\x02" + struct.pack(">I", _MADE + 86400)
        hashed = made + b"\x16\x21\x04" + fingerprint
        head = struct.pack(">BBBB", 4, kind, _EDDSA, _SHA256) + _short(hashed)
        trailer = b"\x04\xff" + struct.pack(">I", len(head))
        digest = hashlib.sha256(data + head + trailer).digest()
        signed = self._key().sign(digest)
        issuer = _short(b"\x09\x10" + fingerprint[-8:])
        body = head + issuer + digest[:2] + _number(signed[:32]) + _number(signed[32:])
        return _packet(_SIGNATURE, body)


def _packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 0xFF]) + struct.pack(">I", len(body)) + body


def _short(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data


def _number(data: bytes) -> bytes:
    """Return a multiprecision integer: its length in bits, then its bytes."""
    value = int.from_bytes(data, "big")
    return struct.pack(">H", value.bit_length()) + value.to_bytes((value.bit_length() + 7) // 8)


IMAGES = Signer(b"pvekit-lab: cloud images", "Lab Image Signing Key <images@lab.invalid>")
STRANGER = Signer(b"pvekit-lab: a stranger", "Somebody Else <somebody@lab.invalid>")
