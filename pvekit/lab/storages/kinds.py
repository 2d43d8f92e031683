"""What each type of storage can hold and do, as its plugin says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pvekit.lab.sections import Layout

Family = Literal["files", "lvm", "lvmthin", "zfs", "rbd", "backup", "none"]
State = Literal["current", "base", "snap"]


@dataclass(frozen=True)
class Kind:
    """One type of storage; ``content`` is what it may hold, ``initial`` what it holds by default.

    ``mounted`` storages lie under ``/mnt/pve``; ``remote`` ones are seen by all nodes.
    """

    name: str
    family: Family
    content: frozenset[str]
    initial: str
    layout: Layout
    formats: tuple[str, ...] = ("raw",)
    remote: bool = False
    mounted: bool = False
    probed: bool = False  # its server must answer before anything else is done
    features: Mapping[str, Mapping[State, frozenset[str]]] = field(default_factory=dict)

    def can(self, feature: str, state: State, image_format: str) -> bool:
        """Return whether a volume in a state and format has a feature."""
        return image_format in self.features.get(feature, {}).get(state, frozenset())


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FILES = "images rootdir vztmpl iso backup snippets import"
_FILE_OPTIONS = (
    "content-dirs nodes disable maxfiles prune-backups max-protected-backups content mkdir"
    " create-base-path create-subdirs bwlimit"
)
_IMAGES = "format preallocation"
_ALL = _words("raw qcow2 vmdk")
_RAW = _words("raw")
_DIR_FEATURES: Mapping[str, Mapping[State, frozenset[str]]] = {
    "snapshot": {"current": _words("qcow2"), "snap": _words("qcow2")},
    "clone": {"base": _ALL},
    "template": {"current": _ALL | {"subvol"}},
    "copy": {"base": _ALL, "current": _ALL, "snap": _words("qcow2")},
    "sparseinit": {"base": _ALL, "current": _ALL},
    "rename": {"current": _ALL},
}
_ZFS_FORMATS = _words("raw subvol")


def _layout(required: str, optional: str, fixed: str = "") -> Layout:
    return Layout(_words(required), _words(optional), _words(fixed) or _words(required))


def _files(name: str, required: str, optional: str, **more: bool) -> Kind:
    return Kind(
        name,
        "files",
        _words(_FILES) | ({"none"} if name in {"dir", "btrfs"} else set()),
        "images",
        _layout(required, f"{_FILE_OPTIONS} {_IMAGES} {optional}"),
        ("raw", "qcow2", "vmdk") + (("subvol",) if name == "dir" else ()),
        features=_DIR_FEATURES,
        **more,
    )


def _plain(name: str, required: str, content: str = "images") -> Kind:
    layout = _layout(required, "nodes disable content bwlimit")
    return Kind(name, "none", _words(content), "images", layout, remote=True, probed=True)


def _on(*states: State, formats: frozenset[str] = _RAW) -> Mapping[State, frozenset[str]]:
    return dict.fromkeys(states, formats)


_LVM = Kind(
    "lvm",
    "lvm",
    _words("images rootdir"),
    "images",
    _layout(
        "vgname",
        "nodes shared disable saferemove saferemove_throughput saferemove-stepsize content base"
        " tagged_only bwlimit",
        "vgname base",
    ),
    features={"copy": _on("base", "current"), "rename": _on("current")},
)
_LVMTHIN = Kind(
    "lvmthin",
    "lvmthin",
    _words("images rootdir"),
    "images,rootdir",
    _layout("thinpool vgname", "nodes disable content bwlimit"),
    features={
        "snapshot": _on("current"),
        "clone": _on("base", "snap"),
        "template": _on("current"),
        "copy": _on("base", "current", "snap"),
        "sparseinit": _on("base", "current"),
        "rename": _on("current"),
    },
)
_ZFSPOOL = Kind(
    "zfspool",
    "zfs",
    _words("images rootdir"),
    "images,rootdir",
    _layout("pool", "blocksize sparse nodes disable content bwlimit mountpoint"),
    ("raw", "subvol"),
    features={
        "snapshot": _on("current", "snap", formats=_ZFS_FORMATS),
        "clone": _on("base", formats=_ZFS_FORMATS),
        "template": _on("current", formats=_ZFS_FORMATS),
        "copy": {"base": _ZFS_FORMATS, "current": _RAW},
        "sparseinit": _on("base", "current"),
        "replicate": _on("base", "current", formats=_ZFS_FORMATS),
        "rename": _on("current", formats=_ZFS_FORMATS),
    },
)
_RBD = Kind(
    "rbd",
    "rbd",
    _words("images rootdir"),
    "images",
    _layout(
        "",
        "nodes disable monhost pool namespace data-pool username content krbd keyring bwlimit",
        "none",
    ),
    remote=True,
    features={
        "snapshot": _on("current", "snap"),
        "clone": _on("base", "snap"),
        "template": _on("current"),
        "copy": _on("base", "current", "snap"),
        "sparseinit": _on("base", "current"),
        "rename": _on("current"),
    },
)
_CEPHFS = Kind(
    "cephfs",
    "files",
    _words("vztmpl iso backup snippets import"),
    "backup",
    _layout(
        "path",
        f"{_FILE_OPTIONS} monhost subdir options username fuse keyring fs-name",
    ),
    remote=True,
    mounted=True,
)
_PBS = Kind(
    "pbs",
    "backup",
    _words("backup none"),
    "backup",
    _layout(
        "server datastore",
        "namespace port nodes disable content username password encryption-key master-pubkey"
        " maxfiles prune-backups max-protected-backups fingerprint",
    ),
    remote=True,
)
_ESXI = Kind(
    "esxi",
    "none",
    _words("import"),
    "import",
    _layout("server username", "password skip-cert-verification port nodes disable content", "no"),
    remote=True,
    probed=True,
)
_ZFS_ISCSI = Kind(
    "zfs",
    "none",
    _words("images"),
    "images",
    _layout(
        "iscsiprovider portal target pool",
        "blocksize nowritecache sparse lio_tpg comstar_hg comstar_tg nodes disable content bwlimit",
    ),
    remote=True,
)

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        _files("dir", "path", "shared is_mountpoint"),
        _files("nfs", "path server export", "options", remote=True, mounted=True, probed=True),
        _files(
            "cifs",
            "path server share",
            "subdir username password domain smbversion options",
            remote=True,
            mounted=True,
            probed=True,
        ),
        _files(
            "glusterfs",
            "path volume",
            "server server2 transport",
            remote=True,
            mounted=True,
            probed=True,
        ),
        _files("btrfs", "path", "shared is_mountpoint"),
        _CEPHFS,
        _LVM,
        _LVMTHIN,
        _ZFSPOOL,
        _RBD,
        _PBS,
        _ESXI,
        _ZFS_ISCSI,
        _plain("iscsi", "portal target", "images none"),
        _plain("iscsidirect", "portal target", "images none"),
    )
}
LAYOUTS: Mapping[str, Layout] = {name: kind.layout for name, kind in KINDS.items()}
