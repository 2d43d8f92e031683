"""What values are accepted, and how the refused ones are told.

The texts and their order are those of the programs' JSON schema module: type, format, pattern,
length, range, enumeration; a property string is taken apart and its properties are checked alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pvekit.lab.lists import split_list
from pvekit.lab.schema import addresses, guests, names
from pvekit.lab.schema.addresses import Check
from pvekit.lab.schema.command import Command, boolean
from pvekit.lab.schema.spec import Arguments, Refused, Spec

CHECKS: Mapping[str, Check] = {**addresses.CHECKS, **names.CHECKS, **guests.CHECKS}
"""The check of each format, without the endings of lists and of values that may be empty."""
_INTEGER = re.compile(r"^[+-]?\d+$")
_NUMBER = re.compile(r"^[+-]?(\d+\.\d+|\d+\.|\.\d+|\d+)([eE][+-]?\d+)?$")
_MISSING = "property is missing and it is not optional"
_UNKNOWN = "property is not defined in schema and the schema does not allow additional properties"


class Invalid(Exception):
    """A value is refused; ``args[0]`` says why, in Proxmox VE's words."""


class Faults(dict[str, str]):
    """Reasons by the path of a value; two for one are joined as the programs do."""

    def tell(self, path: str, why: str) -> None:
        """Add a reason."""
        self[path] = f"{self[path]}\\n{why}" if path in self else why

    def lines(self) -> str:
        """Return one line for each; their order in the programs is by chance, here it is not."""
        return "".join(f"{path}: {why}\n" for path, why in sorted(self.items()))


def check_all(command: Command, given: Arguments, usage: str = "") -> None:
    """Check all values of a call; raises :class:`Refused` with every fault found.

    ``usage`` is shown in place of the command's own usage line.
    """
    faults = Faults()
    for name, spec in command.names.items():
        if name in given.lists:
            _check_items(spec, given.lists[name], name, faults)
        elif name in given.values or (spec.required and name != "extra-args"):
            _check_in(spec, name, given.values, "", faults)
    if faults:
        raise refused(usage or command.usage(), faults)


def refused(usage: str, faults: Mapping[str, str]) -> Refused:
    """Return the refusal of parameters: reason by name."""
    lines = Faults(faults).lines()
    return Refused(f"400 Parameter verification failed.\n{lines}{usage}")


def check(spec: Spec, value: str, path: str) -> None:
    """Check one value; raises :class:`Invalid`."""
    _check_type(spec, value)
    _check_format(spec, value, path)
    if spec.pattern and not re.search(f"^{spec.pattern}$", value, re.ASCII):
        raise Invalid("value does not match the regex pattern")
    if spec.max_length is not None and len(value) > spec.max_length:
        raise Invalid(f"value may only be {spec.max_length} characters long")
    if spec.min_length is not None and len(value) < spec.min_length:
        raise Invalid(f"value must be at least {spec.min_length} characters long")
    _check_range(spec, value)
    if spec.enum and value not in spec.enum:
        known = ", ".join(spec.enum)
        raise Invalid(f"value '{value}' does not have a value in the enumeration '{known}'")


def properties(spec: Spec, text: str, path: str) -> dict[str, str]:
    """Take a property string apart and check it; raises :class:`Invalid`."""
    found = _split(spec, text)
    faults = Faults()
    prefix = f"{path}." if path else ""
    for name in found.keys() - spec.properties.keys():
        faults.tell(f"{prefix}{name}", _UNKNOWN)
    for name, property_ in spec.properties.items():
        _check_in(property_, name, found, prefix, faults)
    if faults:
        raise Invalid(f"invalid format - format error\n{faults.lines()}")
    whole = guests.WHOLE.get(spec.format)
    models = spec.properties["reported-model"].enum if "reported-model" in spec.properties else ()
    if whole and (why := whole(found, models)):
        raise Invalid(f"invalid format - {why}\n")
    return found


