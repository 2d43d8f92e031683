"""Setting a node up for a user who is not root: the wrapper, and the sudo rule for it."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import replace

from pvekit.errors import PvekitError, UsageError
from pvekit.operations.desk import Desk
from pvekit.pve import agent
from pvekit.pve.agent import Allowance, Installed
from pvekit.pve.scripts import script
from pvekit.shell import Purpose, Shell

_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


def wanted(desk: Desk, user: str, vmids: str) -> tuple[Installed, ...]:
    """Return the files for a node; ``vmids`` is ``FIRST-LAST``, :class:`UsageError` for others."""
    if not _USER.fullmatch(user) or user == "root":
        raise UsageError(
            f"{user!r} is no user that could be given a sudo rule.",
            hint="Say --user; root needs no rule.",
        )
    found = re.fullmatch(r"([1-9]\d{2,8})-([1-9]\d{2,8})", vmids)
    if not found or int(found[1]) > int(found[2]):
        raise UsageError(f"{vmids!r} is no range of vmids.", hint="Say it as 100-999999999.")
    first, last = int(found[1]), int(found[2])
    return agent.installed(Allowance(user, first, last, desk.config.image_dir))


def install(shell: Callable[[], Shell], node: str, files: tuple[Installed, ...]) -> None:
    """Put the files in place on a node, as somebody who may do everything there.

    Raises :class:`PvekitError` with what the node said where that fails.
    """
    words = [
        word
        for file in files
        for word in (file.path, file.mode, base64.b64encode(file.content.encode()).decode())
    ]
    command = script("set-up-agent", *words)
    result = shell().run(replace(command, purpose=Purpose("", "set up the sudo wrapper")))
    if not result.ok:
        raise PvekitError(
            f"The files of the wrapper are not in place on {node}.",
            details=result.err.strip(),
            hint="This needs a login as root; `sudo` and its visudo have to be installed there.",
            id="WRAPPER-NOT-INSTALLED",
        )
