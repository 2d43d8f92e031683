"""Public SSH keys: that a text really is one, before it is sent to a node.

The form is that of RFC 4253 section 6.6 (RSA), RFC 5656 (ECDSA) and RFC 8709 (Ed25519), and for
security keys that of OpenSSH's PROTOCOL.u2f. DSA keys are refused, as current servers do.
"""

from __future__ import annotations

import base64
import binascii
import struct
from pathlib import Path

from pvekit.config.model import beside

_ECDSA_POINT_BYTES = {"nistp256": 65, "nistp384": 97, "nistp521": 133}
_MIN_RSA_BITS = 1024
_MAX_BYTES = 100_000

# The fields that follow the key's type in its binary form.
_FIELDS = {
    "ssh-ed25519": 1,
    "ssh-rsa": 2,
    "sk-ssh-ed25519@openssh.com": 2,
    "sk-ecdsa-sha2-nistp256@openssh.com": 3,
    **{f"ecdsa-sha2-{curve}": 2 for curve in _ECDSA_POINT_BYTES},
}


class NotAKey(ValueError):
    """The text is no public key; the message says what is wrong, never the text itself."""


def read(written: str, source: Path | None) -> tuple[str, ...]:
    """Return the keys of a text, or of the file that the text names beside `source`.

    Raises NotAKey where there is none, or one that no SSH server would take.
    """
    if is_key(written):
        return _public_keys(written)
    path = beside(source, written)
    try:
        with path.open("rb") as stream:
            text = stream.read(_MAX_BYTES).decode("utf-8")
        return _public_keys(text)
    except OSError as error:
        raise NotAKey(f"the file {path}: {error.strerror}") from error
    except NotAKey as error:
        raise NotAKey(f"{error} in {path}") from error
    except ValueError as error:  # a path or a content that is no text
        raise NotAKey(f"the file {str(path)!r}, which is no text") from error


def is_key(text: str) -> bool:
    """Whether a text is meant as a key, and not as the path of one."""
    first, _, rest = text.strip().partition(" ")
    return "----" in text or bool(rest and (first in _FIELDS or first.startswith("ssh-")))


def _public_keys(text: str) -> tuple[str, ...]:
    lines = [line.strip() for line in text.splitlines()]
    found = tuple(public_key(line) for line in lines if line and not line.startswith("#"))
    if not found:
        raise NotAKey("nothing")
    return found


def public_key(line: str) -> str:
    """Return one key line in its normal form; raises NotAKey."""
    if "PRIVATE KEY" in line:
        raise NotAKey("a private key; it must be the public one")
    if any(not char.isprintable() for char in line.replace("\t", " ")):
        raise NotAKey("a key with control characters")
    kind, *rest = line.split(maxsplit=2)
    if kind not in _FIELDS:
        raise NotAKey(f"the key type {kind[:40]!r}, which is none of {', '.join(_FIELDS)}")
    if not rest:
        raise NotAKey(f"only the word {kind!r}, without the key")
    if "..." in rest[0]:
        raise NotAKey("the placeholder of the example, not a key of yours")
    _check_body(kind, _fields(rest[0]))
    return " ".join((kind, *rest)).strip()


def _fields(encoded: str) -> list[bytes]:
    """Return the length-prefixed fields that a key's base64 text is made of."""
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotAKey("a key whose second word is not base64; is it cut short?") from error
    fields = []
    while data:
        if len(data) < 4 or len(data) - 4 < (size := struct.unpack_from(">I", data)[0]):
            raise NotAKey("a key that is cut short")
        fields.append(data[4 : 4 + size])
        data = data[4 + size :]
    return fields


def _check_body(kind: str, fields: list[bytes]) -> None:
    inner = fields[0].decode("ascii", "replace") if fields else ""
    if inner != kind:
        raise NotAKey(f"a key that says {kind} outside and {inner[:40]!r} inside")
    if len(fields) - 1 != _FIELDS[kind]:
        raise NotAKey(f"a key of {len(fields) - 1} parts, not {_FIELDS[kind]}; is it cut short?")
    if kind == "ssh-rsa":
        _check_rsa(fields[2])
    elif "ed25519" in kind:
        _check_size(kind, fields[1], 32)
    else:
        curve = fields[1].decode("ascii", "replace")
        _check_size(kind, fields[2], _ECDSA_POINT_BYTES.get(curve, -1) if curve in kind else -1)


def _check_rsa(modulus: bytes) -> None:
    bits = int.from_bytes(modulus, "big").bit_length()
    if bits < _MIN_RSA_BITS:
        raise NotAKey(f"an RSA key of {bits} bits, fewer than {_MIN_RSA_BITS}")


def _check_size(kind: str, part: bytes, size: int) -> None:
    if len(part) != size:
        raise NotAKey(f"a key of type {kind} with a part of the wrong size")
