"""``/nodes/NODE/storage/STORAGE/content``: volumes and files, which ``pvesm`` handles as well."""

from __future__ import annotations

import re
from typing import Any

from pvekit.lab.api.routes import Route
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.volumes import Volumes, Wish
from pvekit.lab.failure import Failure
from pvekit.lab.guests.disk import Disk
from pvekit.lab.images import read_image_file
from pvekit.lab.process import NotSimulated
from pvekit.lab.storage import Definition
from pvekit.lab.storages.filetree import shape
from pvekit.lab.storages.listing import listing
from pvekit.lab.storages.naming import VolumeName, file_format, parse_name
from pvekit.lab.tasks import Say

Entry = dict[str, Any]
_PATH = "/nodes/{node}/storage/{storage}/content"
_AUXILIARY = (".notes", ".protected")
_SIZE = re.compile(r"(\d+)([MG]?)")
_FACTORS = {"": 1, "M": 1 << 10, "G": 1 << 20}


async def index(call: Call) -> list[Entry]:
    """Return what lies on a storage."""
    storages = call.node.storages
    definition = storages.enabled(call.values["storage"])
    owners = call.node.cluster.guests().items()
    containers = frozenset(vmid for vmid, (_, kind) in owners if kind == "lxc")
    vmid = int(call.get("vmid") or 0)
    return listing(storages, definition, call.get("content"), vmid, containers)


async def allocate(call: Call) -> str:
    """Make an empty volume; the size is in KiB unless it ends in M or G. Returns its id."""
    found = _SIZE.fullmatch(call.values["size"])
    if found is None:
        raise call.refuse(size=f"unable to parse size '{call.values['size']}'")
    size = int(found[1]) * _FACTORS[found[2]] << 10
    name, wanted = call.values["filename"], call.get("format")
    if ending := re.search(r"\.(raw|qcow2|vmdk)$", name):
        if wanted not in {"", ending[1]}:
            raise call.refuse(format=f"different storage formats ({wanted} != {ending[1]})")
        wanted = ending[1]
    definition = call.node.storages.usable(call.values["storage"])
    wanted = wanted or definition.default_format
    wish = Wish(definition.id, call.vmid, wanted, _stem(definition, name, wanted))
    if wanted == "subvol" and definition.kind.family == "files":
        if size:
            raise Failure("storage does not support subvol quotas")
        raise NotSimulated("directories as volumes")
    volumes = Volumes(call.node, call.process.say, warn=call.process.complain)
    return await volumes.allocate(wish, size, Disk(size))


def _stem(definition: Definition, name: str, wanted: str) -> str:
    if not name or not definition.path:
        return name
    found = file_format(name)
    if found != wanted:
        raise Failure(
            f"illegal name '{name}' - wrong extension for format ('{found} != '{wanted}')"
        )
    return name.removesuffix(f".{found}")


def volume_id(call: Call) -> str:
    """Return the full id of the volume that a call names, with or without its storage."""
    volume, storage = call.values["volume"], call.get("storage")
    if ":" not in volume:
        if not storage:
            raise call.refuse(volume="no storage specified - incomplete volume ID")
        return f"{storage}:{volume}"
    named = volume.partition(":")[0]
    if not re.fullmatch(r"[A-Za-z][\w.-]*[A-Za-z0-9]:.+", volume):
        raise call.refuse(volume=f"unable to parse volume ID '{volume}'\n")
    if storage and named != storage:
        raise call.refuse(volume=f"storage ID missmatch ({named} != {storage})\n")
    return volume


async def read(call: Call) -> Entry:
    """Return what is known of one volume."""
    volid = volume_id(call)
    definition, name = call.node.storages.split(volid)
    parsed = parse_name(definition, name)
    entry: Entry = {"path": call.node.storages.path(volid)}
    if parsed.content == "images":
        entry |= await _image_facts(call, volid)
    else:
        entry |= await _file_facts(call, volid, parsed)
    return entry


async def _missing(call: Call, volid: str) -> Failure:
    definition, _ = call.node.storages.split(volid)
    if definition.path:
        path = call.node.storages.path(volid)
        await call.process.complain(f"failed to stat '{path}'\n")
    return Failure(f"volume_size_info on '{volid}' failed")


