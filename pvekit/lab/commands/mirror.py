"""How the disks of a running VM are copied: mirrored by QEMU, and cut loose at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field

from pvekit.lab.amounts import render_bytes
from pvekit.lab.guests.guest import Guest
from pvekit.lab.storage import Pool
from pvekit.lab.tasks import Copy, Say

_AGENT_TIMEOUT = 3  # seconds until the agent counts as not running


@dataclass(frozen=True)
class Mirroring:
    """The progress lines of one drive."""

    job: str
    pace: float

    def at(self, done: int, size: int) -> str:
        """Return the line at some point on the way."""
        share = 100 * done / size if size else 100.0
        told = f"transferred {render_bytes(done, 1)} of {render_bytes(size, 1)} ({share:.2f}%)"
        return f"{self.job}: {told} in {int(done / self.pace)}s\n"

    def end(self, size: int) -> str:
        """Return the line at the end."""
        return f"{self.at(size, size).rstrip()}, ready\n"


@dataclass
class Mirrors:
    """The mirrors of one clone; ``agent`` tells whether its source has the agent switched on."""

    guest: Guest
    say: Say
    agent: bool
    jobs: list[str] = field(default_factory=list)

    async def start(self, slot: str, size: int, pool: Pool, limit: int) -> None:
        """Copy one drive until it is alike."""
        job = f"drive-{slot}"
        self.jobs.append(job)
        await self.say(f"drive mirror is starting for {job}\n")
        copy = Copy(self.guest.world.clock, pool, limit)
        await copy.run(size, self.say, Mirroring(job, copy.pace()))

    async def ready(self) -> None:
        """Say that all that were started are alike."""
        if self.jobs:
            await self.say("all 'mirror' jobs are ready\n")

    async def finish(self, vmid: int) -> None:
        """End all mirrors at one moment at which the guest writes nothing."""
        frozen = self.agent and self.guest.agent_ready
        if self.agent and not frozen:
            await self.guest.world.clock.sleep(_AGENT_TIMEOUT)
            failed = "qmp command 'guest-ping' failed - got timeout"
            await self.say(f"QEMU Guest Agent is not running - VM {vmid} {failed}\n")
        before, after = ("freeze", "unfreeze") if frozen else ("suspend", "resume")
        what = "filesystem" if frozen else "vm"
        await self.say(f"{before} {what}\n")
        self.guest.flush()
        for job in sorted(self.jobs):
            await self.say(f"{job}: Cancelling block job\n")
        for job in sorted(self.jobs):
            await self.say(f"{job}: Done.\n")
        self.jobs.clear()
        await self.say(f"{after} {what}\n")
