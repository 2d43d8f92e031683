"""A group whose commands are imported only when they are used: ``--help`` must be quick."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


@dataclass(frozen=True)
class Entry:
    """Where a command is (``module:name``), what it does in a line, and if help leaves it out."""

    where: str
    help: str
    hidden: bool = False


class LazyGroup(click.Group):
    """A group over a table of entries."""

    def __init__(self, *args: Any, table: Mapping[str, Entry], **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._table = table

    @property
    def shown(self) -> Mapping[str, Entry]:
        """The commands that help lists, by name."""
        return {name: entry for name, entry in self._table.items() if not entry.hidden}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names in the table's order."""
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return a command."""
        entry = self._table.get(cmd_name)
        if entry is None:
            return None
        module, _, name = entry.where.partition(":")
        found = getattr(importlib.import_module(module), name)
        if not isinstance(found, click.Command):
            raise TypeError(f"{entry.where} is no command.")
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is meant; click itself proposes only commands it has loaded."""
        from pvekit.config.nearest import nearest

        word = args[0]
        if word in self._table or ctx.resilient_parsing or not word[:1].isalnum():
            return super().resolve_command(ctx, args)
        shown = [name for name, entry in self._table.items() if not entry.hidden]
        meant = nearest(word, shown)
        hint = f" Did you mean {meant!r}?" if meant else ""
        raise click.UsageError(f"No such command {word!r}.{hint}", ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in self.shown.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands and options that a word may go on as, without importing any."""
        from click.shell_completion import CompletionItem

        commands = [
            CompletionItem(name, help=entry.help)
            for name, entry in self.shown.items()
            if name.startswith(incomplete)
        ]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]
