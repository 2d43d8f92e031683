"""Names of volumes: how each type of storage builds and reads them, and where they lie."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pvekit.lab.failure import Failure
from pvekit.lab.storages.definition import Definition

_LVM_NAME = re.compile(r"[a-z0-9][a-z0-9\-_.]*[a-z0-9]", re.IGNORECASE)
_FILE = re.compile(r"(base-)?[^/\s]+\.(?P<format>raw|qcow2|vmdk|subvol)")
_LINKED_FILE = re.compile(r"(?P<base>\d+/\S+)/(?P<vmid>\d+)/(?P<name>\S+)")
_OWN_FILE = re.compile(r"(?P<vmid>\d+)/(?P<name>\S+)")
_BLOCK = {
    "lvm": re.compile(r"(?P<name>vm-(?P<vmid>\d+)-\S+)"),
    "lvmthin": re.compile(r"(?P<name>(vm|base)-(?P<vmid>\d+)-\S+)"),
    "zfs": re.compile(
        r"((?P<base>(base|basevol)-\d+-\S+)/)?"
        r"(?P<name>(base|basevol|vm|subvol)-(?P<vmid>\d+)-\S+)"
    ),
    "rbd": re.compile(r"((?P<base>base-\d+-\S+)/)?(?P<name>(base)?(vm)?-(?P<vmid>\d+)-\S+)"),
}
_ARCHIVE = r"\.(tgz|(?:tar|vma)(?:\.(?:gz|lzo|zst|bz2))?)"
_OTHER = {
    "iso": re.compile(r"[^/]+\.(?:iso|img)", re.IGNORECASE),
    "vztmpl": re.compile(r"[^/]+\.tar\.(?:gz|xz|zst|bz2)"),
    "backup": re.compile(rf"[^/]+{_ARCHIVE}"),
    "snippets": re.compile(r"[^/]+"),
    "import": re.compile(r"[a-zA-Z0-9_.\-+=/@ ]+\.(?:ova|ovf|qcow2|raw|vmdk)"),
}
_GUEST = re.compile(r"vzdump-(openvz|lxc|qemu)-(?P<vmid>\d+)-.+")
_ISCSI = re.compile(r"\d+\.\d+\.\d+\.\S+")


@dataclass(frozen=True)
class VolumeName:
    """A volume's name taken apart; ``base`` is the image that a linked clone lives on."""

    content: str
    name: str
    format: str = "raw"
    vmid: int = 0
    base: str = ""

    @property
    def is_base(self) -> bool:
        """Whether it is the base of linked clones."""
        return self.content == "images" and self.name.startswith(("base-", "basevol-"))


def parse_name(definition: Definition, text: str) -> VolumeName:
    """Take a volume's name apart; the program dies if no volume here can have it."""
    family = definition.kind.family
    if family == "files":
        return _parse_file(text)
    if family in {"lvm", "lvmthin"} and not _LVM_NAME.fullmatch(text):
        raise Failure(f"lvm name '{text}' contains illegal characters")
    if family in {"backup", "none"}:
        return _parse_foreign(definition, text)
    if found := _BLOCK[family].fullmatch(text):
        groups = found.groupdict()
        shape = "subvol" if re.match(r"subvol-|basevol-", found["name"]) else "raw"
        name, base = found["name"], groups.get("base") or ""
        return VolumeName("images", name, shape, int(found["vmid"]), base)
    raise Failure(
        f"unable to parse {'lvm' if family == 'lvmthin' else family} volume name '{text}'"
    )


def _parse_foreign(definition: Definition, text: str) -> VolumeName:
    if definition.type == "pbs":
        if re.fullmatch(r"backup/[^\s_]+/[^\s_]+/\S+", text):
            return VolumeName("backup", text, f"pbs-{text.split('/')[1]}")
        raise Failure(f"unable to parse PBS volume name '{text}'")
    if _ISCSI.fullmatch(text):
        return VolumeName("images", text)
    raise Failure(f"unable to parse {definition.type} volume name '{text}'")


def _parse_file(text: str) -> VolumeName:
    if found := _LINKED_FILE.fullmatch(text):
        file_format(found["base"].partition("/")[2])
        shape = file_format(found["name"])
        return VolumeName("images", found["name"], shape, int(found["vmid"]), found["base"])
    if found := _OWN_FILE.fullmatch(text):
        return VolumeName("images", found["name"], file_format(found["name"]), int(found["vmid"]))
    content, _, rest = text.partition("/")
    if content in _OTHER and _OTHER[content].fullmatch(rest):
        guest = _GUEST.match(rest) if content == "backup" else None
        return VolumeName(content, rest, vmid=int(guest["vmid"]) if guest else 0)
    raise Failure(f"unable to parse directory volume name '{text}'")


