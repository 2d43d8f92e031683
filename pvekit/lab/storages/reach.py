"""Whether a storage can be reached, what it is made of, and what is said when it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvekit.lab.failure import Failure
from pvekit.lab.files import FileSystem
from pvekit.lab.storages.definition import DIRECTORIES, Definition
from pvekit.lab.storages.naming import path_of, rbd_pool

if TYPE_CHECKING:
    from pvekit.lab.storage import Storages


def key(definition: Definition) -> str:
    """Return what a storage is made of; two storages of the same share their volumes."""
    return f"{_PREFIXES.get(definition.type, definition.type)}:{_place(definition)}"


_PREFIXES = {"btrfs": "dir", "zfspool": "zfs", "zfs": "zfs-over-iscsi"}


def _place(definition: Definition) -> str:
    options, kind = definition.options, definition.type
    if kind in {"nfs", "cifs", "glusterfs"}:
        return source(definition)
    if kind == "rbd":
        names = (rbd_pool(definition), options.get("namespace", ""))
        return f"{options.get('monhost', '')}:{'/'.join(name for name in names if name)}"
    if kind == "cephfs":
        return options.get("monhost", "")
    if kind == "lvmthin":
        return f"{options.get('vgname', '')}/{options.get('thinpool', '')}"
    first = next((name for name in _MADE_OF if name in options), "")
    return options.get(first, "").rstrip("/")


_MADE_OF = ("path", "vgname", "pool", "server", "portal")


def source(definition: Definition) -> str:
    """Return what a mounted storage is mounted from, as ``df`` shows it."""
    options = definition.options
    if definition.type == "cifs":
        return f"//{options.get('server', '')}/{options.get('share', '')}"
    if definition.type == "cephfs":
        return f"{options.get('monhost', '')}:/"
    name = options.get("export", options.get("volume", ""))
    return f"{options.get('server', '')}:{name}"


def check(definition: Definition, *, exists: bool) -> None:
    """Die, as activating a storage does, if it is not there."""
    if exists:
        return
    options = definition.options
    if definition.kind.probed:
        raise Failure(f"storage '{definition.id}' is not online", 2)
    if definition.type == "pbs":
        raise Failure(
            f"{definition.id}: {datastores_error(options['server'], port(definition))}", 2
        )
    if definition.type == "lvmthin":
        raise Failure(f"no such logical volume {options['vgname']}/{options['thinpool']}")
    if definition.type == "zfspool":
        pool = options["pool"].partition("/")[0]
        why = f"zfs error: cannot import '{pool}': no such pool available"
        raise Failure(f"could not activate storage '{definition.id}', {why}\n")
    if definition.type == "cephfs":
        raise Failure(f"mount error: storage '{definition.id}' - Connection timed out")


def port(definition: Definition) -> str:
    """Return the port of a backup server."""
    return definition.options.get("port", "8007")


def datastores_error(server: str, at: str) -> str:
    """Return why the datastores of a backup server that is not there cannot be listed."""
    why = f"500 Can't connect to {server}:{at} (No route to host)"
    return f"error fetching datastores - {why}"


def check_list(definition: Definition, storages: Storages, *, exists: bool) -> None:
    """Die, as listing a storage's images does, if it is not there."""
    check(definition, exists=exists)
    if not exists and definition.type == "rbd":
        raise Failure(rbd_error(definition, "ls -l --format json", installed=has_ceph(storages)))


def has_ceph(storages: Storages) -> bool:
    """Return whether Ceph's programs are installed on a node."""
    return any(name.startswith("rbd:") for name in storages.pools)


def rbd_error(definition: Definition, command: str, *, installed: bool) -> str:
    """Return why a call of rbd failed."""
    if installed:
        return "rbd error: rbd: couldn't connect to the cluster!"
    words = f"/usr/bin/rbd {' '.join(_rbd_words(definition))} {command}"
    where = "at /usr/share/perl5/PVE/Tools.pm line 527."
    return f"rbd error: open3: exec of {words} failed: No such file or directory {where}"


def _rbd_words(definition: Definition) -> list[str]:
    options = definition.options
    words = ["-p", rbd_pool(definition)]
    if "namespace" in options:
        words += ["--namespace", options["namespace"]]
    user = f"client.{options.get('username', 'admin')}"
    place = ["-m", options["monhost"]] if "monhost" in options else ["-c", "/etc/pve/ceph.conf"]
    return [*words, *place, "--auth_supported", "none", "-n", user]


def taken(definition: Definition, name: str) -> str:
    """Return what is said when a new volume's name is taken."""
    family = definition.kind.family
    if family == "files":
        return f"disk image '{path_of(definition, name)}' already exists"
    place = f"{definition.options.get('vgname', definition.options.get('pool', 'rbd'))}"
    if family in {"lvm", "lvmthin"}:
        why = f'Logical Volume "{name}" already exists in volume group "{place}"'
        return f"lvcreate '{place}/{name}' error:   {why}"
    if family == "zfs":
        return f"zfs error: cannot create '{place}/{name}': dataset already exists"
    return f"rbd create '{name}' error: rbd: create error: (17) File exists"


def check_mounted(definition: Definition, files: FileSystem) -> None:
    """Die if something should be mounted and is not."""
    wanted = definition.options.get("is_mountpoint", "no")
    if wanted in {"", "0", "no", "off", "false"}:
        return
    place = wanted if wanted.startswith("/") else definition.path
    if place not in files.usages:
        what = f"directory is expected to be a mount point but is not mounted: '{place}'"
        raise Failure(f"unable to activate storage '{definition.id}' - {what}")


def make_directories(definition: Definition, files: FileSystem) -> None:
    """Make the directories of a storage of files, as activating it does."""
    options = definition.options
    make = options.get("mkdir", "1") != "0"
    base = options.get("create-base-path", "1") != "0" and make
    if not files.is_dir(definition.path):
        if not base:
            where = f"directory '{definition.path}' does not exist or is unreachable"
            raise Failure(f"unable to activate storage '{definition.id}' - {where}")
        files.mkdir(definition.path, parents=True)
    if not make or options.get("create-subdirs", "1") == "0":
        return
    wanted = definition.content
    for content in DIRECTORIES:
        if content in wanted or (content == "backup" and "rootdir" in wanted):
            files.mkdir(definition.directory(content), parents=True)
