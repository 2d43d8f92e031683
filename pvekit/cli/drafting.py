"""``ask``, as a conversation: the fleet file with its reasons, the plan, a question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from pvekit.cli import fleets, previewing, say
from pvekit.cli.app import App
from pvekit.cli.failing import OnFailure
from pvekit.cli.fleets import Manner
from pvekit.cli.output import Form, View, emit_one
from pvekit.cli.prompts import may_ask
from pvekit.errors import NoCapacity
from pvekit.fleet.draft import Drawn
from pvekit.operations import asking, fleet_writing
from pvekit.operations.applying import Order
from pvekit.operations.asking import Draft, Request
from pvekit.operations.carrying import PARTIAL
from pvekit.operations.foreseeing import Foreseen
from pvekit.run.apply import Preview

T = TypeVar("T")

DRAFT = View(
    kind="FleetDraft",
    name="fleet/{fleet}",
    columns=("fleet", "read_by", "whole", "pending"),
    wide=("not_understood", "warnings"),
)


@dataclass(frozen=True)
class Asked:
    """What is asked for, how it is applied, and where the fleet file is written, too."""

    request: Request
    order: Order
    out: Path | None = None
    force: bool = False
    explain: bool = False


def manner(form: Form, *, yes: bool, allow_restart: bool, on_failure: OnFailure | None) -> Manner:
    """Return how a fleet that was asked for is applied: never without a yes."""
    return Manner(form, yes=yes, allow_restart=allow_restart, on_failure=on_failure, agreed=True)


def foresee(app: App, asked: Asked, form: Form, *, detailed: bool) -> int:
    """Show the file, the plan and what would be sent."""
    return _foresee(app, asked, _drafted(app, asked), form, detailed=detailed)


def _foresee(app: App, asked: Asked, draft: Draft, form: Form, *, detailed: bool) -> int:
    if not draft.reading.whole:
        return _partly(draft, asked, form)
    found, preview = _fitting(draft, lambda: fleets.previewed(app.desk(), draft.fleet, asked.order))
    _write(draft, found, asked)
    if form.is_text:
        click.echo(draft.text(found), nl=False)
        if found is not None:
            fleets.tell(found, say.note)
            _tell_unchanged(found)
        previewing.show(preview, form)
    else:
        _emit(draft, found, preview, form)
    return previewing.status(preview, detailed=detailed)


def ask(app: App, asked: Asked, manner: Manner) -> int:
    """Show the file and the plan, ask, and apply it."""
    draft = _drafted(app, asked)
    if not draft.reading.whole:
        return _partly(draft, asked, manner.form)
    if asked.out is not None and not manner.yes and not may_ask():
        _foresee(app, asked, draft, manner.form, detailed=False)
        say.note(f"Nothing was applied, for there is nobody to ask: pvekit apply -f {asked.out}")
        return 0

    def before(found: Foreseen | None) -> None:
        _write(draft, found, asked)
        asks = found is not None and found.pending and not manner.yes
        out = say.present if asks else say.note
        out(draft.text(found).rstrip("\n"))
        if found is not None:
            _tell_unchanged(found)

    return _fitting(draft, lambda: fleets.apply(app, draft.fleet, asked.order, manner, before))


def _drafted(app: App, asked: Asked) -> Draft:
    if asked.out is not None:
        fleet_writing.check(asked.out, force=asked.force)
    draft = asking.drafted(app.desk(), asked.request)
    if draft.reading.by == "model" or not app.config.llm.model:  # else it was warned of
        for line in draft.reading.log:
            say.note(f"{line[:1].upper()}{line[1:]}.")
    if asked.explain:
        _explain(draft, app.config.llm.model)
    return draft


def _explain(draft: Draft, model: str | None) -> None:
    if draft.reading.sent:
        say.note(f"sent to {model}: {draft.reading.sent}")
    for each in draft.groups:
        for line in each.sized.evidence:
            say.note(f"{each.name}: {line}")


def _fitting(draft: Draft, do: Callable[[], T]) -> T:
    try:
        return do()
    except NoCapacity as error:
        raise asking.misfit(draft, error) from None


def _partly(draft: Draft, asked: Asked, form: Form) -> int:
    """Show what was understood and what was not; it is not applied, whatever was agreed to."""
    _write(draft, None, asked)
    if form.is_text:
        click.echo(draft.text(), nl=False)
    else:
        _emit(draft, None, None, form)
    for each in draft.reading.found.unknown:
        say.warn(f"Not understood: {each}", always=True)
    say.warn(
        "The text was understood in part: nothing is applied. Say it in other words, or complete "
        "the fleet file and apply that.",
        always=True,
    )
    return PARTIAL


def _write(draft: Draft, found: Foreseen | None, asked: Asked) -> None:
    if asked.out is not None:
        fleet_writing.write(asked.out, draft.text(found), force=asked.force)
        say.note(f"Wrote {asked.out}.")


def _tell_unchanged(found: Foreseen) -> None:
    if not found.pending:
        say.note(f"No change: the fleet {found.fleet.name} is there as asked for.")


def _emit(draft: Draft, found: Foreseen | None, preview: Preview | None, form: Form) -> None:
    data: dict[str, Any] = {
        "fleet": draft.fleet.name,
        "read_by": draft.reading.by,
        "log": list(draft.reading.log),
        "whole": draft.reading.whole,
        "not_understood": list(draft.reading.found.unknown),
        "pending": bool(preview and preview.pending),
        "groups": [_group(each) for each in draft.groups],
        "changes": [fleets.row(item) for item in found.items] if found else [],
        "steps": previewing.data(preview) if preview else [],
        "warnings": list(found.warnings) if found else [],
        "file": dict(draft.data),
    }
    emit_one(form, DRAFT, data)


def _group(each: Drawn) -> dict[str, Any]:
    sized = each.sized
    return {
        "name": each.name,
        "count": each.count,
        "role": each.role,
        **asdict(sized.size),
        "workload": sized.workload,
        "source": sized.source,
        "because": sized.because,
        "evidence": list(sized.evidence),
        "confidence": sized.confidence,
        "assumed": list(each.remarks),
    }
