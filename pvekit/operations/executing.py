"""``vm exec``: a command inside VMs, by their agents or over SSH. No run: it cannot be resumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pvekit.errors import PvekitError, UsageError
from pvekit.guest import execution
from pvekit.guest.execution import MOST_INPUT, Executed
from pvekit.guest.sight import Sight
from pvekit.operations.desk import Desk
from pvekit.plan import Asking, Check, Plan, Step, Verdict
from pvekit.pve import act
from pvekit.run.apply import Preview
from pvekit.run.scheduler import Scheduler
from pvekit.run.wants import in_turn, send
from pvekit.shell import Command, Purpose
from pvekit.vms.power import Target

Via = Literal["agent", "ssh"]
SLOT = "exec"


@dataclass(frozen=True)
class Work:
    """What is to be run: its words, what it reads (None: nothing), and for how many seconds."""

    words: tuple[str, ...]
    stdin: str | None = None
    seconds: int = 600
    via: Via = "agent"
    user: str = ""


@dataclass
class Done:
    """What came of it in one VM."""

    vm: Target
    executed: Executed | None = None
    error: PvekitError | None = None

    @property
    def status(self) -> int:
        """The command's own exit status, or that of the error which kept it from running."""
        if self.executed is not None:
            return self.executed.status
        return self.error.exit_status if self.error else 1


def execute(desk: Desk, vms: Sequence[Target], work: Work) -> list[Done]:
    """Run a command in all of these VMs; an error ends only its own."""
    _check(work)
    done = {vm.subject: Done(vm) for vm in vms}
    tasks = {name: in_turn(SLOT, _one(each, work)) for name, each in done.items()}
    at_once = desk.parallel or len(done)
    scheduler = Scheduler(desk.site, desk.clock, per_slot=at_once, stop=desk.stop)
    for name, error in scheduler.run(tasks).items():
        done[name].error = error
    return list(done.values())


def _check(work: Work) -> None:
    if not work.words:
        raise UsageError("Say what is to be run, after `--`.", hint="pvekit vm exec NAME -- uptime")
    if work.via == "agent" and len((work.stdin or "").encode()) > MOST_INPUT:
        raise UsageError("A guest agent takes 1 MiB of input at most.", hint="Use --via ssh.")


def _one(done: Done, work: Work) -> Asking[None]:
    run = _by_agent if work.via == "agent" else _over_ssh
    done.executed = yield from run(done.vm, work)


def _by_agent(vm: Target, work: Work) -> Asking[Executed]:
    change = execution.change(vm.guard, work.words, work.stdin, work.seconds)
    result = yield from send(vm.node, act.sent(change), Purpose("", "vm exec"))
    return execution.read(result, vm.node, vm.told)


def _over_ssh(vm: Target, work: Work) -> Asking[Executed]:
    wanted = replace(vm.wanted, user=work.user) if work.user else vm.wanted
    guest = yield from Sight(wanted).located()
    command = Command(work.words, work.stdin or "", timeout=float(work.seconds))
    result = yield from send(guest, command, Purpose("", "vm exec"))
    return Executed(result.exit_status, result.out, result.err)


def foresee(vms: Sequence[Target], work: Work) -> Preview:
    """Return what would be sent; whether it is needed cannot be told."""
    _check(work)
    goal = Check("the command has been run", _never)
    steps = []
    for vm in vms:
        change = execution.change(vm.guard, work.words, work.stdin, work.seconds)
        if work.via == "ssh":
            who = f"{work.user or vm.user or 'root'}@{vm.name}"
            change = replace(change, shown=f"ssh {who} {Command(work.words).line()}")
        steps.append(Step(vm.subject, "exec", vm.node, goal, (change,)))
    return Preview(pending=list(Plan(tuple(steps))))


def _never() -> Asking[Verdict]:
    yield from ()
    return Verdict(holds=False)
