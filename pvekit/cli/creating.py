"""``vm create``, as a conversation: what was decided, what is done, how it ended."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from pvekit.cli import ending, previewing, say
from pvekit.cli.app import App
from pvekit.cli.durations import duration
from pvekit.cli.output import Form, View, emit
from pvekit.cli.progress import Progress
from pvekit.cli.prompts import answered, may_ask
from pvekit.config.model import AUTO_SIZE, OnFailure
from pvekit.config.nearest import did_you_mean
from pvekit.errors import UsageError
from pvekit.operations import creating, vm_wishes
from pvekit.operations.carrying import Report
from pvekit.operations.creating import Decided
from pvekit.operations.desk import Desk
from pvekit.operations.standing import standing, unchanged
from pvekit.operations.vm_wishes import Request
from pvekit.plan import name_of
from pvekit.sizing.size import Size, parse_disk, parse_memory
from pvekit.sizing.workload import UNITS

UNKNOWN = "unknown"
_TRIES = 3

MADE = View(
    kind="VmCreation",
    name="vm/{name}",
    columns=("name", "vmid", "node", "address", "size", "seconds", "state"),
    wide=("role", "because", "error"),
    result=True,
)


def request(asked: Mapping[str, Any]) -> Request:
    """Return the request that the options make; raises :class:`UsageError`."""
    options = dict(asked)
    accept_new = options.pop("guest_host_key") == "accept-new"
    timeout = duration(options.pop("timeout"))
    if options["count"] > 1 and (options["name"] or options["vmid"] is not None):
        raise UsageError("--name and --vmid are for one VM, not for --count.")
    return replace(wished(options), timeout=timeout, accept_new=accept_new)


def completed(app: App, asked: Request) -> Request:
    """Return a request whose text also says what kind of work it is, and how much of it.

    What a text leaves out is asked for at a terminal; elsewhere, and where nobody knows it, it is
    not counted, and the answer says so.
    """
    if not vm_wishes.is_sized_by_text(asked) or not may_ask():
        return asked
    if known := vm_wishes.unnamed(app.config, asked):
        say.note(f"The text names no workload that is known: {', '.join(known)}.")
        asked = _with(asked, _told("Which is it?", lambda word: _class(word, known)))
    told = {
        unit: _told(f"How many {UNITS[unit]}?", _amount)
        for unit in vm_wishes.untold(app.config, asked)
    }
    return _with(asked, *(f"{told[unit]} {UNITS[unit]}" for unit in told if told[unit]))


def _told(question: str, take: Callable[[str], str]) -> str:
    """Ask for what need not be known: after some answers that make no sense it stays unknown."""
    for _ in range(_TRIES):
        try:
            return take(answered(question, UNKNOWN))
        except UsageError as error:
            say.fail(error)
    return ""


def _with(asked: Request, *words: str) -> Request:
    return replace(asked, workload=", ".join((asked.workload, *filter(None, words))))


def _class(word: str, known: Sequence[str]) -> str:
    """Return the name of a workload class, or nothing for one that is not known."""
    if word == UNKNOWN:
        return ""
    if word not in known:
        meant = did_you_mean(word, known)
        raise UsageError(f"There is no workload class {word!r}.", hint=meant, id="SIZE-INVALID")
    return word


def _amount(word: str) -> str:
    """Return an amount as it was written, or nothing for one that is not known."""
    if word == UNKNOWN:
        return ""
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", word):
        raise UsageError(f"Expected a number, got {word!r}.", id="SIZE-INVALID")
    return word


def wished(asked: Mapping[str, Any]) -> Request:
    """Return the request of options that say only what would be placed."""
    options = dict(asked)
    memory, disk = options.pop("memory"), options.pop("disk")
    # What was not said is None to the command line, and empty to a request.
    options |= {key: options[key] or "" for key in ("policy", "anti_affinity", "spread")}
    return Request(
        **options,
        memory_mb=parse_memory(memory) if memory else None,
        disk_gb=parse_disk(disk) if disk else None,
    )


def foresee(app: App, asked: Request, *, form: Form, explain: bool, detailed: bool) -> int:
    """Show what creating would do."""
    desk = app.desk()
    journal = creating.unfinished(desk, asked)
    if journal is None and _stands(desk, asked, form):
        return 0
    found, preview = creating.foresee(desk, asked, journal)
    if found.run:
        say.note(f"would go on with run {found.run}")
    _tell_size(found, asked, explain=explain)
    _tell(found, explain=explain)
    previewing.show(preview, form)
    return previewing.status(preview, detailed=detailed)


def create(
    app: App,
    asked: Request,
    *,
    form: Form,
    explain: bool,
    new: bool,
    on_failure: OnFailure | None = None,
) -> int:
    """Create what is asked for, or go on with an unfinished run of the same request."""
    progress = Progress()
    desk = app.desk(progress, on_failure)
    journal = None if new else creating.unfinished(desk, asked)
    if journal is None and _stands(desk, asked, form):
        return 0
    if journal is not None:
        ending.tell_resumed(journal)
    found, report = creating.carry_out(desk, asked, journal or creating.begin(desk, asked))
    progress.close()
    _tell_size(found, asked, explain=explain)
    if explain or say.voice().verbosity >= say.STEPS:
        _tell(found, explain=True)
    results(found, report, form)
    return app.told_ways(report)


def _stands(desk: Desk, asked: Request, form: Form) -> bool:
    """Say so if what a name or vmid speaks of is there already and as asked for."""
    found = standing(desk, asked)
    if found is None:
        return False
    say.note(f"{found.name} is there already and as asked for: nothing to do.")
    emit(form, MADE, [unchanged(found)], run=None)
    return True


def _tell_size(found: Decided, asked: Request, *, explain: bool) -> None:
    """Say where a size comes from that was not named."""
    if asked.size in ("", AUTO_SIZE):
        tell_sizes((asdict(spec) for spec, _ in found.decisions), explain=explain)


def tell_sizes(vms: Iterable[Mapping[str, Any]], *, explain: bool) -> None:
    """Say what sizes VMs have and why, once for those that are alike."""
    sizes = {}
    for each in vms:
        size = Size(each["cpus"], each["memory_mb"], each["disk_gb"])
        sizes[f"size: {size}; source: {each['source']}; {each['because']}"] = each["evidence"]
    for line, evidence in sizes.items():
        say.note(line)
        for reason in evidence if explain else ():
            say.note(f"  {reason}")


def _tell(found: Decided, *, explain: bool) -> None:
    for spec, at in found.decisions:
        size = f"{spec.cpus} vCPU, {spec.memory_mb} MiB, {spec.disk_gb} GiB"
        say.note(f"{spec.name}: VM {at.vmid} on {at.node}, {size} ({spec.because})")
        for reason in at.reasons if explain else ():
            say.note(f"  {reason}")


def results(found: Decided, report: Report, form: Form) -> None:
    """Say what became of the VMs."""
    results = [creating.result(spec, at, report) for spec, at in found.decisions]
    emit(form, MADE, results, run=report.run)
    ending.tell_failed({name_of(subject): each for subject, each in report.outcomes.items()})
    ending.tell_sum(report)
