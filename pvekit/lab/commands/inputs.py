"""What programs take from elsewhere than their words: files named by options, and passwords."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

from pvekit.lab.failure import Failure
from pvekit.lab.options import Command
from pvekit.lab.process import Process

_SSH_KEY = re.compile(
    r"(ssh-(rsa|dss|ed25519)|ecdsa-sha2-nistp\d+|sk-[\w@.-]+) +[A-Za-z0-9+/]+={0,2}( |$)"
)
_WITH_KEYS = frozenset({"qm create", "qm set"})


async def read_file(process: Process, path: str) -> bytes:
    """Return the content of a file named by an option, ``/dev/stdin`` too; else the program dies.

    A single dash is no name for stdin here.
    """
    if path == "/dev/stdin":
        return await process.stdin.read()
    try:
        return process.machine.files.read(posixpath.join(process.cwd, path) if path else "")
    except OSError as error:
        raise Failure(f"can't open '{path}' - {error.strerror}", 2) from error


async def with_inputs(
    process: Process, command: Command, values: Mapping[str, str]
) -> dict[str, str]:
    """Return the values with what is asked for, and with files in place of their names."""
    found = dict(values)
    for name, spec in command.options.items():
        missing = name not in values and spec.required
        if spec.asked and (missing or values.get(name) in ("", "0")):
            found[name] = await _password(process, spec.asked)
    if "sshkeys" in found and f"{command.program} {command.name}" in _WITH_KEYS:
        text = (await read_file(process, found["sshkeys"])).decode(errors="surrogateescape")
        found["sshkeys"] = quote(text, safe="!*'()", errors="surrogateescape")
    return found


async def _password(process: Process, times: int) -> str:
    """Read a password from stdin, which is no terminal, as often as the program asks for it."""
    lines = []
    for _ in range(times):
        line = await process.stdin.readline()
        if not line:
            raise Failure("EOF while reading password")
        lines.append(line.decode(errors="surrogateescape").removesuffix("\n"))
    if len(set(lines)) > 1:
        raise Failure("passwords do not match")
    return lines[0]


def check_keys(sshkeys: str) -> None:
    """Die unless all lines of url-encoded text are SSH keys."""
    for line in unquote(sshkeys, errors="surrogateescape").splitlines():
        if line.strip() and not _SSH_KEY.match(line):
            raise Failure("SSH public key validation error")
