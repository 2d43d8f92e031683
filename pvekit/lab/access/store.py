"""Reading and changing the files of access control, under their locks."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pvekit.lab.access import usercfg
from pvekit.lab.access.model import User, UserConfig
from pvekit.lab.cfslock import cfs_lock, file_lock
from pvekit.lab.failure import Failure
from pvekit.lab.tasks import Say

if TYPE_CHECKING:
    from pvekit.lab.commands.call import Call
    from pvekit.lab.node import Node

_FILE = "/etc/pve/user.cfg"
_TOKENS = "/etc/pve/priv/token.cfg"
_SHADOW = "/etc/pve/priv/shadow.cfg"


def text_of(node: Node, path: str) -> str:
    """Return a file's text, or nothing if there is none."""
    try:
        return node.machine.files.read(path).decode(errors="surrogateescape")
    except FileNotFoundError:
        return ""


def load(node: Node) -> UserConfig:
    """Return the content of ``user.cfg``."""
    return usercfg.parse(text_of(node, _FILE), node.capacity.pve)


async def read(call: Call) -> UserConfig:
    """Return the content of ``user.cfg``, complaining of what makes no sense in it."""
    config = load(call.node)
    for warning in config.warnings:
        await call.process.complain(f"{warning}\n")
    return config


@asynccontextmanager
async def changing(node: Node, failing: str, complain: Say) -> AsyncIterator[UserConfig]:
    """Give the content of ``user.cfg`` to the body, and write what that made of it."""
    async with cfs_lock(node, file_lock("user.cfg"), failing, complain):
        config = load(node)
        yield config
        node.write(_FILE, usercfg.render(config))


@asynccontextmanager
async def update(call: Call, failing: str) -> AsyncIterator[UserConfig]:
    """Let a command change ``user.cfg``; its failures begin with ``failing``."""
    await read(call)
    async with changing(call.node, failing, call.process.complain) as config:
        yield config


def user(config: UserConfig, name: str) -> User:
    """Return a user; the program dies if there is none."""
    found = config.users.get(name)
    if found is None:
        raise Failure(f"no such user ('{name}')")
    return found


def set_line(node: Node, path: str, key: str, line: str) -> None:
    """Replace the line of a file that begins with ``key``, or take it away."""
    kept = [old for old in text_of(node, path).splitlines() if not old.startswith(key)]
    lines = sorted([*kept, line] if line else kept)
    node.write(path, "".join(f"{text}\n" for text in lines))


def set_secret(node: Node, token: str, secret: str) -> None:
    """Note a token's secret, or forget it."""
    set_line(node, _TOKENS, f"{token} ", f"{token} {secret}" if secret else "")


def set_password(node: Node, name: str, digest: str) -> None:
    """Note the digest of a password in Proxmox VE's own realm, or forget it."""
    set_line(node, _SHADOW, f"{name}:", f"{name}:{digest}:" if digest else "")


async def add_vm_to_pool(node: Node, vmid: int, pool: str, complain: Say) -> None:
    """Make a new VM a member of a pool."""
    async with changing(node, f"can't add VM {vmid} to pool '{pool}'", complain) as config:
        if pool in config.pools:
            config.pools[pool].vms.add(vmid)


async def remove_vm_access(node: Node, vmid: int, complain: Say) -> None:
    """Forget the permissions and the pool of a VM that is gone."""
    known = load(node)
    if not known.pool_of(vmid) and f"/vms/{vmid}" not in known.acl.nodes():
        return
    failing = f"access permissions cleanup for VM {vmid} failed"
    async with changing(node, failing, complain) as config:
        config.acl.forget_path(f"/vms/{vmid}")
        for pool in config.pools.values():
            pool.vms.discard(vmid)


async def remove_storage_access(node: Node, storage: str, complain: Say) -> None:
    """Forget the permissions and the pools of a storage that is no longer defined."""
    if not re.search(rf"[:,/]{re.escape(storage)}[:,]", text_of(node, _FILE)):
        return
    failing = f"access permissions cleanup for storage {storage} failed"
    async with changing(node, failing, complain) as config:
        config.acl.forget_path(f"/storage/{storage}")
        for pool in config.pools.values():
            pool.storages.discard(storage)
