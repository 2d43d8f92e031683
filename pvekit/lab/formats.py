"""Which values Proxmox VE accepts, and the words with which it refuses the others.

The checks and their order are those of its JSON schema module: type, format, pattern, length,
range, enumeration; a property string is taken apart and its properties are checked alike.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping

from pvekit.lab.options import Arguments, Command, Refused, Spec

_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_CONFIG_ID = r"[A-Za-z][A-Za-z0-9_-]+"
_STORAGE_ID = r"[A-Za-z][A-Za-z0-9._-]*[A-Za-z0-9]"
_DRIVE = r"(ide[0-3]|sata[0-5]|scsi([12]?[0-9]|30)|virtio(1[0-5]|[0-9])|efidisk0|tpmstate0)"
_BOOT_DEVICE = rf"({_DRIVE}|net\d+|usb\d+|hostpci\d+)"
_SPLIT = re.compile(r"[,;\s\0]+")


class Invalid(Exception):
    """A value is refused; ``args[0]`` says why, in Proxmox VE's words."""


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda value: compiled.fullmatch(value) is not None


def _address(kind: type[ipaddress.IPv4Address | ipaddress.IPv6Address]) -> Callable[[str], bool]:
    def check(value: str) -> bool:
        try:
            kind(value)
        except ValueError:
            return False
        return True

    return check


_is_ipv4 = _address(ipaddress.IPv4Address)
_is_ipv6 = _address(ipaddress.IPv6Address)
_is_name = _matches(rf"({_LABEL}\.)*{_LABEL}")


def _is_network(value: str, address: Callable[[str], bool], bits: int) -> bool:
    head, _, size = value.partition("/")
    return address(head) and size.isdecimal() and 0 < int(size) <= bits


def _is_volume(value: str) -> bool:
    return re.fullmatch(rf"{_STORAGE_ID}:.+", value, re.DOTALL) is not None


# format -> (check, what is said otherwise; {} is the value)
_CHECKS: Mapping[str, tuple[Callable[[str], bool], str]] = {
    "pve-vmid": (_matches(r"[1-9][0-9]{2,8}"), "value does not look like a valid VM ID"),
    "dns-name": (_is_name, "value does not look like a valid DNS name"),
    "mac-addr": (
        _matches(r"[0-9A-Fa-f][02468ACEace](:[0-9A-Fa-f]{2}){5}"),
        "value does not look like a valid unicast MAC address",
    ),
    "pve-ipv4-config": (
        lambda v: v == "dhcp" or _is_network(v, _is_ipv4, 32),
        "value does not look like a valid ipv4 network configuration",
    ),
    "pve-ipv6-config": (
        lambda v: v in ("auto", "dhcp") or _is_network(v, _is_ipv6, 128),
        "value does not look like a valid ipv6 network configuration",
    ),
    "ipv4": (_is_ipv4, "value does not look like a valid IPv4 address"),
    "ipv6": (_is_ipv6, "value does not look like a valid IPv6 address"),
    "address": (
        lambda v: _is_ipv4(v) or _is_ipv6(v) or _is_name(v),
        "value does not look like a valid address: {}",
    ),
    "CIDR": (
        lambda v: _is_network(v, _is_ipv4, 32) or _is_network(v, _is_ipv6, 128),
        "value does not look like a valid CIDR network",
    ),
    "pve-configid": (_matches(_CONFIG_ID), "invalid configuration ID '{}'"),
    "pve-poolid": (_matches(r"[A-Za-z0-9._/-]+"), "pool name '{}' contains invalid characters"),
    "pve-storage-id": (_matches(_STORAGE_ID), "storage ID '{}' contains illegal characters"),
    "pve-node": (_matches(_LABEL), "value does not look like a valid node name"),
    "pve-tag": (_matches(r"[A-Za-z0-9_][A-Za-z0-9_+.-]*"), "invalid characters in tag"),
    "pve-bridge-id": (_matches(r"[-_.\w]+"), "invalid bridge ID '{}'"),
    "disk-size": (
        _matches(r"\d+(\.\d+)?[KMGT]?"),
        "value does not look like a valid disk size: {}",
    ),
    "urlencoded": (
        _matches(r"[A-Za-z0-9_.~!*'()%-]*"),
        "invalid urlencoded string: {}",
    ),
    "pve-qm-bootdev": (_matches(_BOOT_DEVICE), "invalid boot device '{}'"),
    "pve-qm-bootdisk": (_matches(_DRIVE), "invalid boot disk '{}'"),
    "pve-volume-id": (_is_volume, "unable to parse volume ID '{}'"),
    "pve-volume-id-or-qm-path": (
        lambda v: v in ("none", "cdrom") or v.startswith("/") or _is_volume(v),
        "unable to parse volume ID '{}'",
    ),
    "pve-volume-id-or-absolute-path": (
        lambda v: v.startswith("/") or _is_volume(v),
        "unable to parse volume ID '{}'",
    ),
}


