"""What lies on a storage: images, and the files of other content types."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Iterator
from typing import Any

from pvekit.lab.files import FileSystem
from pvekit.lab.storage import Definition, Storages, Volume
from pvekit.lab.storages import reach
from pvekit.lab.storages.filetree import shape
from pvekit.lab.storages.naming import listed_format, owner_of, parent_of

Row = dict[str, Any]
_CONTENT = ("rootdir", "images", "vztmpl", "iso", "backup", "snippets", "import")
_ARCHIVE = re.compile(
    r"vzdump-(?P<kind>lxc|openvz|qemu)-(?P<vmid>[1-9]\d{2,8})-"
    r"(?P<time>\d{4}_\d\d_\d\d-\d\d_\d\d_\d\d)\.\S+"
)


def listing(
    storages: Storages, definition: Definition, content: str, vmid: int, containers: frozenset[int]
) -> list[Row]:
    """Return the rows of a storage by volume id; ``containers`` are the ids that are no VMs."""
    storages.activate(definition)
    kinds = [
        kind
        for kind in ([content] if content else _CONTENT)
        if kind in definition.content and kind in _CONTENT
    ]
    rows: list[Row] = []
    for kind in kinds:
        if kind in {"images", "rootdir"}:
            rows += _images(storages, definition, kind, vmid, containers)
        elif definition.path:
            rows += _files(storages.machine_files, definition, kind, vmid)
    return sorted(rows, key=lambda row: str(row["volid"]).lower())


def _images(
    storages: Storages, definition: Definition, kind: str, vmid: int, containers: frozenset[int]
) -> Iterator[Row]:
    reach.check_list(definition, storages, exists=storages.exists_here(definition))
    volumes = storages.pool(definition.id).volumes
    for volume in volumes.owned(vmid) if vmid else list(volumes.values()):
        content = "rootdir" if volume.vmid in containers else "images"
        if content == kind:
            yield {"content": content, **_image(definition, volume)}


def _image(definition: Definition, volume: Volume) -> Row:
    row: Row = {
        "format": volume.format,
        "size": volume.size,
        "vmid": volume.vmid,
        "volid": f"{definition.id}:{volume.name}",
    }
    family, parent = definition.kind.family, parent_of(volume.name)
    if family == "files":
        used = shape(volume).used
        row |= {"parent": f"../{parent}" if parent else None, "used": used}
        return row | {"ctime": int(volume.created)}
    if family in {"zfs", "rbd"}:
        name = volume.name.rpartition("/")[2]
        return row | {"name": name, "parent": f"{parent}@__base__" if parent else None}
    return row | {"ctime": int(volume.created)}


def _files(files: FileSystem, definition: Definition, kind: str, vmid: int) -> Iterator[Row]:
    base = definition.directory(kind)
    if not files.is_dir(base) or (vmid and kind != "backup"):
        return
    for name in files.names(base):
        path = f"{base}/{name}"
        if not (form := listed_format(kind, name)) or not files.is_file(path):
            continue
        if vmid and not re.search(rf"\S+-{vmid}-\S+", name):
            continue
        stat = files.stat(path)
        row: Row = {
            "content": kind,
            "ctime": int(stat.mtime),
            "format": form,
            "size": stat.size,
            "volid": f"{definition.id}:{kind}/{name}",
        }
        yield row | (backup_facts(files, path) if kind == "backup" else {})


def backup_facts(files: FileSystem, path: str) -> Row:
    """Return what is listed of a backup besides its size: whose, when, its notes."""
    name = path.rpartition("/")[2]
    found = _ARCHIVE.fullmatch(name)
    row: Row = {"subtype": found["kind"] if found else "unknown"}
    if found:
        row["ctime"] = archive_time(found["time"])
    if owner := owner_of(name):
        row["vmid"] = owner
    if files.is_file(f"{path}.notes"):
        row["notes"] = files.read(f"{path}.notes").decode(errors="replace").partition("\n")[0]
    if files.exists(f"{path}.protected"):
        row["protected"] = 1
    return row


def archive_time(text: str) -> int:
    """Return the moment in a backup's name; nodes of the lab live in UTC."""
    return calendar.timegm(time.strptime(text, "%Y_%m_%d-%H_%M_%S"))
