"""``/storage``: the definitions, which ``pvesm add``, ``set`` and ``remove`` change too."""

from __future__ import annotations

import posixpath
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from pvekit.lab.access.store import remove_storage_access
from pvekit.lab.api.routes import Route
from pvekit.lab.cfslock import cfs_lock, file_lock
from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.lists import split_list
from pvekit.lab.node import Node
from pvekit.lab.process import NotSimulated
from pvekit.lab.sections import Section, Sections
from pvekit.lab.storages import hooks
from pvekit.lab.storages.definition import CONFIG, Definition, defined
from pvekit.lab.storages.kinds import KINDS, LAYOUTS

Entry = dict[str, Any]
_NUMBERS = frozenset(
    [
        *("disable", "shared", "mkdir", "create-base-path", "create-subdirs", "krbd", "sparse"),
        *("fuse", "nowritecache", "saferemove", "tagged_only", "skip-cert-verification"),
        *("maxfiles", "max-protected-backups", "port", "snapshot-as-volume-chain"),
    ]
)
_FLAGS = _NUMBERS - {"maxfiles", "max-protected-backups", "port"}
_DIRECTORY = re.compile(r"/[-/a-zA-Z0-9_.@]+")
_OLD_MKDIR = (
    "NOTE: The 'mkdir' option set for '{}' is deprecated and will be removed in Proxmox VE 9. Use "
    "'create-base-path' or 'create-subdirs' instead.\n"
)


def load(node: Node) -> Sections:
    """Return the sections of ``storage.cfg`` as they would be written again."""
    files = node.machine.files
    text = files.read(CONFIG).decode() if files.exists(CONFIG) else ""
    sections = Sections.parse(text)
    for name, definition in defined(sections).items():
        values = {k: v for k, v in definition.options.items() if k != "content"}
        values["content"] = ",".join(sorted(definition.content))
        sections.ids[name] = Section(definition.type, values)
    return sections


@asynccontextmanager
async def _changing(call: Call, failing: str) -> AsyncIterator[Sections]:
    lock = file_lock("storage.cfg")
    async with cfs_lock(call.node, lock, failing, call.process.complain):
        sections = load(call.node)
        yield sections
        call.node.write(CONFIG, sections.text(LAYOUTS))


def _shown(name: str, section: Section, digest: str) -> Entry:
    values: Entry = {
        key: int(value) if key in _NUMBERS and value.isdecimal() else value
        for key, value in section.values.items()
    }
    if KINDS[section.type].remote:
        values["shared"] = 1
    return {**values, "digest": digest, "storage": name, "type": section.type}


async def index(call: Call) -> list[Entry]:
    """Return all definitions, or those of one type."""
    sections, wanted = load(call.node), call.get("type")
    return [
        _shown(name, section, sections.digest)
        for name, section in sections.ids.items()
        if wanted in {"", section.type}
    ]


async def read(call: Call) -> Entry:
    """Return one definition."""
    sections = load(call.node)
    name = call.values["storage"]
    return _shown(name, _section(sections, name), sections.digest)


def _section(sections: Sections, name: str) -> Section:
    if name not in sections.ids:
        raise Failure(f"storage '{name}' does not exist")
    return sections.ids[name]


async def create(call: Call) -> Entry:
    """Define a storage, once it proved to be there."""
    name, kind = call.values["storage"], call.values["type"]
    given = _given(call)
    if not given.get("nodes", "x"):
        del given["nodes"]
    if KINDS[kind].mounted:
        given.setdefault("path", f"/mnt/pve/{name}")
    values, warnings = _checked(kind, given, new=True)
    for warning in warnings:
        await call.process.complain(warning)
    async with _changing(call, "create storage failed") as sections:
        if name in sections.ids:
            raise Failure(f"storage ID '{name}' already defined")
        section = Section(kind, {k: v for k, v in values.items() if k not in hooks.SECRET})
        definition = Definition(name, kind, section.values)
        await call.process.complain(hooks.added(call.node, definition, values))
        await _remark(call, name, section)
        _prove(call, definition)
        sections.ids[name] = section
    return {"storage": name, "type": kind}