def file_format(name: str) -> str:
    """Return the format that an image file's name ends with; the program dies without one."""
    found = _FILE.fullmatch(name)
    if found is None:
        raise Failure(f"unable to parse volume filename '{name}'", 25)
    return found["format"]


def is_image(text: str) -> bool:
    """Return whether a name on a storage of files is that of a disk image."""
    return _OWN_FILE.fullmatch(text) is not None


def listed_format(content: str, name: str) -> str:
    """Return what listings call the format of a file that is no image, or nothing if it is none."""
    if content not in _OTHER or not _OTHER[content].fullmatch(name):
        return ""
    if content == "iso":
        return "iso"
    if content == "vztmpl":
        return "t" + name.rpartition(".")[2]
    if content == "snippets":
        return "snippet"
    if content == "backup":
        found = re.search(_ARCHIVE + "$", name)
        return found[1] if found else ""
    return name.rpartition(".")[2]


def owner_of(name: str) -> int:
    """Return the guest that a backup's file name tells, or 0."""
    found = _GUEST.match(name)
    return int(found["vmid"]) if found else 0


def image_name(definition: Definition, vmid: int, name: str, image_format: str) -> str:
    """Return the part of the volume id after the storage, for a name such as vm-100-disk-0."""
    if definition.path:
        return f"{vmid}/{name}.{image_format}"
    return name


def parent_of(name: str) -> str:
    """Return the base image that a linked clone's name begins with, or nothing."""
    head, _, last = name.rpartition("/")
    if head and not head.isdecimal() and last:
        return head.rpartition("/")[0] if _LINKED_FILE.fullmatch(name) else head
    return ""


def short_name(name: str) -> str:
    """Return vm-100-disk-0 for any name of that volume."""
    return name.rpartition("/")[2].partition(".")[0]


def path_of(definition: Definition, text: str) -> str:
    """Return where a volume is found in a node's file system (or for QEMU, with rbd)."""
    parsed = parse_name(definition, text)
    family, options = definition.kind.family, definition.options
    if family == "files":
        base = definition.directory(parsed.content)
        middle = f"{parsed.vmid}/" if parsed.content == "images" else ""
        return f"{base}/{middle}{parsed.name}"
    if family == "rbd":
        return _rbd_path(definition, parsed.name)
    if definition.type == "pbs":
        user = options.get("username", "root@pam")
        return f"pbs://{user}@{options['server']}:{options['datastore']}/{text}"
    return _device(definition, parsed)


def _device(definition: Definition, parsed: VolumeName) -> str:
    family, options = definition.kind.family, definition.options
    if family in {"lvm", "lvmthin"}:
        return f"/dev/{options['vgname']}/{parsed.name}"
    if family == "zfs" and parsed.format == "subvol":
        return f"{options.get('mountpoint', '/' + options['pool'])}/{parsed.name}"
    if family == "zfs":
        return f"/dev/zvol/{options['pool']}/{parsed.name}"
    return f"/dev/disk/by-id/{parsed.name.rpartition('.')[2]}"


def _rbd_path(definition: Definition, name: str) -> str:
    options = definition.options
    image = "/".join(p for p in (rbd_pool(definition), options.get("namespace", ""), name) if p)
    if options.get("krbd", "0") != "0":
        return f"/dev/rbd-pve/{FSID}/{image}"
    user = options.get("username", "admin")
    if "monhost" not in options:
        keyring = f"/etc/pve/priv/ceph/{definition.id}.keyring"
        return f"rbd:{image}:conf=/etc/pve/ceph.conf:id={user}:keyring={keyring}"
    hosts = re.sub(r"[,\s]+", ";", options["monhost"]).replace(":", r"\:")
    return f"rbd:{image}:mon_host={hosts}:auth_supported=none"


FSID = "b5d2c6e8-4a1f-4c39-9f0e-6a7d1c2b3e4f"  # the site's only Ceph cluster


def rbd_pool(definition: Definition) -> str:
    """Return the Ceph pool of an rbd storage."""
    return definition.options.get("pool", "rbd")
