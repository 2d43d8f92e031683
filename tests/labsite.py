"""A site for tests: the lab's, reached without SSH, its faults as pvekit's errors."""

from __future__ import annotations

import time

from pvekit.lab.inprocess import LabShell
from pvekit.plan import Guest, Place
from pvekit.run.clock import Clock
from pvekit.shell import Command, LinkLost, Result, Unreachable


class NodeShell:
    def __init__(self, lab: LabShell, place: Place) -> None:
        self.lab = lab
        self.place = place

    def run(self, command: Command) -> Result:
        try:
            status, out, err = self._answer(command)
        except ConnectionRefusedError as error:
            raise Unreachable(f"nobody answers at {error}") from error
        except (ConnectionError, TimeoutError) as error:
            raise LinkLost(f"{command.words[0]}: {error}") from error
        return Result(
            command, status, out.decode(errors="replace"), err.decode(errors="replace")
        )

    def _answer(self, command: Command) -> tuple[int, bytes, bytes]:
        line, stdin, place = command.line(), command.input(), self.place
        if isinstance(place, str):
            return self.lab.run_line(place, line, stdin, command.timeout)
        return self.lab.run_guest_line(
            place.address, line, stdin, command.timeout, user=place.user
        )


class LabSite:
    """Implements pvekit.run.site.Site over a lab in this process."""

    def __init__(self, lab: LabShell) -> None:
        self.lab = lab

    def shell(self, place: Place) -> NodeShell:
        return NodeShell(self.lab, place)

    def reach(self, guest: Guest) -> str:
        found = self.lab.loop.do(lambda: self.lab.site.guest_at(guest.address))
        if found is None or not found.ssh_ready:
            raise Unreachable(f"{guest.address} does not answer")
        return "SSH-2.0-lab"

    def programs(self, *, changes: bool | None = None) -> list[list[str]]:
        """What was started on the nodes, oldest first."""
        return [
            event["argv"]
            for event in list(self.lab.site.log.of("program"))
            if changes is None or event["changes"] is changes
        ]


def quick_clock() -> Clock:
    """Time in which a pause costs next to nothing, but the lab gets its turn."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds
        time.sleep(min(seconds, 0.002))

    return Clock(lambda: now[0], sleep)
