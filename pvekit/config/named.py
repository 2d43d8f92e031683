"""Values that are not in a file: those of ``PVEKIT_`` variables and of ``--set KEY=VALUE``.

Every key whose name the schema gives has one variable: ``vm_template.storage_pool`` is
``PVEKIT_VM_TEMPLATE__STORAGE_POOL``. A text is taken as it is, other scalars as in YAML, lists and
mappings are YAML or JSON. An empty variable counts as none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from pvekit.config import schema
from pvekit.config.document import Document, Mark, Value, decoded, parse
from pvekit.config.faults import ConfigFaults, Fault, Origin, Place, dotted
from pvekit.config.nearest import did_you_mean
from pvekit.errors import UsageError

PREFIX = "PVEKIT_"
OWN = (
    *("PVEKIT_CONFIG", "PVEKIT_CONTEXT", "PVEKIT_COLOR", "PVEKIT_LOG_FORMAT"),
    *("PVEKIT_NON_INTERACTIVE", "PVEKIT_LOCK_WAIT"),
)
"""The variables of pvekit that stand for no key."""
LAB = "PVEKIT_LAB"


def variable(place: Place) -> str:
    """Return the name of the variable of a key."""
    return PREFIX + "__".join(map(str, place)).upper()


def set_in(environ: Mapping[str, str]) -> dict[str, Place]:
    """Return the variables that are set, outer keys first, with the places they stand for."""
    known = sorted(schema.places(), key=len)
    return {variable(place): place for place in known if environ.get(variable(place))}


def unknown(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a warning for each variable with pvekit's prefix that is none of pvekit's."""
    known = {variable(place) for place in schema.places()} | set(OWN)
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known and not name.startswith(LAB):
            hint = did_you_mean(name, known)
            yield f"The variable {name} means nothing to pvekit{f': {hint}' if hint else '.'}"


def variables(environ: Mapping[str, str]) -> Iterator[Document]:
    """Yield a document for each variable that is set; raises ConfigFaults."""
    for name, place in set_in(environ).items():
        yield _document(place, environ[name], name)


def options(settings: Iterable[str]) -> Iterator[Document]:
    """Yield a document for each ``KEY=VALUE``; raises UsageError and ConfigFaults."""
    for setting in settings:
        key, equals, text = setting.partition("=")
        place = tuple(key.split("."))
        if not equals or not schema.at(place):
            known = [dotted(each) for each in schema.places()]
            raise UsageError(
                f"--set needs KEY=VALUE with a key of the configuration, not {key!r}.",
                hint=did_you_mean(key, known),
            )
        yield _document(place, text, "--set")


def _document(place: Place, text: str, source: str) -> Document:
    try:
        found = _read(place, text, source)
    except ConfigFaults as error:
        raise ConfigFaults(tuple(_inside(place, error.faults))) from None
    value: Value = found.value
    marks = {(*place, *inner): mark for inner, mark in found.marks.items()}
    faults = tuple(_inside(place, found.faults))
    for end in range(len(place) - 1, -1, -1):
        value = {str(place[end]): value}
        marks[place[:end]] = Mark(Origin(source))
    return Document(source, value, marks, faults)


def _inside(place: Place, faults: Iterable[Fault]) -> Iterator[Fault]:
    return (replace(each, place=(*place, *each.place)) for each in faults)


def _read(place: Place, text: str, source: str) -> Document:
    part = schema.at(place)
    content = text.encode(errors="surrogateescape")
    if part.get("type") == "string" or "enum" in part:
        text = decoded(content, source)
        return Document(source, text, {(): Mark(Origin(source), text)}, ())
    return parse(content, source)
