"""``qm guest cmd``, ``exec`` and ``exec-status`` (and ``qm agent``)."""

from __future__ import annotations

import json
from typing import Any

from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.guests.agent import AgentError
from pvekit.lab.guests.guest import Guest
from pvekit.lab.guests.hardware import hardware
from pvekit.lab.process import NotSimulated

_SILENCE = 3.0  # seconds until the agent is given up
_NOT_SIMULATED = "lab: not simulated: "


def guest_of(call: Call, vmid: int) -> Guest:
    """Return the guest to talk to; the program dies if it has no agent or is off."""
    config = call.node.config(vmid)
    if not hardware(config.values).agent:
        raise Failure("No QEMU guest agent configured")
    guest = call.node.guest(vmid)
    if guest is None:
        raise Failure(f"VM {vmid} is not running", 2)
    return guest


async def ask(call: Call, vmid: int, command: str, /, **arguments: Any) -> Any:  # noqa: ANN401
    """Ask a VM's agent; the program dies with its error."""
    guest = guest_of(call, vmid)
    if not guest.agent_ready:
        await call.node.machine.clock.sleep(_SILENCE)
        raise Failure("QEMU guest agent is not running")
    try:
        return await guest.agent(command, **arguments)
    except AgentError as error:
        message = str(error)
        if message.startswith(_NOT_SIMULATED):
            raise NotSimulated(message.removeprefix(_NOT_SIMULATED)) from error
        if not message.isascii():
            where = "at /usr/share/perl5/PVE/RESTHandler.pm line 1008."
            await call.process.complain(f"Wide character in die {where}\n")
        raise Failure(message, 29) from error


def pretty(data: Any) -> str:  # noqa: ANN401
    """Write JSON as Perl's pretty printer does: three blanks, `` : ``, sorted keys."""
    text = json.dumps(data, indent=3, sort_keys=True, separators=(",", " : "), ensure_ascii=False)
    return f"{text}\n"


async def guest_cmd(call: Call) -> None:
    """Ask something; an empty answer prints nothing."""
    answer = await ask(call, call.vmid, call.values["command"])
    if isinstance(answer, dict | list):
        if answer != {}:
            await call.process.say(pretty(answer))
    else:
        await call.process.say(f"{answer}\n")


async def guest_exec(call: Call) -> None:
    """Run a program in the guest; the status is 0 whatever the program's is."""
    data = await call.process.stdin.read() if call.on("pass-stdin") else b""
    if not call.extra:
        guest_of(call, call.vmid)
        raise Failure("Agent error: Parameter 'path' is missing", 29)
    started = await ask(call, call.vmid, "exec", command=call.extra, input_data=data)
    if call.get("synchronous", "1") == "0":
        await call.process.say(pretty(started))
        return
    # A time-out of 0 waits for ever; a day stands for that.
    seconds = float(call.get("timeout", "30")) or 86400.0
    pid = started["pid"]
    status = await ask(call, call.vmid, "exec-wait", pid=pid, timeout_seconds=seconds)
    if status is None:
        await call.process.complain("timeout reached, returning pid\n")
    await call.process.say(pretty(status or started))


async def guest_exec_status(call: Call) -> None:
    """Show how a program in the guest is doing."""
    answer = await ask(call, call.vmid, "exec-status", pid=int(call.values["pid"]))
    await call.process.say(pretty(answer))
