"""What must have been on the site when a recording began, for its commands to succeed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pvekit.lab.site import Site
from tests.lab.parity import recordings
from tests.lab.parity.recordings import Entry
from tests.lab.parity.states import impose
from tests.lab.parity.worlds import RUNNING

_MADE = re.compile(
    r"qm (?:create|importovf) (\d+)|qm clone \d+ (\d+)|qmrestore \S+ (\d+)|--(?:newid|vmid) (\d+)"
)
_NO_PROGRAM = re.compile(
    r"(?:unable to find command '|line \d+: )([\w-]+)(?:'|: command not found)"
)
_NO_EXEC = re.compile(r"exec of ([\w-]+) .* failed: No such file")
_NO_DIRECTORY = re.compile(r"unable to open file '(/var/\S+)/[^/\s]+' - No such file")
_KEYS = re.compile(r"--sshkeys (/root/\S+)")
# Commands that succeed only for a VM that is there.
_USED = re.compile(
    r"qm (?:config|set|clone|start|template|status|shutdown|snapshot|migrate|destroy|pending) (\d+)"
    r"|qm (?:disk|guest|cloudinit) [a-z]+ (\d+)|pvesh get /nodes/\w+/qemu/(\d+)/"
)


def withhold(site: Site, entries: Sequence[Entry]) -> None:
    """Take away what the recording shows not to have been there."""
    errors = "".join(entry.stderr for entry in entries)
    for node in site.nodes.values():
        for program in {
            *_NO_PROGRAM.findall(errors),
            *_NO_EXEC.findall(errors),
        } & node.machine.programs.keys():
            del node.machine.programs[program]
        for path in set(_NO_DIRECTORY.findall(errors)):
            if node.machine.files.is_dir(path) and not node.machine.files.names(path):
                node.machine.files.rmdir(path)


def provide(site: Site, entries: Sequence[Entry]) -> None:
    """Make the VMs and key files that a recording uses before it has made them, if missing."""
    for entry in entries:
        for path in _KEYS.findall(entry.cmd) if entry.succeeded else ():
            files = site.nodes[entry.node].machine.files
            if not files.exists(path):
                files.write(path, files.read("/root/k1.pub"))
    entries = [entry for entry in entries if not RUNNING.search(entry.note)]
    for node, vmid in _standing(entries):
        if vmid not in site.clusters[0].guests() and node in site.nodes:
            impose(site, node, vmid, shown(entries, vmid))


def _standing(entries: Sequence[Entry]) -> Iterator[tuple[str, int]]:
    known: set[int] = set()
    for entry in entries:
        used = _numbers(_USED, entry.cmd) if entry.succeeded else []
        yield from ((entry.node, vmid) for vmid in used if vmid not in known)
        known |= {*used, *_numbers(_MADE, entry.cmd)}


def _numbers(pattern: re.Pattern[str], text: str) -> list[int]:
    return [int(number) for found in pattern.findall(text) for number in found if number]


def shown(entries: Sequence[Entry], vmid: int) -> str:
    """Return the first configuration that is shown, here or else in another recording."""
    others = (entry for name in recordings.names() for entry in recordings.read(name))
    showing = re.compile(rf"(^|\s)qm config {vmid}$|^cat \S+/qemu-server/{vmid}\.conf$")
    for entry in (*entries, *others):
        if showing.search(entry.cmd) and entry.succeeded:
            return entry.stdout
    return f"name: vm{vmid}\nmemory: 512\n"
