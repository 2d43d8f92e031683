"""Would the real programs accept these words? Judged by their own exported option tables.

Independent of the lab, which reads words too: here only what the tables say counts.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

SHARED = Path(__file__).parents[2] / "../shared/pve"
VERSIONS = ("8.4", "9.2")
PROGRAMS = ("qm", "pvesh", "pvesm")

Spec = Mapping[str, Any]

_BOOLEAN = r"(?i:1|on|yes|true|0|off|no|false)"
_TYPES = {"boolean": _BOOLEAN, "integer": r"[+-]?\d+", "number": r"[+-]?\d+(\.\d+)?"}
_DNS = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
_STORAGE = r"[A-Za-z][A-Za-z0-9._-]*[A-Za-z0-9]"
_FROM_FILE = {"sshkeys"}
"""Options whose value the command line reads from the file that is named."""


def _network(version: int, *words: str) -> Callable[[str], bool]:
    def fits(value: str) -> bool:
        if value in words:
            return True
        try:
            return "/" in value and ipaddress.ip_interface(value).version == version
        except ValueError:
            return False

    return fits


def _address(version: int) -> Callable[[str], bool]:
    def fits(value: str) -> bool:
        try:
            return ipaddress.ip_address(value).version == version
        except ValueError:
            return False

    return fits


def _text(pattern: str) -> Callable[[str], bool]:
    return lambda value: re.fullmatch(pattern, value) is not None


FORMATS: Mapping[str, Callable[[str], bool]] = {
    "address-list": lambda v: all(map(_text(rf"{_DNS}|[0-9a-fA-F:.]+"), v.split())),
    "disk-size": _text(r"\d+(\.\d+)?[KMGT]?"),
    "dns-name": _text(_DNS),
    "ipv4": _address(4),
    "ipv6": _address(6),
    "mac-addr": _text(r"[0-9A-Fa-f][02468ACEace](:[0-9A-Fa-f]{2}){5}"),
    "pve-bridge-id": _text(r"[-_.\w]+"),
    "pve-configid": _text(r"[A-Za-z][A-Za-z0-9_-]+"),
    "pve-configid-list": lambda v: all(map(_text(r"[A-Za-z][A-Za-z0-9_-]+"), v.split(","))),
    "pve-ipv4-config": _network(4, "dhcp"),
    "pve-ipv6-config": _network(6, "dhcp", "auto"),
    "pve-node": _text(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"),
    "pve-qm-bootdev-list": lambda v: all(
        map(_text(r"(scsi|ide|sata|virtio|net)\d+"), v.split(";"))
    ),
    "pve-storage-content": _text(r"[a-z]+"),
    "pve-storage-id": _text(_STORAGE),
    "pve-tag-list": lambda v: all(map(_text(r"[A-Za-z0-9_][A-Za-z0-9_+.-]*"), re.split("[;,]", v))),
    "pve-vmid": _text(r"[1-9]\d{2,8}"),
    "pve-volume-id": _text(rf"{_STORAGE}:.+"),
    "pve-volume-id-or-absolute-path": _text(rf"/.+|{_STORAGE}:.+"),
    "pve-volume-id-or-qm-path": _text(rf"none|cdrom|/.+|{_STORAGE}:.+"),
    "urlencoded": _text(r"[A-Za-z0-9_.~!*'()%-]*"),
}


@dataclass(frozen=True)
class Tables:
    version: str

    def faults(self, argv: Sequence[str]) -> list[str]:
        """What a program of this version would say against its words; nothing if it is content."""
        commands = _commands(self.version, argv[0])
        for length in (3, 2):
            name = " ".join(argv[:length])
            if name in commands:
                name = f"{argv[0]} {commands[name]['alias']}" if "alias" in commands[name] else name
                return list(_command(commands[name], list(argv[length:])))
        return [f"no such command: {' '.join(argv[:3])}"]


@cache
def _commands(version: str, program: str) -> Mapping[str, Any]:
    found: dict[str, Any] = json.loads((SHARED / version / f"cli-{program}.json").read_text())
    return found


def _command(command: Mapping[str, Any], words: list[str]) -> Iterator[str]:
    options, given = command["options"], {}
    args = list(command["args"])
    while words:
        word = words.pop(0)
        if word == "--":
            given |= dict.fromkeys(args[:1], "")
            args, words = args[1:] if words else args, []
        elif word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            if name not in options or options[name].get("positional"):
                yield f"unknown option {name}"
            elif not equals and not words:
                yield f"option {name} without a value"
            given[name] = value if equals else (words.pop(0) if words else "")
        elif word.startswith("-"):
            yield f"not a long option: {word}"
        elif args:
            given[args.pop(0)] = word
        else:
            yield f"one argument too many: {word}"
    yield from _values(_resolved(options), given)


def _resolved(options: Mapping[str, Spec]) -> dict[str, Spec]:
    """Options where net1 says what net0 says."""
    return {
        name: options.get(spec.get("same_format_as", ""), spec) for name, spec in options.items()
    }


def _values(specs: Mapping[str, Spec], given: Mapping[str, str], path: str = "") -> Iterator[str]:
    for name, spec in specs.items():
        if name not in given and not spec.get("optional") and not spec.get("alias"):
            yield f"{path}{name} is missing"
        if name in given and spec.get("requires") not in (None, *given):
            yield f"{path}{name} requires {spec['requires']}"
    for name, value in given.items():
        if name in specs:
            yield from (f"{path}{name}: {why}" for why in _value(name, specs[name], value))


def _value(name: str, spec: Spec, value: str) -> Iterator[str]:
    if name in _FROM_FILE:
        if not value.startswith("/"):
            yield f"{value!r} is no path"
        return
    if not re.fullmatch(_TYPES.get(spec["type"], r"(?s).*"), value):
        yield f"{value!r} is no {spec['type']}"
    elif spec["type"] in ("integer", "number"):
        yield from _range(spec, float(value))
    if spec.get("enum") and value not in map(str, spec["enum"]):
        yield f"{value!r} is none of {spec['enum']}"
    if spec.get("pattern") and not re.fullmatch(spec["pattern"], value):
        yield f"{value!r} does not match {spec['pattern']}"
    if len(value) > spec.get("maxLength", len(value)):
        yield "too long"
    if spec.get("format_properties"):
        yield from _properties(spec["format_properties"], value)
    elif spec.get("format") and not FORMATS[spec["format"]](value):
        yield f"{value!r} is no {spec['format']}"


def _range(spec: Spec, value: float) -> Iterator[str]:
    if value < float(spec.get("minimum", value)):
        yield f"{value:g} is less than {spec['minimum']}"
    if value > float(spec.get("maximum", value)):
        yield f"{value:g} is more than {spec['maximum']}"


def _properties(specs: Mapping[str, Spec], value: str) -> Iterator[str]:
    given: dict[str, str] = {}
    default = next((name for name, spec in specs.items() if spec.get("default_key")), "")
    for part in value.split(","):
        key, equals, text = part.partition("=")
        key, text = (key, text) if equals else (default, part)
        if key not in specs:
            yield f"no property {key!r}"
            continue
        if specs[key].get("keyAlias"):  # virtio=MAC stands for model=virtio,macaddr=MAC
            given[specs[key]["keyAlias"]] = key
        key = specs[key].get("alias") or key
        if key in given:
            yield f"property {key} twice"
        given[key] = text
    yield from _values(specs, given, ".")
