"""``run verify-log``."""

from __future__ import annotations

from dataclasses import asdict

import click

from pvekit.audit.log import AuditLog
from pvekit.audit.verify import verify
from pvekit.cli import say
from pvekit.cli.app import App
from pvekit.cli.output import Form, View, emit_one
from pvekit.errors import Conflict

LOG = View(kind="AuditLog", name="audit", columns=("lines", "files", "broken", "torn"))


def verify_log(app: App, form: Form) -> int:
    """Say whether the audit log is whole; the status is 6 if it is not."""
    log = AuditLog(app.store.directory.parent)
    found = verify(log)

    def tell() -> None:
        for place in found.torn:
            say.warn(f"{place}: a crash has cut this line short.")
        if found.broken:
            click.echo(f"broken after {found.lines} lines: {found.broken}")
        else:
            click.echo(f"whole: {found.lines} lines in {len(found.files)} files")

    emit_one(form, LOG, {**asdict(found), "whole": not found.broken}, text=tell)
    return Conflict.exit_status if found.broken else 0
