"""Hook scripts: what a VM's configuration wants to run on the node around its starts and stops."""

from __future__ import annotations

import posixpath
from dataclasses import replace

from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.storages.naming import parse_name
from pvekit.lab.streams import BytesWriter
from pvekit.lab.tasks import Say
from pvekit.lab.vmconfig import VmConfig


def find(call: Call, volid: str) -> str:
    """Return where a script is; die if it is not there, no snippet or not executable."""
    storages, files = call.node.storages, call.node.machine.files
    content = parse_name(*storages.split(volid)).content
    path = storages.path(volid)
    if content != "snippets":
        raise Failure(f"'{volid}' is not in the snippets directory")
    if not files.is_file(path):
        raise Failure(f"script '{volid}' does not exist")
    if not files.stat(posixpath.normpath(path)).mode & 0o111:
        raise Failure(f"script '{volid}' is not executable")
    return path


async def run(call: Call, config: VmConfig, phase: str, say: Say, *, must: bool = False) -> None:
    """Run the script of a VM, if it has one; with ``must`` its failure is the program's."""
    volid = config.values.get("hookscript", "")
    if not volid:
        return
    try:
        await _run(call, (find(call, volid), str(call.vmid), phase), say)
    except Failure as failure:
        error = f"hookscript error for {call.vmid} on {phase}: {failure.message}\n"
        if must:
            raise Failure(error) from failure
        await say(f"{error}\n")


async def stopped(call: Call, config: VmConfig) -> None:
    """Run the script after a stop: a daemon notices that, and what is printed then is not seen."""
    await run(call, config, "post-stop", _unheard)


async def _unheard(text: str) -> None:
    """Drop what is said."""


async def _run(call: Call, words: tuple[str, ...], say: Say) -> None:
    said = BytesWriter()
    process = replace(call.process, stdout=said, stderr=said)
    status = await call.node.machine.spawn(process, words)
    await say(said.data.decode(errors="replace"))
    if status:
        raise Failure(f"command '{' '.join(words)}' failed: exit code {status}")
