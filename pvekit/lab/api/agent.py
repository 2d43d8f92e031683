"""The guest agent: ``/nodes/NODE/qemu/VMID/agent``."""

from __future__ import annotations

import base64
from functools import partial
from typing import Any

from pvekit.lab.api.routes import Route
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.qm_agent import ask
from pvekit.lab.failure import Failure

_AGENT = "/nodes/{node}/qemu/{vmid}/agent"
_ASKED = (
    *("get-fsinfo", "get-host-name", "get-memory-block-info", "get-memory-blocks"),
    *("get-osinfo", "get-time", "get-timezone", "get-users", "get-vcpus", "info"),
    "network-get-interfaces",
)
_TOLD = (
    *("fsfreeze-freeze", "fsfreeze-status", "fsfreeze-thaw", "fstrim", "ping", "shutdown"),
    *("suspend-disk", "suspend-hybrid", "suspend-ram"),
)
Answer = dict[str, Any]


async def _command(command: str, call: Call) -> Answer:
    return {"result": await ask(call, call.vmid, command)}


async def named(call: Call) -> Answer:
    """Ask what the option names."""
    return await _command(call.values["command"], call)


async def execute(call: Call) -> Answer:
    """Start a program in the guest."""
    command = call.lists.get("command", ())
    if not command:
        raise Failure("Agent error: Parameter 'path' is missing", 29)
    data = call.get("input-data").encode()
    answer: Answer = await ask(call, call.vmid, "exec", command=command, input_data=data)
    return answer


async def execution(call: Call) -> Answer:
    """Tell how a program in the guest is doing."""
    answer: Answer = await ask(call, call.vmid, "exec-status", pid=int(call.values["pid"]))
    return answer


async def read_file(call: Call) -> Answer:
    """Return the content of a file in the guest."""
    answer: Answer = await ask(call, call.vmid, "file-read", file=call.values["file"])
    return answer


async def write_file(call: Call) -> None:
    """Write a file in the guest."""
    content = call.values["content"].encode()
    if call.get("encode", "1") == "0":
        content = base64.b64decode(content)
    await ask(call, call.vmid, "file-write", file=call.values["file"], content=content)


async def set_password(call: Call) -> Answer:
    """Change a user's password in the guest."""
    words = {name: call.values[name] for name in ("username", "password")}
    crypted = call.on("crypted")
    return {"result": await ask(call, call.vmid, "set-user-password", crypted=crypted, **words)}


ROUTES = (
    Route("create", _AGENT, named),
    *(Route("get", f"{_AGENT}/{name}", partial(_command, name)) for name in _ASKED),
    *(Route("create", f"{_AGENT}/{name}", partial(_command, name)) for name in _TOLD),
    Route("create", f"{_AGENT}/exec", execute),
    Route("get", f"{_AGENT}/exec-status", execution),
    Route("get", f"{_AGENT}/file-read", read_file),
    Route("create", f"{_AGENT}/file-write", write_file),
    Route("create", f"{_AGENT}/set-user-password", set_password),
)
