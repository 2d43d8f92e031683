"""``/access/domains``: where users are known from; ``domains.cfg``."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from pvekit.lab.access import store
from pvekit.lab.api.routes import Route
from pvekit.lab.cfslock import cfs_lock, file_lock
from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.lists import split_list
from pvekit.lab.node import Node
from pvekit.lab.process import NotSimulated
from pvekit.lab.sections import Layout, Section, Sections

Data = dict[str, Any]
_FILE = "/etc/pve/domains.cfg"
_BUILTIN = {
    "pam": "Linux PAM standard authentication",
    "pve": "Proxmox VE authentication server",
}
_COMMON = frozenset({"comment", "default", "tfa"})
_SERVER = frozenset(
    {
        *("base_dn", "bind_dn", "capath", "case-sensitive", "cert", "certkey", "filter"),
        *("group_classes", "group_dn", "group_filter", "group_name_attr", "mode", "port", "secure"),
        *("server2", "sslversion", "sync-defaults-options", "sync_attributes", "user_classes"),
        *("verify", "check-connection"),
    }
)
_OPENID = frozenset(
    {
        *("client-key", "autocreate", "username-claim", "prompt", "scopes", "acr-values"),
        *("query-userinfo", "groups-claim", "groups-autocreate", "groups-overwrite", "audiences"),
    }
)
LAYOUTS = {
    "pam": Layout(optional=_COMMON),
    "pve": Layout(optional=_COMMON),
    "ad": Layout(frozenset({"server1", "domain"}), _COMMON | _SERVER | {"user_attr"}),
    "ldap": Layout(frozenset({"server1", "user_attr"}), _COMMON | _SERVER),
    "openid": Layout(
        frozenset({"issuer-url", "client-id"}),
        _COMMON | _OPENID,
        frozenset({"username-claim"}),
    ),
}
_FLAGS = frozenset({"default", "case-sensitive", "secure", "verify", "autocreate", "port"})


def load(node: Node) -> Sections:
    """Return all realms, the two that are always there too."""
    found = Sections.parse(store.text_of(node, _FILE))
    for name, comment in _BUILTIN.items():
        section = found.ids.setdefault(name, Section(name))
        section.values.setdefault("comment", comment)
    return found


def set_password(node: Node, user: str, password: str) -> None:
    """Set the password of a user of Proxmox VE's own realm."""
    name, _, realm = user.rpartition("@")
    section = load(node).ids.get(realm)
    if section is None:
        raise Failure(f"auth domain '{realm}' does not exist")
    if section.type == "pam":
        raise NotSimulated("passwords of system users")
    if section.type != "pve":
        raise Failure("can't set password on auth type '" + section.type + "'")
    salt = node.chance.randbytes(4).hex()
    digest = hashlib.sha256(f"{salt}{password}".encode()).hexdigest()
    store.set_password(node, name, f"$5${salt}${digest[:43]}")


def _write(call: Call, sections: Sections) -> None:
    call.node.write(_FILE, sections.text(LAYOUTS))


async def list_realms(call: Call) -> list[Data]:
    """``GET``: all realms, in short."""
    found = []
    for name, section in load(call.node).ids.items():
        entry: Data = {"realm": name, "type": section.type}
        entry |= {key: section.values[key] for key in ("comment",) if key in section.values}
        if section.values.get("default") == "1":
            entry["default"] = 1
        if tfa := re.search(r"\btype=(\w+)", section.values.get("tfa", "")):
            entry["tfa"] = tfa[1]
        found.append(entry)
    return found


async def read_realm(call: Call) -> Data:
    """``GET``: one realm."""
    sections = load(call.node)
    section = sections.ids.get(call.values["realm"])
    if section is None:
        raise Failure(f"domain '{call.values['realm']}' does not exist")
    values = {k: int(v) if k in _FLAGS else v for k, v in section.values.items()}
    return {**values, "type": section.type, "digest": sections.digest}


def _given(call: Call) -> dict[str, str]:
    taken = {"realm", "type", "password", "delete", "digest", "output-format"}
    known = call.command.names.keys()
    return {k: v for k, v in call.values.items() if k in known and k not in taken}


async def create_realm(call: Call) -> None:
    """Define a realm."""
    realm, kind = call.values["realm"], call.values["type"]
    failing = "add auth server failed"
    async with cfs_lock(call.node, file_lock("domains.cfg"), failing, call.process.complain):
        sections = load(call.node)
        if realm in sections.ids:
            raise Failure(f"domain '{realm}' already exists")
        if kind in _BUILTIN:
            raise Failure(f"unable to create builtin type '{kind}'")
        given = _given(call)
        LAYOUTS[kind].check(given, new=True)
        _only_default(sections, given)
        given.pop("check-connection", None)
        sections.ids[realm] = Section(kind, given)
        _write(call, sections)
    _store_secret(call, realm)


def _store_secret(call: Call, realm: str) -> None:
    if "password" in call.values:
        if not call.node.machine.files.is_dir("/etc/pve/priv/realm"):
            call.node.machine.files.mkdir("/etc/pve/priv/realm")
        call.node.write(f"/etc/pve/priv/realm/{realm}.pw", call.values["password"])


def _only_default(sections: Sections, given: dict[str, str]) -> None:
    if given.get("default") == "1":
        for section in sections.ids.values():
            section.values.pop("default", None)


async def update_realm(call: Call) -> None:
    """Change a realm."""
    realm = call.values["realm"]
    failing = "update auth server failed"
    async with cfs_lock(call.node, file_lock("domains.cfg"), failing, call.process.complain):
        sections = load(call.node)
        sections.check_digest(call.get("digest"))
        if realm not in sections.ids:
            raise Failure(f"domain '{realm}' does not exist")
        given, gone = _given(call), split_list(call.get("delete"))
        if not given and not gone:
            raise Failure("no options specified")
        section = sections.ids[realm]
        for name in gone:
            section.values.pop(name, None)
        LAYOUTS[section.type].check(given, new=False)
        _only_default(sections, given)
        section.values |= given
        _write(call, sections)
    _store_secret(call, realm)


async def delete_realm(call: Call) -> None:
    """Remove a realm."""
    realm = call.values["realm"]
    failing = "delete auth server failed"
    async with cfs_lock(call.node, file_lock("domains.cfg"), failing, call.process.complain):
        sections = load(call.node)
        if realm not in sections.ids:
            raise Failure(f"authentication domain '{realm}' does not exist")
        del sections.ids[realm]
        _write(call, sections)


async def sync_realm(call: Call) -> None:
    """Read users from a directory server: only what can be refused before that."""
    section = load(call.node).ids.get(call.values["realm"])
    if section is None:
        raise call.refuse(realm="Realm does not exist.")
    if section.type not in {"ldap", "ad"}:
        only = "Only LDAP/AD realms can be synced."
        raise Failure(f"Cannot sync realm type '{section.type}'! {only}")
    raise NotSimulated("a directory server")


ROUTES = (
    Route("get", "/access/domains", list_realms),
    Route("create", "/access/domains", create_realm),
    Route("get", "/access/domains/{realm}", read_realm),
    Route("set", "/access/domains/{realm}", update_realm),
    Route("delete", "/access/domains/{realm}", delete_realm),
    Route("create", "/access/domains/{realm}/sync", sync_realm),
)
