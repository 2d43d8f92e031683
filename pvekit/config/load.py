"""The configuration: what its sources say together, and whether its key is a real one.

YAML and jsonschema are imported when a file is read, not when pvekit starts.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pvekit.config import keys
from pvekit.config.faults import ConfigFaults, Fault, Origin, Place
from pvekit.config.model import Config
from pvekit.config.sources import Sources, nowhere
from pvekit.errors import UsageError
from pvekit.sizing import presets

if TYPE_CHECKING:
    from pvekit.config.document import Document

_KEY_PLACE: Place = ("cloud_init", "ssh_public_key")
_KEY_EXPECTED = "a public SSH key"
_KEY_HINT = "the text of a key or the path of its .pub file"


def load(sources: Sources | Path) -> Config:
    """Return the configuration; raises ConfigFaults, which has all faults at once.

    Whether the public key is a real one is asked by :func:`public_keys`, before a change.
    """
    from pvekit.config import build

    document = together(sources)
    if faults := faults_of(document):
        raise ConfigFaults(faults)
    main = _sources(sources).main
    config = build.config(main, document.mapping(()), presets())
    origins = {place: mark.origin for place, mark in document.marks.items()}
    return replace(config, context=_sources(sources).context, origins=origins)


def together(sources: Sources | Path) -> Document:
    """Read all sources as one document; raises ConfigFaults for what is no plain YAML."""
    from pvekit.config import urls
    from pvekit.config.document import read
    from pvekit.config.merging import merged
    from pvekit.config.named import options, variables

    sources = _sources(sources)
    named = [*variables(sources.environ), *options(sources.settings)]
    layers = [*map(read, sources.files), *named]
    if not layers:
        raise nowhere(sources)
    document = merged(layers, sources.main, sources.cwd)
    urls.hide(document.value)
    return document


def validate(sources: Sources | Path) -> tuple[Fault, ...]:
    """Return all that is wrong with the configuration, its public key included."""
    try:
        document = together(sources)
    except ConfigFaults as error:
        return error.faults
    written = document.get(_KEY_PLACE)
    try:
        if isinstance(written, str) and written:
            keys.read(written, _sources(sources).main)
    except keys.NotAKey as error:
        fault = document.fault(_KEY_PLACE, _KEY_EXPECTED, str(error), _KEY_HINT)
        return _in_order((*faults_of(document), fault))
    return faults_of(document)


def public_keys(config: Config) -> tuple[str, ...]:
    """Return the public keys for new VMs, from the text or the file that the configuration names.

    Raises ConfigFaults where it is not a real key, such as the placeholder of the example.
    """
    try:
        return keys.read(config.cloud_init.ssh_public_key, config.source)
    except keys.NotAKey as error:
        origin = config.origins.get(_KEY_PLACE)
        if origin is None:
            raise UsageError(
                f"{_KEY_EXPECTED} is needed, got {error}", id="CONFIG-INVALID"
            ) from error
        fault = Fault(origin, _KEY_PLACE, _KEY_EXPECTED, str(error), _KEY_HINT)
        raise ConfigFaults((fault,)) from error


def _sources(sources: Sources | Path) -> Sources:
    return sources if isinstance(sources, Sources) else Sources((sources,))


def faults_of(document: Document) -> tuple[Fault, ...]:
    """Return all that is wrong with a document, but for its public key."""
    from pvekit.config import relations, wording

    related = relations.check(document, presets())
    return _in_order((*document.faults, *wording.check(document), *related))


def _in_order(faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    """Return faults source by source, and in each by line."""

    def key(origin: Origin) -> tuple[str, int]:
        return str(origin.source), origin.line or 0

    return tuple(sorted(faults, key=lambda fault: key(fault.origin)))
