"""Commands that talk to a VM's emulator: wait, sendkey, monitor, terminal, nbdstop."""

from __future__ import annotations

import re

from pvekit.lab import snapshots
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.presence import check_on, is_on
from pvekit.lab.failure import Failure
from pvekit.lab.process import NotSimulated
from pvekit.lab.qemu import QEMU

_NAMED_KEYS = """
unmapped pause ro kp_comma kp_equals power hiragana henkan yen sleep wake muhenkan
katakanahiragana audionext audioprev audiostop audioplay audiomute volumeup volumedown mediaselect
mail calculator computer ac_home ac_back ac_forward ac_refresh ac_bookmarks lang1 lang2
shift shift_r alt alt_r ctrl ctrl_r menu esc minus equal backspace tab bracket_left bracket_right
ret semicolon apostrophe grave_accent backslash comma dot slash asterisk spc caps_lock num_lock
scroll_lock kp_divide kp_multiply kp_subtract kp_add kp_enter kp_decimal sysrq less home pgup pgdn
end left up down right insert delete stop again props undo front copy open paste find cut lf help
meta_l meta_r compose print
"""
_KEYS = frozenset(
    [
        *_NAMED_KEYS.split(),
        *"abcdefghijklmnopqrstuvwxyz0123456789",
        *(f"f{number}" for number in range(1, 25)),
        *(f"kp_{number}" for number in range(10)),
    ]
)


async def wait(call: Call) -> None:
    """``qm wait``: until the VM is off."""
    if not is_on(call):
        return
    pid = call.node.pid(call.vmid)
    await call.process.say(f"waiting until VM {call.vmid} stops (PID {pid})\n")
    seconds = int(call.get("timeout", "0"))
    count = 0
    while (not seconds or count < seconds) and is_on(call):
        count += 1
        await call.node.machine.clock.sleep(1)
    if is_on(call):
        raise Failure("wait failed - got timeout", 25)


async def sendkey(call: Call) -> None:
    """``qm sendkey``: press keys; nobody looks at the guest's screen."""
    async with call.node.locking.config(call.vmid, call.process.complain):
        call.node.config(call.vmid)
        check_on(call)
        for key in call.values["key"].split("-"):
            if key not in _KEYS and not re.fullmatch(r"0x[0-9a-fA-F]+", key):
                raise Failure(f"invalid parameter: {key}\n")


async def monitor(call: Call) -> None:
    """``qm monitor``: answer what is typed, as far as it is simulated."""
    call.node.config(call.vmid)
    await call.process.say(f"Entering QEMU Monitor for VM {call.vmid} - type 'help' for help\n")
    while True:
        await call.process.complain("qm> ")
        line = await call.process.stdin.readline()
        words = line.decode(errors="replace").split()
        if not line or words in (["q"], ["quit"]):
            return
        if words:
            await call.process.say(monitored(call, words))


def monitored(call: Call, words: list[str]) -> str:
    """Return what the emulator's monitor answers."""
    guest = call.node.guest(call.vmid)
    if guest is None:
        return f"ERROR: VM {call.vmid} not running\n"
    if words == ["info", "status"]:
        return f"VM status: {guest.state}\n"
    if words == ["info", "version"]:
        have = QEMU[call.node.capacity.pve]
        return f"{have}pve-qemu-kvm_{have}-1\n"
    if words == ["info", "name"]:
        return f"{call.node.config(call.vmid).name or f'vm{call.vmid}'}\n"
    raise NotSimulated(f"monitor command '{' '.join(words)}'")


async def terminal(call: Call) -> None:
    """``qm terminal``: refuses what the real one does; a terminal itself is not simulated."""
    values = call.node.config(call.vmid).values
    named = call.get("iface")
    if named and named not in values:
        raise Failure(f"serial interface '{named}' is not configured")
    if named and values[named] != "socket":
        raise Failure(f"wrong serial type on interface '{named}'")
    ports = (f"serial{number}" for number in range(4))
    if not named and not any(values.get(port) == "socket" for port in ports):
        raise Failure("unable to find a serial interface")
    check_on(call)
    raise NotSimulated("an interactive terminal")


async def nbdstop(call: Call) -> None:
    """``qm nbdstop``: no VM of the lab serves its disks, so it only says why it cannot."""
    try:
        check_on(call)
    except Failure as failure:
        await call.process.complain(f"{failure.message}\n")
        return
    why = "qmp command 'nbd-server-stop' failed - NBD server not running"
    await call.process.complain(f"VM {call.vmid} {why}\n")


async def refuse_to_show(call: Call) -> None:
    """``qm showcmd``: there is no emulator whose command line could be shown."""
    config = call.node.config(call.vmid)
    snapname = call.get("snapshot")
    if snapname and snapshots.find(config, snapname) is None:
        raise Failure(f"snapshot '{snapname}' does not exist")
    raise NotSimulated("the emulator's command line")
