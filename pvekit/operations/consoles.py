"""``vm console-log``: what a VM says on its serial console, or its own log of this boot.

QEMU keeps nothing of what a serial console has said: its socket only tells who listens. So the log
of the guest is asked for by its agent; where that does not answer, the socket is listened to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pvekit.errors import Conflict, PvekitError, Transient
from pvekit.guest.execution import Executed
from pvekit.inventory.model import Vm
from pvekit.operations.desk import Desk
from pvekit.operations.executing import Work, execute
from pvekit.operations.listing import target, vm_of
from pvekit.plan import Change
from pvekit.pve import act
from pvekit.pve.faults import failure
from pvekit.run.gather import answered
from pvekit.run.wants import send
from pvekit.shell import Command, Purpose
from pvekit.vms.power import Target

Source = Literal["auto", "guest", "console"]
ASKED = 30
"""For how long a guest's agent is asked for its log, in seconds."""

_PURPOSE = Purpose("", "vm console-log")
_TIMEOUT = 124  # the status by which `timeout` tells that it ended what it ran

# What systemd keeps of this boot; where there is no systemd, what cloud-init said on the console.
_LOG = (
    "text=$(journalctl --boot --no-pager --output short-monotonic --lines $1 2>/dev/null); "
    'if [ -n "$text" ]; then printf "%s\\n" "$text"; '
    "else tail -n $1 /var/log/cloud-init-output.log; fi"
)


@dataclass(frozen=True)
class Told:
    """The text, and where it is from: ``guest`` (its own log) or ``console`` (heard just now)."""

    text: str
    source: Source
    why: str = ""


def log(desk: Desk, wanted: str, lines: int, source: Source, seconds: int) -> Told:
    """Return the last lines of a VM's log, or of what its console says in so many seconds.

    Raises :class:`Conflict` for a VM that is not ours, is off, or has no serial console.
    """
    inventory = desk.inventory()
    vm = target(inventory, wanted)
    found = vm_of(inventory, vm)
    if found.running is False:
        hint = f"Start it: pvekit vm start {vm.name}"
        raise Conflict(f"{vm.told} is stopped: it says nothing.", hint=hint, id="VM-STOPPED")
    why = ""
    if source != "console":
        try:
            return Told(_of_guest(desk, vm, lines), "guest")
        except PvekitError as error:
            if source == "guest":
                raise
            why = error.brief
    _check_console(found, vm)
    heard = _heard(desk, vm, seconds)
    return Told("".join(heard.splitlines(keepends=True)[-lines:]), "console", why)


def _of_guest(desk: Desk, vm: Target, lines: int) -> str:
    work = Work(("sh", "-c", _LOG, "log", str(lines)), seconds=ASKED)
    (done,) = execute(desk, [vm], work)
    if done.error is not None:
        raise done.error
    executed = done.executed or Executed(1)
    if executed.status:
        raise PvekitError(
            f"{vm.told} has no log that could be read.",
            details=executed.err.strip(),
            hint="Listen to its console: --source console.",
            id="CONSOLE-NOT-READABLE",
        )
    return executed.out


def _check_console(found: Vm, vm: Target) -> None:
    if found.config.values.get("serial0") != "socket":
        raise Conflict(
            f"{vm.told} has no serial console.",
            hint=f"Give it one, then reboot it: `qm set {vm.vmid} --serial0 socket` on {vm.node}. "
            "The kernel has to use it (console=ttyS0).",
            id="CONSOLE-NOT-READABLE",
        )


def _heard(desk: Desk, vm: Target, seconds: int) -> str:
    socket = f"UNIX-CONNECT:/run/qemu-server/{vm.vmid}.serial0"
    words = ("timeout", seconds, "socat", "-u", socket, "STDOUT")
    listening = Change(Command(words, timeout=seconds + 30.0), guard=vm.guard)
    task = send(vm.node, act.sent(listening), _PURPOSE)
    result = answered(desk.site, task, desk.clock, desk.stop)
    if result.ok or result.exit_status == _TIMEOUT:
        return result.out
    if "socat" not in result.err:
        raise failure(result, what=f"listen to {vm.told}", node=vm.node)
    raise Transient(
        f"The console of {vm.told} cannot be listened to.",
        details=result.err.strip(),
        hint="Somebody else may be connected to it: only one can be at a time.",
        id="CONSOLE-NOT-READABLE",
    )
