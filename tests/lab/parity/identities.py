"""Identities that a recorded command names, such as task ids, and the lab's own in their place."""

from __future__ import annotations

import re

from pvekit.lab.site import Site

_UPID = re.compile(r"UPID:(\w+):[0-9A-F]{8}:[0-9A-F]{8,9}:[0-9A-F]{8}:(\w+):(\w*):[^:\s]+:")
_BACKUP = re.compile(r"vzdump-qemu-(\d+)-[\d_]{10}-[\d_]{8}")


def here(site: Site, cmd: str) -> str:
    """Return a command with the ids of the lab's own tasks and backups of the same kind."""
    cmd = _UPID.sub(lambda found: _task(site, found), cmd)
    return _BACKUP.sub(lambda found: _backup(site, found), cmd)


def _task(site: Site, found: re.Match[str]) -> str:
    tasks = site.nodes[found[1]].tasks.all if found[1] in site.nodes else []
    alike = [task.upid for task in tasks if (task.kind, task.id) == (found[2], found[3])]
    return alike[-1] if alike else found[0]


def _backup(site: Site, found: re.Match[str]) -> str:
    for node in site.nodes.values():
        for directory in ("/var/lib/vz/dump", "/srv/pk/dump"):
            files = node.machine.files
            names = files.names(directory) if files.is_dir(directory) else []
            alike = [name for name in names if _BACKUP.match(name) and f"-{found[1]}-" in name]
            if alike:
                match = _BACKUP.match(sorted(alike)[-1])
                return match[0] if match else found[0]
    return found[0]
