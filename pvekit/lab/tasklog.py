"""The files of a node's tasks: their logs, the index of the finished ones, the list of the last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pvekit.lab.files import FileSystem

PLACE = "/var/log/pve/tasks"


def log_path(upid: str) -> str:
    """Return where a task's log lies: in a directory named by its start time's last digit."""
    start = upid.split(":")[4] if upid.count(":") > 4 else "0"
    return f"{PLACE}/{start[-1:]}/{upid}"


@dataclass(frozen=True)
class Row:
    """One line of the list of the last tasks; without an end it is running."""

    upid: str
    saved: bool
    endtime: int = 0
    status: str = ""

    def __str__(self) -> str:
        ended = f" {self.endtime:08X} {self.status}" if self.endtime else ""
        return f"{self.upid} {int(self.saved)}{ended}\n"


@dataclass(frozen=True)
class TaskFiles:
    """Writes the files as the tasks go on."""

    files: FileSystem

    def begin(self, upid: str) -> None:
        """Make an empty log."""
        self.files.mkdir(log_path(upid).rpartition("/")[0], parents=True)
        self.files.write(log_path(upid), b"")

    def note(self, upid: str, text: str) -> None:
        """Add a text to a task's log, if it is still there."""
        if text and self.files.exists(log_path(upid)):
            data = text.encode(errors="surrogateescape")
            self.files.write(log_path(upid), data, append=True)

    def end(self, row: Row) -> None:
        """Add a finished task to the index."""
        self.files.mkdir(PLACE, parents=True)
        text = f"{row.upid} {row.endtime:08X} {row.status}\n"
        self.files.write(f"{PLACE}/index", text.encode(errors="surrogateescape"), append=True)

    def show(self, rows: Iterable[Row]) -> None:
        """Write the list of the last tasks anew."""
        self.files.mkdir(PLACE, parents=True)
        text = "".join(map(str, rows))
        self.files.write(f"{PLACE}/active", text.encode(errors="surrogateescape"))