async def _image_facts(call: Call, volid: str) -> Entry:
    volume = call.node.storages.find(volid)
    if volume is None:
        raise await _missing(call, volid)
    used = shape(volume).used
    return {"format": volume.format, "size": volume.size, "used": used}


async def _file_facts(call: Call, volid: str, parsed: VolumeName) -> Entry:
    files, path = call.node.machine.files, call.node.storages.path(volid)
    if not files.is_file(path):
        raise await _missing(call, volid)
    data = files.read(path)
    image = read_image_file(data, path)
    if parsed.content == "import":
        return {
            "format": image.shape.format,
            "size": image.disk.size_bytes,
            "used": image.shape.used,
        }
    entry: Entry = {"format": "raw", "size": image.shape.bytes, "used": image.shape.used}
    if parsed.content == "backup":
        notes = f"{path}.notes"
        entry["notes"] = files.read(notes).decode(errors="replace") if files.exists(notes) else ""
        entry["protected"] = int(files.exists(f"{path}.protected"))
    return entry


async def change(call: Call) -> None:
    """Set a backup's notes and protection."""
    volid = volume_id(call)
    definition, name = call.node.storages.split(volid)
    parsed = parse_name(definition, name)
    call.node.storages.activate(definition)
    files, path = call.node.machine.files, call.node.storages.path(volid)
    if "notes" in call.values:
        _check_backup(parsed, "only backups can have notes")
        if call.values["notes"]:
            files.write(f"{path}.notes", call.values["notes"].encode(errors="surrogateescape"))
        elif files.exists(f"{path}.notes"):
            files.unlink(f"{path}.notes")
    if "protected" in call.values:
        _check_backup(parsed, "only backups can be protected")
        if call.on("protected"):
            files.touch(f"{path}.protected")
        elif files.exists(f"{path}.protected"):
            files.unlink(f"{path}.protected")


def _check_backup(parsed: VolumeName, otherwise: str) -> None:
    if parsed.content != "backup":
        raise Failure(otherwise)


async def delete(call: Call) -> None:
    """Remove a volume or file as a task: what goes wrong there leaves the status at zero."""
    volid = volume_id(call)
    definition, name = call.node.storages.split(volid)
    parsed = parse_name(definition, name)
    subject = f"{parsed.vmid}@{definition.id}" if parsed.vmid else definition.id
    try:
        async with call.worker("imgdel", subject) as say:
            await _remove(call, volid, parsed, say)
            await say(f"Removed volume '{volid}'\n")
            if parsed.content == "backup":
                _remove_beside(call, call.node.storages.path(volid))
    except Failure as failure:
        await call.process.complain(f"{failure.message}\n")


async def _remove(call: Call, volid: str, parsed: VolumeName, say: Say) -> None:
    if parsed.content == "images":
        await Volumes(call.node, say).free(volid)
        return
    definition, name = call.node.storages.split(volid)
    call.node.storages.usable(definition.id)
    files, path = call.node.machine.files, call.node.storages.path(volid)
    if files.exists(f"{path}.protected"):
        raise Failure(f"cannot remove protected volume '{name}' on '{definition.id}'")
    if not files.is_file(path):
        await say(f"disk image '{path}' does not exist\n")
        return
    files.unlink(path)


def _remove_beside(call: Call, path: str) -> None:
    """Remove a backup's log and notes, too."""
    files = call.node.machine.files
    found = re.fullmatch(r"(.*/vzdump-\w+-\d+-\d{4}_\d\d_\d\d-\d\d_\d\d_\d\d)[^/]+", path)
    places = [f"{path}{ending}" for ending in _AUXILIARY]
    for place in [*places, f"{found[1]}.log"] if found else []:
        if files.exists(place):
            files.unlink(place)


async def copy(_: Call) -> None:
    """Refuse to copy a volume: that is experimental there."""
    raise NotSimulated("copying a volume")


ROUTES = (
    Route("get", _PATH, index),
    Route("create", _PATH, allocate),
    Route("get", f"{_PATH}/{{volume}}", read),
    Route("set", f"{_PATH}/{{volume}}", change),
    Route("delete", f"{_PATH}/{{volume}}", delete),
    Route("create", f"{_PATH}/{{volume}}", copy),
)
