"""``template build``, as a conversation: what is there, what is done, how it ended."""

from __future__ import annotations

from collections.abc import Sequence

from pvekit.cli import ending, previewing, say
from pvekit.cli.app import App
from pvekit.cli.output import Form, View, emit, why
from pvekit.cli.progress import Progress
from pvekit.config.model import OnFailure
from pvekit.operations import template_deciding, templates
from pvekit.operations.carrying import Report
from pvekit.operations.template_deciding import Decided, Request, Work
from pvekit.run.apply import Outcome
from pvekit.templates.spec import Existing

COPIES = View(
    kind="TemplateCopy",
    name="template/{name}",
    columns=("name", "vmid", "node", "state", "seconds"),
    wide=("customised_by", "why", "image_from", "error"),
    result=True,
)


def foresee(app: App, request: Request, form: Form, *, detailed: bool) -> int:
    """Show what building would do."""
    found, preview = templates.foresee(app.desk(), request)
    if found.run:
        say.note(f"would go on with run {found.run}")
    _tell(found)
    previewing.show(preview, form)
    return previewing.status(preview, detailed=detailed)


def build(
    app: App, request: Request, form: Form, *, new: bool, on_failure: OnFailure | None = None
) -> int:
    """Build what is missing, or go on with an unfinished build of the same request."""
    progress = Progress()
    desk = app.desk(progress, on_failure)
    journal = None if new else templates.unfinished(desk, request)
    if journal is not None:
        say.note(f"resuming run {journal.run}")
        found = templates.go_on(desk, journal)
    else:
        found = template_deciding.decided(desk, request)
        _tell(found)
        if not found.works:
            say.note("Nothing to do.")
            ended(found, None, form)
            return 0
        found, journal = templates.begin(desk, request, found)
    built, report = templates.carry_out(desk, found, journal)
    progress.close()
    ended(built, report, form)
    return app.told_ways(report)


def _tell(found: Decided) -> None:
    for copy in found.there:
        say.note(f"{copy.name} is on {copy.node} (vmid {copy.vmid})")
    for work in found.works:
        say.note(
            f"building {work.spec.name} on {work.at.node} as VM {work.at.vmid}, customised by "
            f"{work.spec.way}: {work.why}",
        )
    for node, line in _images(found.works).items():
        say.note(f"{node}: {line}")


def _images(works: Sequence[Work]) -> dict[str, str]:
    """Return where images come from, by nodes, wherever there was a choice."""
    told: dict[str, list[str]] = {}
    for work in works:
        origin = work.at.origin
        if origin.why:
            way = f"image copied from {origin.source}" if origin.source else "image downloaded"
            nodes = told.setdefault(f"{way}; {origin.why}", [])
            nodes += [work.at.node] if work.at.node not in nodes else []
    return {", ".join(nodes): line for line, nodes in told.items()}


def ended(found: Decided, report: Report | None, form: Form) -> None:
    """Say what became of the copies: those that were there, and those of a run."""
    rows = [_there(copy) for copy in found.there]
    works = found.works if report is not None else ()
    rows += [_built(work, report.outcomes[work.subject]) for work in works if report]
    emit(form, COPIES, rows, run=report.run if report else None)
    if report is None:
        return
    outcomes = {
        f"template {work.spec.name} on {work.at.node}": report.outcomes[work.subject]
        for work in works
    }
    ending.tell_failed(outcomes, named=False)
    ending.tell_sum(report)


def _there(copy: Existing) -> dict[str, object]:
    unchanged = {"state": "unchanged", "seconds": 0.0, "customised_by": "", "why": ""}
    unchanged |= {"image_from": None, "image_why": ""}
    at = {"name": copy.name, "vmid": copy.vmid, "node": copy.node}
    return {**at, **unchanged, **why(None), "taken_back": None, "stages": {}}


def _built(work: Work, outcome: Outcome) -> dict[str, object]:
    undone = outcome.undone
    return {
        "name": work.spec.name,
        "vmid": work.at.vmid,
        "node": work.at.node,
        "state": "built" if outcome.error is None else outcome.state,
        "seconds": outcome.seconds,
        "customised_by": work.spec.way,
        "why": work.why,
        "image_from": work.at.origin.source or None,
        "image_why": work.at.origin.why,
        **why(outcome.error),
        "taken_back": None if undone is None else [stage.verb for stage in undone],
        "stages": {stage.verb: round(stage.seconds, 3) for stage in outcome.stages},
    }