def _prove(call: Call, definition: Definition) -> None:
    """Use the storage once, if it is for this node; the program dies if that fails."""
    node = call.node
    if definition.disabled or not definition.on(node.name):
        return
    try:
        node.storages.activate(definition)
    except Failure:
        hooks.removed(node, definition.id)
        raise


async def _remark(call: Call, name: str, section: Section) -> None:
    if "mkdir" in section.values and call.node.capacity.pve.startswith("8"):
        await call.process.complain(_OLD_MKDIR.format(name))


async def update(call: Call) -> Entry:
    """Change a definition."""
    name = call.values["storage"]
    given = _given(call)
    deleted = split_list(call.get("delete"))
    async with _changing(call, "update storage failed") as sections:
        sections.check_digest(call.get("digest"))
        section = _section(sections, name)
        values, warnings = _checked(section.type, given, new=False)
        for warning in warnings:
            await call.process.complain(warning)
        LAYOUTS[section.type].check_deletion(deleted, values)
        for option in deleted:
            section.values.pop(option, None)
        hooks.updated(call.node, name, values)
        section.values |= {k: v for k, v in values.items() if k not in hooks.SECRET}
        _tidy(section)
        await _remark(call, name, section)
        kind = section.type
    return {"storage": name, "type": kind}


def _tidy(section: Section) -> None:
    """Drop what would be written as nothing."""
    for key in ("nodes", "disable"):
        if section.values.get(key) in {"", "0"}:
            del section.values[key]


async def delete(call: Call) -> None:
    """Forget a definition; what lies on the storage stays."""
    name = call.values["storage"]
    async with _changing(call, "delete storage failed") as sections:
        _section(sections, name)
        users = [
            s for s in sections.ids.values() if s.values.get("base", "").startswith(f"{name}:")
        ]
        if users:
            raise Failure("can't remove storage - storage is used as base of another storage")
        hooks.removed(call.node, name)
        del sections.ids[name]
    await remove_storage_access(call.node, name, call.process.complain)


def _given(call: Call) -> dict[str, str]:
    values = call.properties("storage")
    for key in _FLAGS & values.keys():
        values[key] = "1" if values[key].lower() in {"1", "on", "yes", "true"} else "0"
    return values


def _checked(kind: str, given: Mapping[str, str], *, new: bool) -> tuple[dict[str, str], list[str]]:
    """Return the values as they are kept, and complaints; the program dies if they cannot be."""
    if kind in {"btrfs", "esxi"}:
        raise NotSimulated(f"storages of type {kind}")
    if given.get("snapshot-as-volume-chain", "0") != "0":
        raise NotSimulated("snapshots as chains of volumes")
    LAYOUTS[kind].check(given, new=new)
    values, warnings = dict(given), list[str]()
    if "content" in values:
        values["content"], warnings = _content(kind, values["content"])
    if "format" in values and values["format"] not in KINDS[kind].formats:
        warnings.append(f"storage does not support format '{values.pop('format')}'\n")
    if "nodes" in values:
        values["nodes"] = ",".join(sorted(set(split_list(values["nodes"]))))
    if new and kind == "dir":
        if not _DIRECTORY.fullmatch(values["path"]):
            raise Failure(f"illegal path for directory storage: {values['path']}")
        values["path"] = posixpath.normpath(values["path"])
    return values, warnings


def _content(kind: str, text: str) -> tuple[str, list[str]]:
    able = KINDS[kind].content
    wanted = list(dict.fromkeys(split_list(text)))
    kept = [content for content in wanted if content in able]
    if "none" in kept and len(kept) > 1:
        raise Failure("unable to combine 'none' with other content types")
    if not kept and "none" not in able:
        raise Failure("storage does not support configured content type(s)")
    refused = [content for content in wanted if content not in able]
    warnings = [f"storage does not support content type '{content}'\n" for content in refused]
    return ",".join(kept), warnings


ROUTES = (
    Route("get", "/storage", index),
    Route("create", "/storage", create),
    Route("get", "/storage/{storage}", read),
    Route("set", "/storage/{storage}", update),
    Route("delete", "/storage/{storage}", delete),
)
