"""What a guest's kernel has logged since it booted, and how long its tasks waited for memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from pvekit.lab.faults import Fault, Faults
from pvekit.lab.guests.words import grammar, split
from pvekit.lab.machine import Machine
from pvekit.lab.process import NotSimulated, Process, Program

_VICTIM_PID = 4242
_AGO_SECONDS = 60.0
_PRESSURE_PERCENT = 5.0
_MICROSECONDS = 1_000_000
_BEGINNING = (
    "Linux version 6.1.0-28-cloud-amd64 (lab)",
    "Command line: BOOT_IMAGE=/boot/vmlinuz root=/dev/sda1 ro console=ttyS0",
    "Hypervisor detected: KVM",
)


@dataclass
class KernelLog:
    """The kernel's messages of this boot, with the time of each in seconds since the epoch.

    Ordered faults ``guest-oom`` are seen to when somebody looks; they struck before.
    """

    vmid: int
    machine: Machine
    faults: Faults
    _lines: list[tuple[float, str]] = field(default_factory=list)

    def boot(self) -> None:
        """Begin anew, as a kernel does."""
        self._lines = [(self.machine.booted, line) for line in _BEGINNING]

    def lines(self) -> list[tuple[float, str]]:
        """Return the messages, oldest first."""
        while (fault := self.faults.take("guest-oom", str(self.vmid))) is not None:
            ago = fault.number_of("ago", _AGO_SECONDS)
            when = max(self.machine.booted, self.machine.clock.now() - ago)
            self._lines += [(when, line) for line in _killing(fault)]
            if fault.count < 0:
                break
        return sorted(self._lines, key=lambda line: line[0])

    def pressure(self) -> str:
        """Return the text of ``/proc/pressure/memory``."""
        fault = self.faults.holds("guest-pressure", str(self.vmid))
        share = fault.number_of("percent", _PRESSURE_PERCENT) if fault else 0.0
        waited = int(self.machine.uptime() * share / 100 * _MICROSECONDS)
        figures = f"avg10={share:.2f} avg60={share:.2f} avg300={share:.2f} total={waited}\n"
        return f"some {figures}full {figures}"


def _killing(fault: Fault) -> Iterator[str]:
    """Yield what a kernel says as it kills a process, the whole machine's or a cgroup's largest."""
    name = fault.detail.get("process", "java")
    group = fault.detail.get("cgroup", "")
    order = "gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0, oom_score_adj=0"
    yield f"{name} invoked oom-killer: {order}"
    masks = "nodemask=(null),cpuset=/,mems_allowed=0"
    if group:
        where = (
            f"constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg={group}"
        )
        what = "Memory cgroup out of memory"
    else:
        where = f"CONSTRAINT_NONE,{masks},global_oom"
        what = "Out of memory"
    task = f"task_memcg={group or '/'},task={name},pid={_VICTIM_PID},uid=0"
    yield f"oom-kill:constraint={where},{task}"
    yield (
        f"{what}: Killed process {_VICTIM_PID} ({name}) total-vm:4194304kB, anon-rss:1572864kB, "
        "file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:3300kB oom_score_adj:0"
    )


def programs(log: KernelLog) -> dict[str, Program]:
    """Return the programs that show the log."""
    return {"dmesg": partial(dmesg, log), "journalctl": partial(journalctl, log)}


async def dmesg(log: KernelLog, process: Process) -> int:
    """Run ``dmesg`` without options."""
    if process.argv[1:]:
        raise NotSimulated(" ".join(process.argv[1:]))
    for when, line in log.lines():
        await process.say(f"[{when - log.machine.booted:12.6f}] {line}\n")
    return 0


_STAMPS: Mapping[str, Callable[[KernelLog, float], str]] = {
    "short-unix": lambda _, when: f"{when:.6f}",
    "short-monotonic": lambda log, when: f"[{when - log.machine.booted:12.6f}]",
}
_KERNELS = frozenset({"-k", "--dmesg", "_TRANSPORT=kernel"})
_JOURNALCTL = grammar(
    "-k=kernel --dmesg=kernel -q=quiet --quiet=quiet --no-pager=bare -b=boot --boot=boot -o=output="
    " --output=output= -S=since= --since=since= -n=lines= --lines=lines="
)


async def journalctl(log: KernelLog, process: Process) -> int:
    """Run ``journalctl`` for the kernel's messages: all that the lab's journal holds.

    Whatever else it is asked for is not there.
    """
    if _KERNELS.isdisjoint(process.argv):
        return 0
    words = split(process.argv[1:], _JOURNALCTL)
    since = _since(words.last("since"), log.machine.clock.now())
    found = [(when, line) for when, line in log.lines() if when >= since]
    if words.has("lines"):
        found = found[-int(words.last("lines")) :]
    if not found and not words.has("quiet"):
        await process.say("-- No entries --\n")
    stamp = _STAMPS.get(words.last("output"))
    if stamp is None:
        raise NotSimulated(f"journalctl -o {words.last('output')}")
    for when, line in found:
        await process.say(f"{stamp(log, when)} {log.machine.hostname} kernel: {line}\n")
    return 0


def _since(text: str, now: float) -> float:
    if not text:
        return 0.0
    found = re.fullmatch(r"-(\d+)s|@(\d+)", text)
    if found is None:
        raise NotSimulated(f"journalctl --since {text}")
    return now - int(found[1]) if found[1] else float(found[2])
