"""Other recordings were made at the same time on the same nodes; their VMs are left out."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from tests.lab.parity.recordings import Entry

_ID = re.compile(r"\b[1-9]\d{2,5}\b")
_OTHER_VALUE = re.compile(r"/vms/\d+|--?(?!newid|vmid|vms|sid)[\w-]+[ =]\S+")
_LISTS = re.compile(
    r"qm list|pvesm list|cat \S*\.vmlist|cluster/resources|/qemu( |$)|storage/\S+/content|not-backed"
)
_RESOURCE_ROW = re.compile(r"(?:│ )?qemu/(\d+) ")
_QM_ROW = re.compile(r" +(\d+) .*")
_VOLUME_ROW = re.compile(r"\S+:\S+ +\w+ +\w+ +\d+ (\d+)?")
_TASKS = re.compile(r"/tasks( |$)")
_FILES = re.compile(r"debian-cloud\.qcow2")  # another recording's image, on the same storage
_VMLIST_ROW = re.compile(r'"(\d+)": \{ "node".*')


@dataclass(frozen=True)
class Foreign:
    """The vmids that a recording's own commands speak of; all others are foreign to it."""

    own: frozenset[int]
    files: bool = False

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> Foreign:
        """Return it for a recording."""
        lines = [_OTHER_VALUE.sub("", entry.cmd) for entry in entries if entry.program]
        found = {int(text) for line in lines for text in _ID.findall(line)}
        return cls(frozenset(found), any(_FILES.search(entry.cmd) for entry in entries))

    def spoils(self, entry: Entry) -> bool:
        """Return whether a recorded list of tasks holds those of others."""
        if not _TASKS.search(entry.cmd):
            return False
        subjects = re.findall(r"UPID:(?:\w+:){5}(\d+):", entry.stdout)
        return any(int(subject) not in self.own for subject in subjects)

    def without(self, entry: Entry, text: str) -> str:
        """Return a listing without what is foreign."""
        if not _LISTS.search(entry.cmd):
            return text
        if text.startswith("---\n"):
            return yaml.safe_dump(self._entries(yaml.safe_load(text)))
        try:
            data = json.loads(text)
        except ValueError:
            return self._rows(text)
        return json.dumps(self._entries(data), ensure_ascii=False) + "\n"

    def _entries(self, data: Any) -> Any:
        if not isinstance(data, list):
            return data
        return [entry for entry in data if not isinstance(entry, dict) or self._is_mine(entry)]

    def _is_mine(self, entry: dict[str, Any]) -> bool:
        file = _FILES.search(str(entry.get("volid", ""))) and not self.files
        return not file and self._is_own(entry.get("vmid"))

    def _is_own(self, vmid: object) -> bool:
        return vmid is None or int(str(vmid)) in self.own

    def _rows(self, text: str) -> str:
        kept = [line for line in text.splitlines(keepends=True) if self._keeps(line)]
        if text.startswith(("Volid", "┌", "qemu/")):  # columns are as wide as the widest row
            kept = [re.sub(r"[├┼┤─]*─[├┼┤─]*\n", "", line) for line in kept]
            kept = [re.sub(r"([ ─═])\1+", r"\1", line) for line in kept]
        return "" if len(kept) == 1 and "VMID NAME" in kept[0] else "".join(kept)

    def _keeps(self, line: str) -> bool:
        if _FILES.search(line) and not self.files:
            return False
        for row in (_RESOURCE_ROW, _QM_ROW, _VOLUME_ROW, _VMLIST_ROW):
            if found := row.match(line):
                return self._is_own(found[1])
        return True
