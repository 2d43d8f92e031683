"""The user's own SSH files: ``~/.ssh/config`` with what it includes, and the known_hosts files."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from pvekit.errors import UsageError

SYSTEM_KNOWN_HOSTS = Path("/etc/ssh/ssh_known_hosts")
_MAX_INCLUDES = 16
_INCLUDE = re.compile(r"\s*include[\s=]+(?P<patterns>.+)", re.IGNORECASE)
_BLOCK = re.compile(r"\s*(host|match)[\s=]", re.IGNORECASE)


def own_known_hosts(home: Path) -> Path:
    """Return pvekit's own file, the one that ``pvekit node trust`` writes."""
    return home / ".config" / "pvekit" / "known_hosts"


def known_hosts_files(home: Path, configured: Path | None = None) -> tuple[Path, ...]:
    """Return the files that say which host keys are known; the first is the one to add to."""
    own = configured or own_known_hosts(home)
    return (own, home / ".ssh" / "known_hosts", SYSTEM_KNOWN_HOSTS)


def read_ssh_config(home: Path) -> str:
    """Return the text of ``~/.ssh/config`` with its includes in place; empty where there is none.

    paramiko passes over ``Include`` without a word. One inside a block of its own is read as if it
    stood outside, which ssh_config(5) makes conditional.
    """
    folder = home / ".ssh"
    return "\n".join(_lines(folder / "config", folder, 0))


def _lines(path: Path, folder: Path, depth: int) -> Iterator[str]:
    if depth > _MAX_INCLUDES:
        raise UsageError(
            f"The files that {folder / 'config'} includes lead in a circle.",
            id="SSH-CONFIG-INVALID",
        )
    block = "Host *"
    for line in _text(path).splitlines():
        include = _INCLUDE.match(line)
        if include is None:
            block = line if _BLOCK.match(line) else block
            yield line
            continue
        for pattern in shlex.split(include["patterns"]):
            for included in _files(pattern, folder):
                yield from _lines(included, folder, depth + 1)
        # What follows belongs to the block around the include again.
        yield block


def _files(pattern: str, folder: Path) -> list[Path]:
    wanted = Path(pattern).expanduser()
    if wanted.is_absolute():
        return sorted(Path(wanted.anchor).glob(str(wanted.relative_to(wanted.anchor))))
    return sorted(folder.glob(pattern))


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise UsageError(
            f"Cannot read {path}: {error.strerror}.", id="SSH-CONFIG-INVALID"
        ) from error
