"""``qm guest cmd``, ``exec``, ``exec-status`` and ``passwd`` (and ``qm agent``)."""

from __future__ import annotations

from typing import Any

from pvekit.lab.api.serial import pretty
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.presence import check_here
from pvekit.lab.failure import Failure
from pvekit.lab.guests.agent import AgentError
from pvekit.lab.guests.guest import Guest
from pvekit.lab.guests.hardware import hardware
from pvekit.lab.guests.waiting import until
from pvekit.lab.process import NotSimulated

_SILENCE = 3.0  # seconds until the agent is given up
_NOT_SIMULATED = "lab: not simulated: "
_MOST_INPUT = 1 << 20
_SHORTEST_PASSWORD = 5
# Their errors end the program; those of all others are part of the answer.
_CHECKED = frozenset(
    ["exec", "exec-status", "exec-wait", "file-read", "file-write", "set-user-password"]
)


def guest_of(call: Call, vmid: int) -> Guest:
    """Return the guest to talk to; the program dies if it has no agent or is off."""
    config = call.node.config(vmid)
    if not hardware(config.values).agent:
        raise Failure("No QEMU guest agent configured")
    check_here(call)
    guest = call.node.guest(vmid)
    if guest is None:
        raise Failure(f"VM {vmid} is not running", 2)
    return guest


async def ask(call: Call, vmid: int, command: str, /, **arguments: Any) -> Any:  # noqa: ANN401
    """Ask a VM's agent; the program dies with its error, or gets that as its answer."""
    guest = guest_of(call, vmid)
    # QEMU hands over what waits for the agent as soon as that opens its channel.
    if not await until(call.node.machine.clock, lambda: guest.agent_ready, _SILENCE):
        raise Failure("QEMU guest agent is not running")
    try:
        return await guest.agent(command, **arguments)
    except AgentError as error:
        message = str(error)
        if message.startswith(_NOT_SIMULATED):
            raise NotSimulated(message.removeprefix(_NOT_SIMULATED)) from error
        if command not in _CHECKED:
            return {"error": {"class": error.kind, "desc": error.reason}}
        if not message.isascii():
            where = "at /usr/share/perl5/PVE/RESTHandler.pm line 1008."
            await call.process.complain(f"Wide character in die {where}\n")
        raise Failure(message, 29) from error


async def guest_cmd(call: Call) -> None:
    """Ask something; an empty answer prints nothing."""
    answer = await ask(call, call.vmid, call.values["command"])
    if isinstance(answer, dict | list):
        if answer != {}:
            await call.process.say(pretty(answer))
    elif str(answer).strip():
        await call.process.say(f"{answer}\n")


async def guest_exec(call: Call) -> None:
    """Run a program in the guest; the status is 0 whatever the program's is."""
    waits = call.get("synchronous", "1") != "0"
    if "timeout" in call.values and not waits:
        raise call.refuse(synchronous="needs to be set for 'timeout'")
    started = await ask(call, call.vmid, "exec", **await _what(call))
    if not waits:
        await call.process.say(pretty(started))
        return
    # A time-out of 0 waits for ever; a day stands for that.
    seconds = float(call.get("timeout", "30")) or 86400.0
    pid = started["pid"]
    status = await ask(call, call.vmid, "exec-wait", pid=pid, timeout_seconds=seconds)
    if status is None:
        await call.process.complain("timeout reached, returning pid\n")
    await call.process.say(pretty(status or started))


async def _what(call: Call) -> dict[str, Any]:
    """Return what to run and its input; the program dies if there is neither."""
    data = b""
    if call.on("pass-stdin"):
        data = await call.process.stdin.read()
        if len(data) > _MOST_INPUT:
            raise Failure("'input-data' (STDIN) is limited to 1 MiB, aborting")
    elif not call.extra:
        raise Failure("command or input-data (or both) required")
    if not call.extra:
        guest_of(call, call.vmid)
        raise Failure("Agent error: Parameter 'path' is missing", 29)
    return {"command": call.extra, "input_data": data}


async def guest_exec_status(call: Call) -> None:
    """Show how a program in the guest is doing."""
    answer = await ask(call, call.vmid, "exec-status", pid=int(call.values["pid"]))
    await call.process.say(pretty(answer))


async def guest_passwd(call: Call) -> None:
    """Set a user's password, which is read twice unless it is an option."""
    password = call.get("password") or await _confirmed(call)
    if len(password) < _SHORTEST_PASSWORD:
        why = f"value must be at least {_SHORTEST_PASSWORD} characters long"
        raise call.refuse(password=why)
    words = {"username": call.values["username"], "password": password}
    await ask(call, call.vmid, "set-user-password", crypted=call.on("crypted"), **words)


async def _confirmed(call: Call) -> str:
    """Read a password twice; without a terminal nothing is asked aloud."""
    lines = []
    for _ in range(2):
        line = await call.process.stdin.readline()
        if not line:
            raise Failure("EOF while reading password")
        lines.append(line.decode(errors="replace").rstrip("\n"))
    if lines[0] != lines[1]:
        raise Failure("passwords do not match")
    return lines[0]
