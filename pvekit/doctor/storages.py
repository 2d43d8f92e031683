"""The storages that the configuration names: there, active, of the right content, with room."""

from __future__ import annotations

from collections.abc import Iterator

from pvekit.doctor.model import Finding, Level, View
from pvekit.doctor.reading import Answer
from pvekit.inventory.model import NodeState, Storage
from pvekit.templates.decide import THIN

GIB = 1 << 30
POOL_WARN = 80.0
POOL_FAIL = 95.0


def storages(view: View) -> Iterator[Finding]:
    """Check that each configured storage can take a template and one VM, on every node."""
    for alias, answer in view.answered.items():
        node = view.inventory.node(alias)
        if node is None or not node.online:
            continue
        for name, gib in view.wanted.storages.items():
            yield _judged(view, alias, node, answer, name, gib)


def _judged(
    view: View, alias: str, node: NodeState, answer: Answer, name: str, gib: int
) -> Finding:
    storage = view.inventory.storage(node.domain, name)
    if storage is None or not storage.is_on(node.name):
        return _absent(view, alias, name, storage)
    if storage.disabled:
        return Finding(
            "storage",
            alias,
            "fail",
            f"{name} is disabled",
            f"on {alias}: pvesm set {name} --disable 0",
            "STORAGE-DOWN",
        )
    if "images" not in storage.content:
        content = ",".join(sorted({*storage.content, "images"}))
        return Finding(
            "storage",
            alias,
            "fail",
            f"{name} does not hold disk images",
            f"on {alias}: pvesm set {name} --content {content}",
            "TEMPLATE-CANNOT-BE-BUILT",
        )
    return _state(alias, answer, name, storage, gib)


def _absent(view: View, alias: str, name: str, storage: Storage | None) -> Finding:
    """Return the finding for a storage that a node has not: others may do without this node."""
    elsewhere = [
        node.alias
        for node in view.inventory.nodes
        if node.configured
        and (there := view.inventory.storage(node.domain, name))
        and there.is_on(node.name)
    ]
    if elsewhere:
        says = f"{name} is not on this node (it is on {', '.join(elsewhere)}): it gets no VM of it"
        mend = f"on {alias}: pvesm set {name} --nodes ..., if it should be there"
        return Finding("storage", alias, "warn", says, mend if storage else "")
    known = sorted({each.id for each in view.inventory.storages})
    says = f"there is no storage {name} (there: {', '.join(known) or 'none'})"
    mend = "name another one: vm_template.storage_pool, clone.storage"
    return Finding("storage", alias, "fail", says, mend, "TEMPLATE-CANNOT-BE-BUILT")


def _state(alias: str, answer: Answer, name: str, storage: Storage, gib: int) -> Finding:
    row = answer.storages.get(name)
    if row is None or row.status != "active":
        why = next((each for each in answer.complaints if name in each), "")
        return Finding(
            "storage",
            alias,
            "fail",
            f"{name} is {row.status if row else 'not listed'}{why and f': {why}'}",
            f"on {alias}: pvesm status --storage {name}",
            "STORAGE-DOWN",
            passing=True,
        )
    free = row.free // GIB
    says = f"{name} is active and has {free} GiB free"
    if free >= gib:
        return Finding("storage", alias, "ok", says)
    return Finding(
        "storage",
        alias,
        "warn" if storage.type in THIN and free else "fail",
        f"{says}; a template and one VM take up to {gib} GiB",
        "pvekit gc --dry-run, or name another storage",
        "STORAGE-FULL",
    )


def others(view: View) -> Iterator[Finding]:
    """Name storages that do not answer: they slow Proxmox VE down, used or not."""
    for alias, answer in view.answered.items():
        for name, row in answer.storages.items():
            if row.status == "inactive" and name not in view.wanted.storages:
                says = f"{name} does not answer; Proxmox VE waits for it at many a command"
                mend = f"on {alias}: pvesm status --storage {name}; pvesm set {name} --disable 1"
                yield Finding("storage", alias, "warn", says, mend, "STORAGE-DOWN", passing=True)


def pools(view: View) -> Iterator[Finding]:
    """Check that no thin pool is nearly full: one that fills up stops all VMs on it."""
    for alias, answer in view.answered.items():
        for name, (data, metadata) in answer.pools.items():
            worst = max(data, metadata)
            says = f"thin pool {name}: data {data:.0f} %, metadata {metadata:.0f} % full"
            if worst < POOL_WARN:
                yield Finding("thin-pool", alias, "ok", says)
                continue
            level: Level = "warn" if worst < POOL_FAIL else "fail"
            grow = "--poolmetadatasize +1G" if metadata > data else "-L +50G"
            mend = f"on {alias}: lvextend {grow} {name}, or remove disks"
            yield Finding("thin-pool", alias, level, says, mend, "STORAGE-FULL")
