"""``gpgv`` on this machine, and what its reports mean, be they from here or from a node."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from pvekit.errors import PvekitError
from pvekit.signatures.keys import Keyring

_SECONDS = 30


class BadSignature(PvekitError):
    """The signature is damaged, somebody else's, or of another file."""

    id = "IMAGE-SIGNATURE-WRONG"


def installed() -> bool:
    """Whether this machine has gpgv."""
    return shutil.which("gpgv") is not None


def report(text: bytes, signature: bytes, keyring: Keyring) -> list[str]:
    """Return the status lines of gpgv; the user's own keys play no part in it."""
    with TemporaryDirectory(prefix="pvekit-") as name:
        folder = Path(name)
        for file, data in (("keys.gpg", keyring.data), ("sig", signature), ("text", text)):
            (folder / file).write_bytes(data)
        words = ["gpgv", "--homedir", name, "--status-fd", "1", "--weak-digest", "SHA1"]
        words += ["--keyring", "./keys.gpg", "sig", "text"]
        try:
            done = subprocess.run(  # noqa: S603 - our own words, and a program of the system
                words, cwd=name, capture_output=True, timeout=_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return []
    return done.stdout.decode(errors="replace").splitlines()


def signer(lines: Iterable[str], keyring: Keyring) -> str:
    """Return the fingerprint of the key that has signed, or raise :class:`BadSignature`.

    What counts is a valid signature by one of these keys, and none that is bad. gpgv's exit status
    does not tell that: it also fails for the further signature of a key that nobody asked about.
    """
    told = [words for line in lines if len(words := line.split()) > 1 and words[0] == "[GNUPG:]"]
    kinds = {words[1] for words in told}
    primary = {words[-1] for words in told if words[1] == "VALIDSIG"}
    valid = primary & set(keyring.fingerprints)
    if "GOODSIG" in kinds and valid and "BADSIG" not in kinds:
        return valid.pop()
    raise BadSignature(
        "The signature of the checksum file is not good.",
        details=f"{_why(kinds, told)}\nmay sign: {', '.join(keyring.fingerprints)}",
        hint="Nothing was downloaded or made. Try again later or another mirror; if it stays so, "
        "somebody may be in between.",
    )


def _why(kinds: set[str], told: list[list[str]]) -> str:
    if "BADSIG" in kinds:
        return "The file was changed after it had been signed."
    missing = [words[2] for words in told if words[1] == "NO_PUBKEY" and len(words) > 2]
    if missing:
        return f"It is signed by another key: {', '.join(missing)}."
    if kinds & {"EXPKEYSIG", "EXPSIG", "REVKEYSIG"}:
        return "The signature or its key has expired, or was revoked."
    return "It is no signature, or a damaged one."
