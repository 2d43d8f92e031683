"""Where backups go: a storage or a directory, and what is kept there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pvekit.lab.failure import Failure
from pvekit.lab.process import NotSimulated
from pvekit.lab.storages.listing import listing
from pvekit.lab.storages.pruning import marked

if TYPE_CHECKING:
    from pvekit.lab.node import Node
    from pvekit.lab.storage import Definition
    from pvekit.lab.tasks import Say


@dataclass(frozen=True)
class Target:
    """A place for backups; without a ``storage`` it is only a directory.

    ``rules`` say how many backups of a VM are kept; none is all.
    """

    node: Node
    directory: str
    storage: str = ""
    rules: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, node: Node, wanted: Mapping[str, str]) -> Target:
        """Return the place that is asked for; the program dies if it is unfit."""
        storage, directory = wanted.get("storage", ""), wanted.get("dumpdir", "").rstrip("/")
        if storage and directory:
            raise Failure("cannot use options 'storage' and 'dumpdir' at the same time")
        if directory:
            if not node.machine.files.is_dir(directory):
                raise Failure(f"dumpdir '{directory}' does not exist")
            return cls(node, directory, "", _rules(wanted.get("prune-backups", "")))
        storage = storage or "local"
        definition = _usable(node, storage)
        if definition.type == "pbs":
            raise NotSimulated("a backup server")
        kept = wanted.get("prune-backups") or definition.options.get("prune-backups", "")
        return cls(node, definition.directory("backup"), storage, _rules(kept))

    def check_count(self, vmid: int, options: Mapping[str, str]) -> None:
        """Refuse one backup more than are kept, where old ones may not be removed."""
        limit = sum(self.rules.values())
        if not limit or options["remove"] == "1" or options["protected"] == "1":
            return
        files = self.node.machine.files
        names = files.names(self.directory) if files.is_dir(self.directory) else []
        pattern = re.compile(rf"vzdump-qemu-{vmid}-[\d_-]+\.vma(\.\w+)?")
        count = sum(
            pattern.fullmatch(name) is not None
            and not files.exists(f"{self.directory}/{name}.protected")
            for name in names
        )
        if count >= limit:
            raise Failure(
                f"There is a max backup limit of {limit} enforced by the target storage "
                "or the vzdump parameters. Either increase the limit or delete old backups."
            )

    async def prune(self, vmid: int, say: Say) -> None:
        """Remove the backups of a VM that need not be kept."""
        told = ", ".join(f"{name}={count}" for name, count in sorted(self.rules.items()))
        await say(f"prune older backups with retention: {told}")
        definition = self.node.storages.get(self.storage)
        rows = listing(self.node.storages, definition, "backup", vmid, frozenset())
        gone = [row for row in marked(rows, self.rules) if row["mark"] == "remove"]
        for row in gone:
            await say(f"removing backup '{row['volid']}'")
            remove(self.node, self.node.storages.path(row["volid"]))
        extra = " not covered by keep-retention policy" if gone else ""
        await say(f"pruned {len(gone)} backup(s){extra}")


def _usable(node: Node, storage: str) -> Definition:
    faults = []
    definition: Definition | None = None
    try:
        definition = node.storages.usable(storage)
        node.storages.activate(definition)
    except Failure as failure:
        faults.append(f"could not activate storage '{storage}': {failure.message}")
    try:
        definition = node.storages.get(storage)
        if "backup" not in definition.content:
            why = f"can't use storage '{storage}' for backups - wrong content type"
            faults.append(f"could not get storage information for '{storage}': {why}")
    except Failure as failure:
        faults.append(f"could not get storage information for '{storage}': {failure.message}")
    if faults or definition is None:
        raise Failure(" ".join(faults))
    return definition


def _rules(text: str) -> dict[str, int]:
    found = dict(part.split("=", 1) for part in text.split(",") if "=" in part)
    rules = {name: int(count) for name, count in found.items()}
    return {} if rules.get("keep-all") else rules


def remove(node: Node, path: str) -> None:
    """Remove a backup with its notes and its log."""
    head, _, name = path.rpartition("/")
    for place in (path, f"{path}.notes", f"{head}/{name.partition('.')[0]}.log"):
        if node.machine.files.exists(place):
            node.machine.files.unlink(place)
