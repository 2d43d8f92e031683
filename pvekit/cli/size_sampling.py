"""``pvekit size sample``."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from pvekit.cli import names as known
from pvekit.cli.app import App, pass_app
from pvekit.cli.choosing import selecting
from pvekit.cli.durations import age
from pvekit.cli.output import Form, View, emit, format_option, why

if TYPE_CHECKING:
    from pvekit.operations.size_sampling import Sampled, Taken

SAMPLES = View(
    kind="VmSample",
    name="vm/{name}",
    columns=("name", "vmid", "node", "state", "cpu_seconds", "used_mb", "memory_mb"),
    wide=("time", "waited_some_ms", "waited_full_ms", "error"),
    result=True,
    empty="No VM of ours is there.",
)


@click.command()
@click.argument("names", nargs=-1, metavar="[VM]...", shell_complete=known.our_vms)
@selecting
@click.option(
    "--keep",
    default="90d",
    show_default=True,
    metavar="AGE",
    help="Remove samples of months that ended longer ago.",
)
@format_option
@pass_app
def sample(
    app: App,
    names: tuple[str, ...],
    role: str,
    selectors: tuple[str, ...],
    every: bool,
    keep: str,
    form: Form,
) -> int:
    """Note down what VMs that run have used until now: CPU, memory without page cache, pressure.

    All of pvekit's VMs if none is named. Nothing is changed on the site.
    """
    from pvekit.operations import size_sampling
    from pvekit.operations.selecting import selected
    from pvekit.samples import Samples

    seconds, now = age(keep), time.time()
    chosen = None
    if names or role or selectors:
        chosen = selected(names, role=role, selectors=selectors, every=every)
    samples = Samples.of(app.store)
    taken = size_sampling.take(app.desk(), chosen, samples, now)
    size_sampling.prune(samples, seconds, now)
    emit(form, SAMPLES, [_row(each) for each in taken.vms])
    return _told(taken)


def _told(taken: Sampled) -> int:
    """Tell each reason once, and return the exit status."""
    from pvekit.cli import say
    from pvekit.operations import size_sampling

    reasons = {str(each.error): each.error for each in taken.vms if each.error is not None}
    for error in reasons.values():
        say.fail(error)
    for node in taken.silent_nodes:
        say.warn(f"not sampled: {node} does not answer", always=True)
    return size_sampling.status(taken)


def _row(taken: Taken) -> dict[str, Any]:
    found = taken.sample
    return {
        "name": taken.vm.name,
        "vmid": taken.vm.vmid,
        "node": taken.node,
        "state": taken.state,
        "time": _moment(found.at) if found else None,
        "cpu_seconds": found.cpu_ds / 10 if found else None,
        "used_mb": found.used_mb if found else None,
        "memory_mb": found.total_mb if found else None,
        "waited_some_ms": found.some_ms if found else None,
        "waited_full_ms": found.full_ms if found else None,
        **why(taken.error),
    }


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
