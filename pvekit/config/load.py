"""The configuration file: where it lies, what it says, and whether its key is a real one.

YAML and jsonschema are imported when a file is read, not when pvekit starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pvekit.config import keys
from pvekit.config.faults import ConfigFaults, Fault, Place
from pvekit.config.model import Config
from pvekit.errors import UsageError
from pvekit.sizing import presets

if TYPE_CHECKING:
    from pvekit.config.document import Document

_VARIABLE = "PVEKIT_CONFIG"
_KEY_PLACE: Place = ("cloud_init", "ssh_public_key")
_KEY_EXPECTED = "a public SSH key"


def find(explicit: Path | None, environ: Mapping[str, str], cwd: Path, home: Path) -> Path:
    """Return the configuration file: the given one, PVEKIT_CONFIG's, or the first that is there.

    A file that was asked for is returned unseen; :func:`load` says what is wrong with it.
    """
    if explicit is not None:
        return explicit
    if named := environ.get(_VARIABLE):
        return Path(home, named[2:]) if named.startswith("~/") else Path(cwd, named)
    places = (cwd / "config.yaml", home / ".config" / "pvekit" / "config.yaml")
    for place in places:
        if _is_there(place):
            return place
    raise UsageError(
        "There is no configuration file.",
        details=f"Looked for --config, {_VARIABLE}, {' and '.join(map(str, places))}.",
        hint="Copy config.example.yaml from pvekit's sources to one of these places and edit it.",
        id="CONFIG-NOT-FOUND",
    )


def _is_there(place: Path) -> bool:
    try:
        return place.is_file()
    except PermissionError:
        return True  # reading it says so, which is better than to pass it over


def load(path: Path) -> Config:
    """Return the configuration of a file; raises ConfigFaults, which has all faults at once.

    Whether the public key is a real one is asked by :func:`public_keys`, before a change.
    """
    from pvekit.config import build
    from pvekit.config.document import read

    document = read(path)
    if faults := _faults(document):
        raise ConfigFaults(faults)
    return build.config(path, document.mapping(()), presets())


def validate(path: Path) -> tuple[Fault, ...]:
    """Return all that is wrong with a file, its public key included."""
    from pvekit.config.document import read

    try:
        document = read(path)
    except ConfigFaults as error:
        return error.faults
    written = document.get(_KEY_PLACE)
    try:
        if isinstance(written, str) and written:
            keys.read(written, path)
    except keys.NotAKey as error:
        return _in_order((*_faults(document), _key_fault(document, error)))
    return _faults(document)


def public_keys(config: Config) -> tuple[str, ...]:
    """Return the public keys for new VMs, from the text or the file that the configuration names.

    Raises ConfigFaults where it is not a real key, such as the placeholder of the example.
    """
    from pvekit.config.document import read

    try:
        return keys.read(config.cloud_init.ssh_public_key, config.source)
    except keys.NotAKey as error:
        if config.source is None:
            raise UsageError(
                f"{_KEY_EXPECTED} is needed, got {error}", id="CONFIG-INVALID"
            ) from error
        raise ConfigFaults((_key_fault(read(config.source), error),)) from error


def _faults(document: Document) -> tuple[Fault, ...]:
    from pvekit.config import relations, wording

    related = relations.check(document, presets())
    return _in_order((*document.faults, *wording.check(document), *related))


def _in_order(faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    return tuple(sorted(faults, key=lambda fault: fault.line or 0))


def _key_fault(document: Document, error: keys.NotAKey) -> Fault:
    hint = "the text of a key or the path of its .pub file"
    return document.fault(_KEY_PLACE, _KEY_EXPECTED, str(error), hint)
