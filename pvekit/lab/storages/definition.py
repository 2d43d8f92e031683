"""One section of ``storage.cfg``, and what follows from it."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from pvekit.lab.lists import split_list
from pvekit.lab.sections import Section, Sections
from pvekit.lab.storages.kinds import KINDS, Kind

CONFIG = "/etc/pve/storage.cfg"
DIRECTORIES: Mapping[str, str] = {
    "images": "images",
    "rootdir": "private",
    "iso": "template/iso",
    "vztmpl": "template/cache",
    "snippets": "snippets",
    "backup": "dump",
    "import": "import",
}
_LOCAL = Section("dir", {"path": "/var/lib/vz", "content": "images,rootdir,vztmpl,iso,snippets"})


@dataclass(frozen=True)
class Definition:
    """One section of ``storage.cfg``."""

    id: str
    type: str
    options: Mapping[str, str]

    @property
    def kind(self) -> Kind:
        """What its type can hold and do."""
        return KINDS[self.type]

    @property
    def content(self) -> frozenset[str]:
        """The content types it may hold."""
        return frozenset(self.options.get("content", self.kind.initial).split(","))

    @property
    def shared(self) -> bool:
        """Whether all nodes see the same volumes."""
        return self.kind.remote or self.options.get("shared") == "1"

    @property
    def disabled(self) -> bool:
        """Whether it is switched off."""
        return self.options.get("disable", "0") != "0"

    @property
    def path(self) -> str:
        """The directory of a storage of files, or nothing."""
        return self.options.get("path", "")

    def directory(self, content: str) -> str:
        """Return the directory of one content type on a storage of files."""
        wanted = dict(
            part.split("=", 1)
            for part in self.options.get("content-dirs", "").split(",")
            if "=" in part
        )
        return posixpath.join(self.path, wanted.get(content, DIRECTORIES[content]).lstrip("/"))

    @property
    def default_format(self) -> str:
        """The format of a new image."""
        wanted = self.options.get("format", "")
        return wanted if wanted in self.kind.formats else "raw"

    def on(self, node: str) -> bool:
        """Return whether a node has it."""
        nodes = self.options.get("nodes", "")
        return not nodes or node in split_list(nodes)


def parse(text: str) -> dict[str, Definition]:
    """Read ``storage.cfg``."""
    return defined(Sections.parse(text))


def defined(sections: Sections) -> dict[str, Definition]:
    """Return the definitions; ``local`` is always there, and on every node."""
    found = {
        name: Definition(name, section.type, section.values)
        for name, section in sections.ids.items()
        if section.type in KINDS
    }
    local = found.get("local")
    if local is None or local.type != "dir" or local.path != "/var/lib/vz":
        found["local"] = Definition("local", "dir", _LOCAL.values)
    elif "nodes" in local.options:
        options = {k: v for k, v in local.options.items() if k != "nodes"}
        found["local"] = Definition("local", "dir", options)
    return found
