"""A process's open files by number."""

from __future__ import annotations

from pvekit.lab.process import Process
from pvekit.lab.streams import Stream


def descriptors_of(process: Process) -> dict[int, Stream]:
    """Return a process's open files by number, its three standard streams included."""
    readers = {0: process.stdin}
    writers = {1: process.stdout, 2: process.stderr}
    held = dict(process.descriptors)
    for number, reader in readers.items():
        held[number] = reader if isinstance(reader, Stream) else Stream(reader=reader)
    for number, writer in writers.items():
        held[number] = writer if isinstance(writer, Stream) else Stream(writer=writer)
    return held
