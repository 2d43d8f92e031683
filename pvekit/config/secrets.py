"""Secrets of the configuration: what is written there is mostly where the secret is to be found.

``env:NAME``, ``file:PATH``, ``cmd:WORDS`` or ``keyring:SERVICE/USER``; anything else is the secret
itself, which only a file that nobody else can read may hold. They are resolved when they are used.
"""

from __future__ import annotations

import importlib
import shlex
import subprocess
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pvekit import masking, private
from pvekit.config.faults import Origin, Place, dotted
from pvekit.config.model import beside
from pvekit.errors import UsageError
from pvekit.shell import Secret


class SecretMissing(UsageError):
    """A secret of the configuration is not where the configuration says."""

    id = "SECRET-MISSING"


HIDDEN = masking.HIDDEN
PATIENCE = 60.0
"""How long a command may take to tell a secret, in seconds: it may have to ask a person."""
_MAX_BYTES = 10_000


def is_reference(written: str) -> bool:
    """Whether a text says where a secret is, and is not one itself."""
    return written.partition(":")[0] in _READERS and ":" in written


def resolve(written: str, place: Place, origin: Origin, environ: Mapping[str, str]) -> Secret:
    """Return a secret of the configuration; raises UsageError, which never tells any of it."""
    wanted = _Wanted(written, f"{origin}: {dotted(place)}", origin, environ)
    if is_reference(written):
        kind, _, rest = written.partition(":")
        value = _READERS[kind](wanted, rest.strip())
    else:
        value = _literal(wanted)
    value = value.removesuffix("\n").removesuffix("\r")
    masking.register(value)
    if not value:
        raise wanted.fault("is empty")
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in value):
        raise wanted.fault("has a line break or another control character in it")
    return Secret(value)


@dataclass(frozen=True)
class _Wanted:
    """A secret that is looked for: what is written, and the words for its place."""

    written: str
    where: str
    origin: Origin
    environ: Mapping[str, str]

    def fault(self, why: str, *, details: str = "", hint: str = "") -> SecretMissing:
        return SecretMissing(f"{self.where} {why}.", details=masking.masked(details), hint=hint)


def _literal(wanted: _Wanted) -> str:
    source = wanted.origin.source
    if isinstance(source, Path):
        with source.open("rb") as file:
            private.check_secret(file.fileno(), source, "The configuration has a secret and")
    return wanted.written


def _variable(wanted: _Wanted, name: str) -> str:
    if name not in wanted.environ:
        raise wanted.fault(f"is in the variable {name}, which is not set")
    return wanted.environ[name]


def _file(wanted: _Wanted, written: str) -> str:
    source = wanted.origin.source
    path = beside(source if isinstance(source, Path) else None, written)
    try:
        with path.open("rb") as file:
            private.check_secret(file.fileno(), path, f"{wanted.where}: the file")
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise wanted.fault(f"is in {path}: {error.strerror}") from None
    if len(content) > _MAX_BYTES:
        raise wanted.fault(f"is in {path}, which is longer than {_MAX_BYTES} bytes")
    return _text(wanted, content)


def _command(wanted: _Wanted, written: str) -> str:
    try:
        words = shlex.split(written)
    except ValueError as error:
        raise wanted.fault(f"is no command: {error}") from None
    if not words:
        raise wanted.fault("names no command after 'cmd:'")
    try:
        done = subprocess.run(  # noqa: S603 - the user's own words, without a shell
            words, capture_output=True, timeout=PATIENCE, check=False, env=dict(wanted.environ)
        )
    except OSError as error:
        raise wanted.fault(f"comes from {words[0]!r}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise wanted.fault(f"comes from {words[0]!r}, which took over {PATIENCE:.0f} s") from None
    told = done.stderr.decode(errors="replace").strip()
    if done.returncode != 0:
        why = f"comes from {words[0]!r}, which ended with exit status {done.returncode}"
        raise wanted.fault(why, details="\n".join(told.splitlines()[-10:]))
    return _text(wanted, done.stdout)


def _keyring(wanted: _Wanted, written: str) -> str:
    service, slash, user = written.rpartition("/")
    if not (service and slash and user):
        raise wanted.fault("needs keyring:SERVICE/USER")
    try:
        keyring = importlib.import_module("keyring")
    except ImportError:
        hint = "Install pvekit with the extra `keyring`."
        raise wanted.fault("needs the library keyring, which is not here", hint=hint) from None
    try:
        found = keyring.get_password(service, user)
    except Exception as error:  # noqa: BLE001 - each backend of it has errors of its own
        raise wanted.fault("is in a keyring that cannot be read", details=str(error)) from None
    if found is None:
        hint = f"Put it there: keyring set {shlex.quote(service)} {shlex.quote(user)}"
        raise wanted.fault(f"is not in the keyring under {service!r} for {user!r}", hint=hint)
    return str(found)


def _text(wanted: _Wanted, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise wanted.fault("is no text in UTF-8") from None


_READERS: Mapping[str, Callable[[_Wanted, str], str]] = {
    "env": _variable,
    "file": _file,
    "cmd": _command,
    "keyring": _keyring,
}