def _check_in(
    spec: Spec, name: str, values: Mapping[str, str], prefix: str, faults: Faults
) -> None:
    """Check one option among all values of its object."""
    path = f"{prefix}{name}"
    belongs = not spec.kinds or values.get("type") in spec.kinds
    if name not in values:
        if spec.required and belongs and not spec.alias:
            faults.tell(path, _MISSING)
        return
    if not belongs:
        faults.tell(path, _UNKNOWN)
    elif spec.items is not None:
        _check_items(spec, [values[name]], path, faults)
    else:
        _check_one(spec, values[name], path, faults)
    if spec.requires and spec.requires not in values:
        faults.tell(
            f"{prefix}{spec.requires}", f"missing property - '{path}' requires this property"
        )


def _check_one(spec: Spec, value: str, path: str, faults: Faults) -> None:
    try:
        check(spec, value, path)
    except Invalid as invalid:
        faults.tell(path, str(invalid))


def _check_items(spec: Spec, values: Sequence[str], path: str, faults: Faults) -> None:
    for number, value in enumerate(values):
        _check_one(spec.items or Spec(), value, f"{path}[{number}]", faults)


def _check_type(spec: Spec, value: str) -> None:
    accepted = {
        "boolean": value in ("0", "1"),
        "integer": _INTEGER.search(value) is not None,
        "number": _NUMBER.search(value) is not None,
    }
    if not accepted.get(spec.type, True):
        raise Invalid(f"type check ('{spec.type}') failed - got '{value}'")


def _check_range(spec: Spec, value: str) -> None:
    if not _NUMBER.search(value):
        return
    if spec.maximum is not None and float(value) > float(spec.maximum):
        raise Invalid(f"value must have a maximum value of {spec.maximum}")
    if spec.minimum is not None and float(value) < float(spec.minimum):
        raise Invalid(f"value must have a minimum value of {spec.minimum}")


def _check_format(spec: Spec, value: str, path: str) -> None:
    if spec.properties:
        properties(spec, value, path)
        return
    name, values = spec.format, [value]
    if found := re.search(r"^(.*)-(list|opt)$", name):
        name = found[1]
        values = split_list(value) if found[2] == "list" else [value] if value else []
    checked = CHECKS.get(name)
    for part in values:
        if spec.members and part not in spec.members:
            raise Invalid(f"invalid format - invalid privilege '{part}'\n")
        if checked and (why := checked(part)):
            raise Invalid(f"invalid format - {why}\n")


def _split(spec: Spec, text: str) -> dict[str, str]:
    """Return the properties of a property string by name; raises :class:`Invalid`."""
    found: dict[str, str] = {}
    default = next((n for n, p in spec.properties.items() if p.default_key), "")
    seen_default = False
    for part in text.split(","):
        if not part.strip():
            continue
        key, equals, value = part.partition("=")
        if equals:
            _take(spec, key, value, found)
        elif not default:
            raise _format("value without key, but schema does not define a default key")
        elif seen_default or found.get(default, "0") != "0":
            raise _format(f"duplicate key in comma-separated list property: {default}")
        else:
            seen_default = True
            found[default] = part
    return found


def _take(spec: Spec, key: str, value: str, found: dict[str, str]) -> None:
    if not key or not value:
        raise _format("missing key in comma-separated list property")
    if key in found:
        raise _format(f"duplicate key in comma-separated list property: {key}")
    property_ = spec.properties.get(key, Spec())
    if property_.alias:
        if property_.key_alias in found:
            raise _format(f"key alias '{property_.key_alias}' is already defined")
        if property_.key_alias:
            found[property_.key_alias] = key
        key = property_.alias
        property_ = spec.properties.get(key, Spec())
    if property_.type == "boolean":
        value = boolean(value) or value
    found[key] = value


def _format(why: str) -> Invalid:
    return Invalid(f"invalid format - {why}\n")
