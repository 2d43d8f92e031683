"""The password that new VMs get: found when it is needed, and sent as its hash only."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from pvekit import masking
from pvekit.config import secrets
from pvekit.config.faults import Origin, Place
from pvekit.operations.desk import Desk
from pvekit.shell import Secret

_PLACE: Place = ("cloud_init", "password")


def hashing(desk: Desk) -> Callable[[str], Secret] | None:
    """Return what makes the hash of the configured password for a VM; None if there is none.

    The same VM, named by a text, always gets the same hash, so that a goal can be read back.
    """
    if desk.config.cloud_init.password is None:
        return None
    return lambda subject: Secret(lambda: _hashed(check(desk), subject))


def check(desk: Desk) -> str:
    """Return the configured password, or nothing; raises SecretMissing where it cannot be had."""
    config = desk.config
    written = config.cloud_init.password
    if written is None:
        return ""
    if written not in desk.found:
        origin = config.origins.get(_PLACE, Origin(config.source or Path.cwd()))
        desk.found[written] = secrets.resolve(written, _PLACE, origin, os.environ)
    return desk.found[written].value


def _hashed(password: str, subject: str) -> str:
    from passlib.hash import sha512_crypt

    # A salt needs to be another for each, not to be secret; hexadecimal digits suit every crypt.
    salt = hashlib.sha256(f"pvekit {subject}".encode()).hexdigest()[:16]
    hasher = sha512_crypt.using(salt=salt, rounds=5000)  # type: ignore[no-untyped-call]
    made = str(hasher.hash(password))
    masking.register(made)
    return made