def check_all(command: Command, given: Arguments, usage: str = "") -> None:
    """Check all values of a call; raises :class:`Refused` with every fault found.

    ``usage`` is shown in place of the command's own usage line.
    """
    faults: dict[str, str] = {}
    for name, spec in sorted(command.names.items()):
        faults |= _faults(name, spec, given.values)
    if faults:
        raise refused(usage or command.usage(), faults)


def refused(usage: str, faults: Mapping[str, str]) -> Refused:
    """Return the refusal of parameters: reason by name."""
    lines = "".join(f"{name}: {why}\n" for name, why in faults.items())
    return Refused(f"400 Parameter verification failed.\n{lines}{usage}")


def _faults(name: str, spec: Spec, values: Mapping[str, str], prefix: str = "") -> dict[str, str]:
    if name not in values:
        if spec.required and spec.type != "array":
            return {f"{prefix}{name}": "property is missing and it is not optional"}
        return {}
    found = {}
    try:
        check(spec, values[name], f"{prefix}{name}")
    except Invalid as invalid:
        found[f"{prefix}{name}"] = str(invalid)
    if spec.requires and spec.requires not in values:
        asked = f"missing property - '{prefix}{name}' requires this property"
        found[f"{prefix}{spec.requires}"] = asked
    return found


def check(spec: Spec, value: str, path: str) -> None:
    """Check one value; raises :class:`Invalid`."""
    _check_type(spec, value)
    _check_format(spec, value, path)
    if spec.pattern and not re.fullmatch(spec.pattern, value):
        raise Invalid("value does not match the regex pattern")
    if spec.max_length is not None and len(value) > spec.max_length:
        raise Invalid(f"value may only be {spec.max_length} characters long")
    _check_range(spec, value)
    if spec.enum and value not in spec.enum:
        known = ", ".join(spec.enum)
        raise Invalid(f"value '{value}' does not have a value in the enumeration '{known}'")


def _check_type(spec: Spec, value: str) -> None:
    patterns = {
        "integer": r"[+-]?\d+",
        "number": r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?",
        "boolean": r"(1|on|yes|true|0|off|no|false)",
    }
    pattern = patterns.get(spec.type)
    if pattern and not re.fullmatch(pattern, value, re.IGNORECASE):
        raise Invalid(f"type check ('{spec.type}') failed - got '{value}'")


def _check_range(spec: Spec, value: str) -> None:
    if spec.type not in ("integer", "number"):
        return
    if spec.maximum is not None and float(value) > spec.maximum:
        raise Invalid(f"value must have a maximum value of {spec.maximum:.15g}")
    if spec.minimum is not None and float(value) < spec.minimum:
        raise Invalid(f"value must have a minimum value of {spec.minimum:.15g}")


def _check_format(spec: Spec, value: str, path: str) -> None:
    if spec.properties:
        properties(spec, value, path)
        return
    values, name = [value], spec.format
    if found := re.fullmatch(r"(.*)-a?list", name):
        values, name = [part for part in _SPLIT.split(value) if part], found[1]
    accepts, otherwise = _CHECKS.get(name, (None, ""))
    for part in values:
        if accepts and not accepts(part):
            raise Invalid(f"invalid format - {otherwise.format(part)}\n")


def properties(spec: Spec, text: str, path: str) -> dict[str, str]:
    """Take a property string apart and check it; raises :class:`Invalid`."""
    found = _split(spec, text)
    faults: dict[str, str] = {}
    for name in sorted(found.keys() - spec.properties.keys()):
        faults[f"{path}.{name}"] = (
            "property is not defined in schema and the schema does not allow additional properties"
        )
    for name, property_ in sorted(spec.properties.items()):
        if not property_.alias:
            faults |= _faults(name, property_, found, f"{path}.")
    if faults:
        lines = "".join(f"{name}: {why}\n" for name, why in faults.items())
        raise Invalid(f"invalid format - format error\n{lines}")
    return found


def _split(spec: Spec, text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    default = next((n for n, p in spec.properties.items() if p.default_key), "")
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            if not default:
                raise Invalid(
                    "invalid format - value without key, but schema does not define a default key\n"
                )
            key, value = default, part
        property_ = spec.properties.get(key, Spec())
        if property_.key_alias:
            found[property_.key_alias] = key
        key = property_.alias or key
        if key in found:
            raise Invalid(
                f"invalid format - duplicate key in comma-separated list property: {key}\n"
            )
        found[key] = value
    return found
