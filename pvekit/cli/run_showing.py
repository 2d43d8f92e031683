"""``run show``: a run as text, or as data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from pvekit.cli.app import App
from pvekit.cli.output import Form, View, emit_one
from pvekit.cli.rendering import table
from pvekit.operations import run_showing
from pvekit.plan import name_of

RUN = View(
    kind="Run",
    name="run/{run}",
    columns=("run", "began", "ended", "command", "state", "status", "subjects", "made"),
)
STEP = ("name", "step", "state", "attempts", "began", "ended", "seconds", "error")
HEAD = ("run", "command", "state", "status", "began", "ended", "made")


def show(app: App, run: str, form: Form) -> None:
    """Print one run."""
    told = run_showing.shown(app.store.look(run), app.desk)
    emit_one(form, RUN, told, text=lambda: _tell(told))


def _tell(told: dict[str, Any]) -> None:
    for key in HEAD:
        if told[key] not in (None, ""):
            click.echo(f"{key}: {told[key]}")
    asked = " ".join(f"{key}={_words(value)}" for key, value in told["request"].items())
    click.echo(f"request: {asked or '-'}")
    _decisions(told["decisions"])
    if told["steps"]:
        click.echo()
        click.echo(table([_row(step) for step in told["steps"]], STEP))
    for job in told["jobs"]:
        click.echo(f"job: {job['job']} on {job['node']}")
    _ways(told)


def _decisions(decisions: dict[str, Any]) -> None:
    for subject, decided in decisions.items():
        at = {**decided.get("spec", {}), **decided.get("at", {}), **decided.get("target", {})}
        names = ("vmid", "node", "mac", "ip", "template", "storage", "cpus", "memory_mb", "disk_gb")
        words = " ".join(f"{key}={at[key]}" for key in names if at.get(key) not in (None, ""))
        click.echo(f"decided: {subject}: {words}")


def _row(step: dict[str, Any]) -> dict[str, object]:
    return {**step, "name": name_of(step["subject"])}


def _ways(told: dict[str, Any]) -> None:
    if by := told.get("carried_by"):
        click.echo(f"carried out by process {by['pid']} on {by['host']} since {by['since']}")
    for way in ("resume", "rollback"):
        if why := told.get(f"{way}_refused"):
            click.echo(f"{way}: not possible")
            _indented(why.splitlines())
        elif way in told:
            click.echo(f"{way}: would send" if told[way] else f"{way}: nothing left to be sent")
            _indented(told[way])
    for line in told.get("lasting", ()):
        click.echo(f"not taken back: {line}")


def _indented(lines: Sequence[str]) -> None:
    for line in lines:
        click.echo(f"  {line}")


def _words(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
