"""Formats of names, ids, paths and small values."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pvekit.lab.backup import calendar
from pvekit.lab.schema.addresses import LABEL, Check, like, passes

_CHARS = r"[A-Za-z0-9.\-_]+"
_USER = r"[\w+\-~]+(\.[\w+\-~]+)*"
_EMAIL = rf"{_USER}@[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)*"
_REALM = r"[A-Za-z][A-Za-z0-9.\-_]+"
_STORAGE_ID = r"[a-z][a-z0-9\-_.]*[a-z0-9]"
_I = re.IGNORECASE
_CONTENT = frozenset({"backup", "images", "import", "iso", "none", "rootdir", "snippets", "vztmpl"})
_HA_ID = "value does not look like a valid ha resource id"


def _user(text: str) -> str:
    if len(text) < 3:
        return f"user name '{text}' is too short"
    if len(text) > 64:
        return f"user name '{text}' is too long ({len(text)} > 64)"
    return like(rf"[^\s:/]+@{_REALM}", "value '{}' does not look like a valid user name")(text)


def _pool(text: str) -> str:
    if len(text.rstrip("/").split("/")) > 3:
        return f"pool name '{text}' nested too deeply (max levels = 3)"
    return like(rf"{_CHARS}(?:/{_CHARS}){{0,2}}", "pool name '{}' contains invalid characters")(
        text
    )


def _pair(check: Check, text: str) -> str:
    """One entry of a map from ids to ids; it is refused in a line with a blank one after it."""
    source, colon, target = text.partition(":")
    if text == "1":
        return ""
    parts = [source, target] if colon and source and target and ":" not in target else [text]
    found = next(filter(None, map(check, parts)), "")
    return f"entry '{text}' contains invalid ID - {found}\n\n" if found else ""


def _replication_job(text: str) -> str:
    found = re.search(r"^(\d+)-(\d+)$", text)
    why = f"invalid replication job id '{text}'"
    if found and int(found[1]) < 100:
        return f"{why} (guest IDs < 100 are reseved)"
    return "" if found else why


def _vlans(text: str) -> str:
    found = re.search(r"^(\d+)(?:-(\d+))?$", text)
    if not found:
        return f"invalid VLAN configuration '{text}'"
    for tag in filter(None, found.groups()):
        if not 2 <= int(tag) <= 4094:
            return f"invalid VLAN tag '{tag}'"
    if found[2] and int(found[1]) >= int(found[2]):
        return f"VLAN range must go from lower to higher tag '{text}'"
    return ""


def _directory(text: str) -> str:
    found = re.search(r"^([a-z]+)=([^.]*(?:\.?[^.]+)+)$", text)
    if not found:
        return f"invalid override '{text}'"
    if found[1] not in _CONTENT:
        return f"invalid content type '{found[1]}'"
    fits = len(found[2]) < 1023 and all(len(part) < 255 for part in found[2].split("/"))
    return "" if fits else f"invalid override '{text}'"


def _sdn_id(kind: str, pattern: str, limit: int) -> Check:
    allowed = like(pattern, f"{kind} ID '{{}}' contains illegal characters", _I)

    def check(text: str) -> str:
        why = f"{kind} ID '{text}' can't be more length than {limit} characters"
        return allowed(text) or (why if len(text) > limit else "")

    return check


_storage = like(_STORAGE_ID, "storage ID '{}' contains illegal characters", _I)
_bridge = like(r"[-_.\w]+", "invalid bridge ID '{}'")
CHECKS: Mapping[str, Check] = {
    "bridge-pair": lambda text: _pair(_bridge, text),
    "disk-size": like(r"(\d+(\.\d+)?)([KMGT])?", "value does not look like a valid disk size: {}"),
    "email": like(_EMAIL, "value does not look like a valid email address"),
    "email-or-username": like(
        f"{_EMAIL}|{_USER}", "value does not look like a valid email address or user name"
    ),
    "ldap-simple-attr": like(
        "[a-zA-Z0-9]+", "value '{}' does not look like a simple ldap attribute name"
    ),
    "pve-acme-alias": like(
        r"[a-z0-9_][a-z0-9_-]*(?:\.[a-z0-9_][a-z0-9_-]*)+",
        "value '{}' does not look like a valid alias name!",
        _I,
    ),
    "pve-acme-domain": like(
        r"[a-z0-9][a-z0-9_-]*(?:\.[a-z0-9][a-z0-9_-]*)+",
        "value '{}' does not look like a valid domain name!",
        _I,
    ),
    "pve-bridge-id": _bridge,
    "pve-calendar-event": calendar.fault_of,
    "pve-configid": like("[a-z][a-z0-9_-]+", "invalid configuration ID '{}'", _I),
    "pve-day-of-week": like("mon|tue|wed|thu|fri|sat|sun", "invalid day '{}'"),
    "pve-dir-override": _directory,
    "pve-groupid": like(_CHARS, "group name '{}' contains invalid characters"),
    "pve-ha-group-node": like(rf"{LABEL}(:\d+)?", "value does not look like a valid ha group node"),
    "pve-ha-node": like(rf"{LABEL}(:\d+)?", "value does not look like a valid ha group node"),
    "pve-ha-resource-id": like(r"[a-z]+:\S+", _HA_ID),
    "pve-ha-resource-or-vm-id": like(r"[a-z]+:\S+|\d+", _HA_ID),
    "pve-iface": like(r"[a-z][a-z0-9_]{1,20}([:.]\d+)?", "invalid network interface name '{}'", _I),
    "pve-node": like(LABEL, "value does not look like a valid node name"),
    "pve-poolid": _pool,
    "pve-realm": like(_REALM, "value does not look like a valid realm"),
    "pve-replication-job-id": _replication_job,
    "pve-roleid": like(_CHARS, "role name '{}' contains invalid characters"),
    "pve-sdn-controller-id": _sdn_id("controller", "[a-z][a-z0-9_-]*[a-z0-9]", 64),
    "pve-sdn-dns-id": like("[a-z][a-z0-9]*[a-z0-9]", "dns ID '{}' contains illegal characters", _I),
    "pve-sdn-ipam-id": like(
        "[a-z][a-z0-9]*[a-z0-9]", "ipam ID '{}' contains illegal characters", _I
    ),
    "pve-sdn-vnet-id": _sdn_id("vnet", "[a-z][a-z0-9]*[a-z0-9]", 8),
    "pve-sdn-zone-id": _sdn_id("zone", "[a-z][a-z0-9]*[a-z0-9]", 8),
    "pve-storage-content": passes(_CONTENT.__contains__, "invalid content type '{}'"),
    "pve-storage-id": _storage,
    "pve-storage-options": like(r"\S+", "invalid options '{}'"),
    "pve-storage-path": lambda text: (
        "" if re.match(r"/[^;()]+", text) else "value does not look like a valid absolute path"
    ),
    "pve-storage-vgname": like(
        r"[a-z0-9][a-z0-9\-_.]*[a-z0-9]", "lvm name '{}' contains illegal characters", _I
    ),
    "pve-tag": like(r"[a-z0-9_][a-z0-9_\-+.]*", "invalid characters in tag", _I),
    "pve-task-status-type": like("ok|error|warning|unknown", "invalid status '{}'", _I),
    "pve-tokenid": like(
        rf"[^\s:/]+@{_REALM}!{_REALM}", "value '{}' does not look like a valid token ID"
    ),
    "pve-userid": _user,
    "pve-vlan-id-or-range": _vlans,
    "pve-vmid": like("[1-9][0-9]{2,8}", "value does not look like a valid VM ID"),
    "pve-volume-id": like(f"{_STORAGE_ID}:.+", "unable to parse volume ID '{}'", _I),
    "storage-pair": lambda text: _pair(_storage, text),
    "urlencoded": like(r"[-%a-zA-Z0-9_.!~*'()]*", "invalid urlencoded string: {}"),
}
