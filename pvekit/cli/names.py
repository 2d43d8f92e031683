"""What completes the values of arguments and options: only named here, made when a key asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Completer = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]


def _later(name: str) -> Completer:
    def complete(ctx: click.Context, param: click.Parameter, word: str) -> list[CompletionItem]:
        from pvekit.cli import candidates

        return candidates.BY_KIND[name](candidates.Asked(ctx, param, word))

    return complete


our_vms = _later("our_vms")
all_vms = _later("all_vms")
snapshots = _later("snapshots")
vm_and_snapshot = _later("vm_and_snapshot")
nodes = _later("nodes")
templates = _later("templates")
configured_templates = _later("configured_templates")
sizes = _later("sizes")
roles = _later("roles")
runs = _later("runs")
unfinished_runs = _later("unfinished_runs")
contexts = _later("contexts")
error_ids = _later("error_ids")
files = _later("files")
