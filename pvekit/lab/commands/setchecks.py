"""What ``qm set`` is asked to do, read from its options and checked before anything changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pvekit.lab.commands import drives, hooks
from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.lists import split_list
from pvekit.lab.options import table
from pvekit.lab.vmconfig import INTERNAL, Drive

_NOT_STORED = frozenset(
    {"vmid", "node", "skiplock", "digest", "delete", "revert", "force"}
    | {"background_delay", "skip_cloud_init"}
)


@dataclass
class Changes:
    """The changes: values by option, of which some are drives; names to delete and to revert."""

    values: dict[str, str]
    drives: dict[str, Drive] = field(default_factory=dict)
    deletions: list[str] = field(default_factory=list)
    reverts: list[str] = field(default_factory=list)
    force: bool = False


def option_exists(call: Call, name: str) -> bool:
    """Return whether a configuration can hold an option."""
    known = table("qm", call.node.capacity.pve).commands["set"].names
    return name in INTERNAL or (name in known and name not in _NOT_STORED)


async def read_changes(call: Call, values: Mapping[str, str]) -> Changes:
    """Read and check the options of a call; what cannot be is refused."""
    kept = {key: value for key, value in values.items() if key not in _NOT_STORED}
    if not kept and not values.get("delete") and not values.get("revert"):
        raise Failure("no options specified")
    changes = Changes(drives.without_alias(kept), force=values.get("force") == "1")
    _read_reverts(call, changes, values.get("revert", ""))
    _read_deletions(call, changes, values.get("delete", ""))
    wanted = await drives.wanted(call, changes.values)
    changes.drives = drives.checked(call, wanted)
    changes.values |= {slot: str(drive) for slot, drive in changes.drives.items()}
    if script := changes.values.get("hookscript", ""):
        _check_hookscript(call, script)
    drives.check_storages(call, changes.drives)
    return changes


def _read_reverts(call: Call, changes: Changes, text: str) -> None:
    for name in split_list(text):
        if not option_exists(call, name):
            raise call.refuse(revert=f"unknown option '{name}'")
        if name in changes.values:
            raise call.refuse(
                delete=f"you can't use '-{name}' and -revert {name}' at the same time"
            )
        changes.reverts.append(name)


def _read_deletions(call: Call, changes: Changes, text: str) -> None:
    for given in split_list(text):
        name = "ide2" if given == "cdrom" else given
        if name in changes.values:
            raise call.refuse(
                delete=f"you can't use '-{name}' and -delete {name}' at the same time"
            )
        if name in changes.reverts:
            raise call.refuse(
                revert=f"you can't use '-delete {name}' and -revert {name}' at the same time"
            )
        if not option_exists(call, name):
            raise call.refuse(delete=f"unknown option '{name}'")
        changes.deletions.append(name)


def _check_hookscript(call: Call, volid: str) -> None:
    try:
        hooks.find(call, volid)
    except Failure as failure:
        raise call.refuse(hookscript=f"{failure.message}\n") from failure
