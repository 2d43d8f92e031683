"""The locks of the cluster file system: directories that count for all members."""

from __future__ import annotations

import errno
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pvekit.lab.failure import Failure
from pvekit.lab.tasks import Say

if TYPE_CHECKING:
    from pvekit.lab.node import Node

_PLACE = "/etc/pve/priv/lock"
_PATIENCE = 10  # seconds


@asynccontextmanager
async def cfs_lock(node: Node, name: str, failing: str, complain: Say) -> AsyncIterator[None]:
    """Hold the lock ``name`` during the body; failures, also the body's, begin with ``failing``."""
    prefix = f"{failing}: " if failing else ""
    await _take(node, name, prefix, complain)
    try:
        yield
    except Failure as failure:
        raise Failure(f"{prefix}{failure.message}", failure.status) from failure
    finally:
        _release(node, name)


def file_lock(path: str) -> str:
    """Return the name of the lock for a file of the cluster file system."""
    return "file-" + re.sub(r"[./]", "_", path)


async def _take(node: Node, name: str, prefix: str, complain: Say) -> None:
    why = f"{prefix}cfs-lock '{name}' error:"
    for _ in range(_PATIENCE):
        try:
            node.machine.files.mkdir(f"{_PLACE}/{name}")
        except OSError as error:
            if error.errno != errno.EEXIST:
                raise Failure(f"{why} no quorum!") from error
        else:
            return
        await complain(f"trying to acquire cfs lock '{name}' ...\n")
        _ask_for(node, f"{_PLACE}/{name}")
        await node.machine.clock.sleep(1)
    raise Failure(f"{why} got lock request timeout")


def _ask_for(node: Node, path: str) -> None:
    """Ask for a lock: that ends one whose holder is gone."""
    try:
        node.machine.files.touch(path, 0)
    except OSError:
        return


def _release(node: Node, name: str) -> None:
    try:
        node.machine.files.rmdir(f"{_PLACE}/{name}")
    except OSError:
        # Without quorum, or once it expired, nobody can or need give it back.
        return
