"""Reviewing sizes, as a conversation: tables, charts, and what was left out."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from pvekit.cli import rendering, say
from pvekit.cli.app import App
from pvekit.cli.changing import Manner
from pvekit.cli.output import Form, View, emit
from pvekit.cli.sparkline import blocks_for, sparkline
from pvekit.errors import Transient
from pvekit.operations import reviewing, reviewing_rows
from pvekit.operations.desk import Desk
from pvekit.operations.reviewing import Finding, Found
from pvekit.operations.selecting import Selection
from pvekit.sizing.demand import Series

Row = Mapping[str, Any]

REVIEWS = View(
    kind="SizeReview",
    name="vm/{name}",
    columns=("name", "vmid", "node", "cpus", "memory_mb"),
    wide=(
        *("cpu_p50", "cpu_p95", "cpu_p99", "cpu_max", "cpu_slack", "cpu_saturated"),
        *("memory_p50", "memory_p95", "memory_p99", "memory_max", "memory_slack"),
        *("memory_saturated", "signs", "oom_kills", "memory_pressure", "uptime_days", "days"),
        *("recommended_cpus", "recommended_memory_mb", "cpus_change", "memory_change_mb", "how"),
        *("confidence", "source", "left_out", "because"),
    ),
    empty="There is no VM of ours that runs.",
)
_TABLE = ("name", "node", "of", "has", "p50", "p95", "p99", "max", "slack", "use", "signs", "fits")
_WIDE = (*_TABLE, "days", "up", "confidence", "source")
_NAMED = 5
_SHOWN = {"cpu": "{:.2f}", "memory": "{:.0f}"}
_RECOMMENDED = {"cpu": "recommended_cpus", "memory": "recommended_memory_mb"}
_HAS = {"cpu": "cpus", "memory": "memory_mb"}
_SIGNS = {"cpu": ("cpu-saturated",), "memory": ("oom", "cgroup-oom", "memory-pressure",
                                                "memory-saturated")}  # fmt: skip


@dataclass(frozen=True)
class Look:
    """Which VMs are reviewed, how far back in seconds, and where charts of them go."""

    chosen: Selection
    seconds: int
    plot: Path | None = None


def review(app: App, look: Look, manner: Manner) -> int:
    """Review VMs, and say what was found."""
    desk = app.desk()
    found = looked(desk, look, dry_run=manner.dry_run)
    show(found, manner.form)
    aside(found)
    return status(found)


def looked(desk: Desk, look: Look, *, dry_run: bool) -> Found:
    """Review VMs, draw them, and keep what was found; a dry run keeps nothing."""
    from pvekit.operations import reviewing_book, reviewing_plots

    if look.plot is not None:
        reviewing_plots.prepare(look.plot)
    found = reviewing.look(desk, look.chosen, look.seconds)
    if look.plot is not None:
        drawn = reviewing_plots.draw(found, look.plot)
        count = f"{len(drawn)} chart{'s' * (len(drawn) != 1)}"
        say.note(f"wrote {count} into {look.plot}" if drawn else "nothing to draw was recorded")
    if not dry_run:
        reviewing_book.keep(desk, found)
    return found


def status(found: Found) -> int:
    """Return the exit status: 7 where a node did not say all."""
    return 0 if found.whole else Transient.exit_status


def aside(found: Found) -> None:
    """Say what was left out, and what nobody told."""
    for each in found.left_out:
        say.note(f"left out: {each.name} (VM {each.vmid} on {each.node}): {each.why}")
    mute = [each.vm.name for each in found.findings if each.signs is None]
    if mute:
        more = f" and {len(mute) - _NAMED} more" if len(mute) > _NAMED else ""
        named = ", ".join(mute[:_NAMED])
        say.note(f"no guest agent tells what the kernel said in {named}{more}")
    for node in found.silent_nodes:
        say.warn(f"not looked at: {node} does not answer", always=True)
    for problem in found.problems:
        say.warn(problem, always=True)


def show(found: Found, form: Form) -> None:
    """Print what was found."""
    emit(
        form,
        REVIEWS,
        reviewing_rows.rows(found),
        text=lambda: _tell(found, form),
        since_seconds=found.seconds,
        nodes=reviewing_rows.nodes(found),
        proposals=reviewing_rows.proposals(found),
        not_reviewed=reviewing_rows.left_out(found),
        silent_nodes=list(found.silent_nodes),
    )


def _tell(found: Found, form: Form) -> None:
    if not found.findings:
        say.note(REVIEWS.empty if not found.left_out else "None of them runs.")
        return
    wide = form.name == "wide"
    blocks = blocks_for(sys.stdout.encoding)
    told = [
        (each, row) for each, row in zip(found.findings, reviewing_rows.rows(found), strict=True)
    ]
    rows = [line for finding, row in told for line in _lines(finding, row, blocks)]
    _print(rows, _WIDE if wide else _TABLE, form)
    for _, row in told:
        if wide or row["how"] != "none" or not row["days"]:
            click.echo(f"{row['name']}: {_effect(row)}{row['because']}")
    click.echo()
    _print([_signed(row) for row in reviewing_rows.nodes(found)], _NODES, form)
    if proposals := reviewing_rows.proposals(found):
        click.echo()
        _print([_percent(row) for row in proposals], _PROPOSALS, form)


_NODES = ("node", "vms", "changes", "cpus_change", "memory_change_mb")
_PROPOSALS = (
    *("source", "count", "cpu_error_mean", "cpu_error_median", "memory_error_mean"),
    *("memory_error_median", "too_small"),
)


def _print(rows: Sequence[Row], keys: tuple[str, ...], form: Form) -> None:
    click.echo(rendering.table(rows, keys, headers=form.headers))


def _lines(finding: Finding, row: Row, blocks: str) -> Iterator[Row]:
    """Yield a line of CPU and one of memory."""
    used: dict[str, Series | None] = {"cpu": finding.lately.cpu, "memory": finding.lately.memory}
    for what, series in used.items():
        figures = {key: row[f"{what}_{key}"] for key in ("p50", "p95", "p99", "max")}
        has, wanted, slack = row[_HAS[what]], row[_RECOMMENDED[what]], row[f"{what}_slack"]
        first = what == "cpu"
        yield {
            "name": row["name"] if first else "",
            "node": row["node"] if first else "",
            "of": what,
            "has": has,
            **{key: _SHOWN[what].format(v) if v is not None else "?" for key, v in figures.items()},
            "slack": f"{slack:.0f}%" if slack is not None else "?",
            "use": sparkline(series.values, has, blocks) if series else "",
            "signs": [sign for sign in row["signs"] if sign in _SIGNS[what]],
            "fits": "" if wanted == has else wanted,
            "days": row["days"] if first else "",
            "up": row["uptime_days"] if first else "",
            "confidence": row["confidence"] if first else "",
            "source": row["source"] if first else "",
        }


def _effect(row: Row) -> str:
    if row["how"] == "none":
        return ""
    how = {"hot-plug": "hot-plug", "restart": "needs a restart"}[row["how"]]
    changes = [
        f"{change:+d} {unit}"
        for change, unit in ((row["cpus_change"], "CPUs"), (row["memory_change_mb"], "MiB"))
        if change
    ]
    left_out = f", left out by --apply: {row['left_out']}" if row["left_out"] else ""
    return f"{', '.join(changes)} ({how}{left_out}); "


def _signed(row: Row) -> Row:
    signed = {key: f"{row[key]:+d}" for key in ("cpus_change", "memory_change_mb")}
    return {**row, **signed}


def _percent(row: Row) -> Row:
    errors = {key: f"{row[key]:+.0%}" for key in row if "_error_" in key and row[key] is not None}
    return {**row, **errors, "too_small": f"{row['too_small']:.0%}"}
