"""What a configuration notes of changes that the cloud-init drive of a running VM lacks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pvekit.lab.vmconfig import VmConfig

SHOWN = (
    "cicustom", "cipassword", "citype", "ciuser", "ciupgrade", "nameserver", "searchdomain",
    "sshkeys",
)  # fmt: skip
_HEAD = "[special:cloudinit]"
_HIDDEN = "**********"
_PART = re.compile(r"(?ms)^\[special:cloudinit\]\n(.*?)(?=^\[|\Z)")


def concerns(option: str) -> bool:
    """Return whether an option shows on the drive."""
    return option in {*SHOWN, "name"} or re.fullmatch(r"(ipconfig|net)\d+", option) is not None


def recorded(config: VmConfig) -> dict[str, str]:
    """Return the options as the drive has them; ``added`` names those that it does not have."""
    found = _PART.search(config.sections)
    lines = found[1].splitlines() if found else []
    return {key: value for key, _, value in (line.partition(": ") for line in lines) if key}


def _store(config: VmConfig, notes: Mapping[str, str]) -> None:
    rest = _PART.sub("", config.sections).strip("\n")
    parts = [f"{rest}\n"] if rest else []
    if notes:
        lines = "".join(f"{key}: {value}\n" for key, value in sorted(notes.items()))
        parts.insert(0, f"{_HEAD}\n{lines}")
    config.sections = "\n".join(parts)


def settle(config: VmConfig) -> bool:
    """Forget the notes, for the drive is new; returns whether there were any."""
    if not recorded(config):
        return False
    _store(config, {})
    return True


def note(config: VmConfig, option: str, old: str | None, new: str | None) -> None:
    """Note that an option of a running VM becomes another, comes (no old value) or goes."""
    if not concerns(option):
        return
    notes = recorded(config)
    added = {name for name in notes.pop("added", "").split(",") if name}
    if option in notes:
        if notes[option] == new:  # it is again what the drive has
            del notes[option]
            added.discard(option)
    elif option in added:
        added -= {option} if new is None else set()
    elif old is None and new is not None:
        added.add(option)
    elif old is not None:
        notes[option] = old
    _store(config, {**notes, **({"added": ",".join(sorted(added))} if added else {})})


Row = dict[str, str | int]


def rows(config: VmConfig) -> Iterator[Row]:
    """Return what ``qm cloudinit pending`` and the API show."""
    notes = recorded(config)
    added = [name for name in notes.pop("added", "").split(",") if name]
    values = config.values
    for key in added:
        row: Row = {"key": key}
        if key in values:
            row["pending"] = _shown(key, values[key])
        yield row
    for key in SHOWN:
        # As in Perl, a 0 counts as not set.
        if key in added or values.get(key, "") in {"", "0"}:
            continue
        yield _changed(key, notes.get(key), values[key])
    for key in sorted(notes.keys() - values.keys()):
        yield {"key": key, "delete": 1}


def _changed(key: str, before: str | None, now: str) -> Row:
    if before is None:
        return {"key": key, "value": _shown(key, now)}
    return {"key": key, "value": _shown(key, before), "pending": _shown(key, now)}


def _shown(key: str, value: str) -> str:
    return _HIDDEN if key == "cipassword" else value
