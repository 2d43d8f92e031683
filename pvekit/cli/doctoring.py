"""``pvekit doctor``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pvekit.cli import names as known
from pvekit.cli.app import App, pass_app
from pvekit.cli.examples import examples
from pvekit.cli.output import Form, View, emit, format_option

if TYPE_CHECKING:
    from pvekit.doctor.model import Finding

FINDINGS = View(
    kind="Finding",
    name="{level}/{where}/{check}",
    columns=("level", "where", "check", "says"),
    wide=("mend", "id", "passing"),
)


@click.command(
    epilog=examples("pvekit doctor", "pvekit doctor --node pve1", "pvekit doctor -o json")
)
@click.option(
    "--node",
    "-n",
    "nodes",
    multiple=True,
    metavar="NODE",
    help="Only this node; may be repeated.",
    shell_complete=known.nodes,
)
@format_option
@pass_app
def doctor(app: App, nodes: tuple[str, ...], form: Form) -> int:
    """Look at nodes, storages, networks, downloads and keys; say what is wrong and how to mend it.

    Nothing is changed. The exit status is 0 where nothing fails (warnings may be told), 7 where all
    that fails may pass by itself (a node, a storage, a quorum), else 1.
    """
    from dataclasses import asdict
    from pathlib import Path

    from pvekit.doctor.examine import status
    from pvekit.operations.doctoring import Surroundings, diagnosed

    findings = diagnosed(app.desk(), Surroundings(Path.home()), nodes)
    rows = [asdict(each) for each in findings]
    people = None if form.name == "wide" else lambda: _tell(findings, quiet=app.quiet)
    emit(form, FINDINGS, rows, text=people, count=_count(findings))
    return status(findings)


def _count(findings: Sequence[Finding]) -> dict[str, int]:
    count = Counter(each.level for each in findings)
    return {level: count[level] for level in ("ok", "warn", "fail")}


def _tell(findings: Sequence[Finding], *, quiet: bool) -> None:
    """Print a line for each finding, one for places alike; with ``-q`` only what is not well."""
    from dataclasses import replace

    alike: dict[Finding, list[str]] = {}
    for each in findings if not quiet else (f for f in findings if f.level != "ok"):
        alike.setdefault(replace(each, where=""), []).append(each.where)
    shown = {each: ", ".join(places) for each, places in alike.items()}
    width = max(map(len, shown.values()), default=0)
    for each, where in shown.items():
        told = f"{each.level:<4}  {where:<{width}}  {each.check:<11}  {each.says}"
        click.echo(click.style(told, fg=_COLOURS[each.level]))
        if each.mend:
            click.echo(f"      mend: {each.mend}")
        if each.id and each.level != "ok":
            click.echo(f"      explain: pvekit explain {each.id}")
    count = _count(findings)
    warned, failed = (
        f"{count[level]} {word}{'' if count[level] == 1 else 's'}" for level, word in _SUM
    )
    click.echo(f"{count['ok']} ok, {warned}, {failed}")


_SUM = (("warn", "warning"), ("fail", "failure"))
_COLOURS = {"ok": None, "warn": "yellow", "fail": "red"}
