"""Writes the command reference from the help texts: docs/cli.md, and a man page per command.

Usage: python docs/reference.py [DIRECTORY], which is the checkout if none is named.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from pvekit import __version__
from pvekit.cli.lazy import LazyGroup
from pvekit.cli.root import root

CHECKOUT = Path(__file__).parents[1]
VERBATIM = "\b"


@dataclass(frozen=True)
class Option:
    """An option: its names, the word for its value, and what it is for."""

    names: tuple[str, ...]
    value: str
    help: str


@dataclass(frozen=True)
class Page:
    """A command as its help tells of it; of its ``texts`` those that are lists stay in lines."""

    path: str
    usage: str
    title: str
    texts: tuple[str | list[str], ...]
    options: tuple[Option, ...]
    commands: tuple[tuple[str, str], ...]

    @property
    def page(self) -> str:
        """The name of the man page that it stands on."""
        return "-".join(self.path.split()[:2])


# Reading


def pages(
    command: click.Command, title: str = "", parent: click.Context | None = None
) -> Iterator[Page]:
    """Yield a command, and all below it, in the order of the help."""
    context = click.Context(command, parent, info_name=command.name if parent else "pvekit")
    below = children(command, context)
    yield Page(
        context.command_path,
        " ".join(command.get_usage(context).removeprefix("Usage:").split()),
        title or first_sentence(command),
        (*texts(command.help), *texts(command.epilog)),
        tuple(option(each) for each in command.params if isinstance(each, click.Option)),
        tuple((each.name or "", says) for each, says in below),
    )
    for each, says in below:
        yield from pages(each, says, context)


def children(command: click.Command, context: click.Context) -> list[tuple[click.Command, str]]:
    """Return the commands of a group that help lists, each with what the group says of it."""
    if isinstance(command, LazyGroup):
        told = {name: entry.help for name, entry in command.shown.items()}
    elif isinstance(command, click.Group):
        told = dict.fromkeys(command.list_commands(context), "")
    else:
        return []
    found = ((command.get_command(context, name), says) for name, says in told.items())
    return [(each, says or first_sentence(each)) for each, says in found if each is not None]


def first_sentence(command: click.Command) -> str:
    """Return what a help text begins with."""
    return str(texts(command.help)[0]).partition(". ")[0].rstrip(".") + "."


def texts(text: str | None) -> list[str | list[str]]:
    """Return the paragraphs of a help text; what click does not wrap, as lines."""
    found: list[str | list[str]] = []
    for part in re.split(r"\n\n+", inspect.cleandoc(text or "")):
        verbatim, _, rest = part.partition("\n")
        if verbatim == VERBATIM:
            found.append(rest.splitlines())
        elif part:
            found.append(" ".join(part.split()))
    return found


def option(given: click.Option) -> Option:
    """Return an option as it is told."""
    names = (*given.opts, *given.secondary_opts)
    ordered = tuple(sorted(names, key=lambda name: name.startswith("--")))
    return Option(ordered, value(given), f"{given.help or ''}{extra(given)}")


def value(given: click.Option) -> str:
    """Return the word for an option's value; empty for a flag."""
    if given.is_flag or given.count:
        return ""
    if isinstance(given.type, click.Choice):
        return "|".join(map(str, given.type.choices))
    return given.metavar or str(given.name).upper()


def extra(given: click.Option) -> str:
    """Return what click adds to a help text."""
    parts = ["required"] if given.required else []
    if given.show_default and not given.required:
        parts.append(f"default: {given.default}")
    if isinstance(given.type, click.IntRange) and given.type.max is not None:
        parts.append(f"{given.type.min} to {given.type.max}")
    if given.envvar:
        parts.append(f"or {given.envvar}")
    return f" ({'; '.join(parts)})" if parts else ""


# Markdown

HEAD = """# Commands and options

`make docs` writes this from the texts that `--help` prints, and the man pages too.

"""


def markdown(all_pages: list[Page]) -> str:
    """Return docs/cli.md."""
    index = [f"- [{page.path}](#{page.path.replace(' ', '-')}): {page.title}" for page in all_pages]
    return HEAD + "\n".join(index) + "\n\n" + "\n".join(map(section, all_pages))


def section(page: Page) -> str:
    """Return a command's section of it."""
    parts = [f"## {page.path}", f"```text\n{page.usage}\n```"]
    for text in page.texts:
        if isinstance(text, str):
            parts.append(textwrap.fill(text, 100, break_on_hyphens=False, break_long_words=False))
        else:
            parts.append(
                f"{text[0].strip()}\n\n```sh\n{textwrap.dedent(chr(10).join(text[1:]))}\n```"
            )
    rows = [f"| {names(each)} | {each.help} |" for each in page.options]
    if rows:
        parts.append("\n".join(["| option | |", "|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def names(given: Option) -> str:
    """Return an option's names, as code."""
    *others, last = given.names
    told = given.value.replace("|", "\\|")
    return ", ".join(
        [*(f"`{name}`" for name in others), f"`{last} {told}`" if told else f"`{last}`"]
    )


# Man pages


def man(name: str, group: list[Page], others: list[str]) -> str:
    """Return a man page of a command and all below it."""
    first, *below = group
    lines = [
        '.\\" Written by `make docs` from the help texts.',
        f'.TH {quoted(name.upper())} 1 "" {quoted(f"pvekit {__version__}")} "User Commands"',
        ".SH NAME",
        f"{roff(name)} \\- {roff(first.title.rstrip('.'))}",
        ".SH SYNOPSIS",
        *synopsis(first),
        ".SH DESCRIPTION",
        *prose(first, heading=".SH"),
        *options(first, ".SH OPTIONS"),
    ]
    if below:
        lines.append(".SH COMMANDS")
    for page in below:
        lines += [f".SS {quoted(page.path)}", *synopsis(page), *prose(page), *options(page, "")]
    if name == "pvekit":
        lines += [".SH COMMANDS", *commands(first), *statuses()]
    lines += [".SH SEE ALSO", ",\n".join(f".BR {roff(each)} (1)" for each in others)]
    return "\n".join(lines) + "\n"


def synopsis(page: Page) -> list[str]:
    """Return how a command is called."""
    end = len(page.path)
    return [f"\\fB{roff(page.usage[:end])}\\fR{roff(page.usage[end:])}"]


def prose(page: Page, heading: str = "") -> list[str]:
    """Return what a command does; examples under a heading of their own, if that is wanted."""
    lines: list[str] = []
    for place, text in enumerate(page.texts):
        if isinstance(text, list):
            told = quoted(text[0].strip().rstrip(":").upper())
            lines += [f"{heading} {told}"] if heading else [".PP", roff(text[0].strip())]
            lines += [".RS 4", ".nf", *(roff(line.strip()) for line in text[1:]), ".fi", ".RE"]
        else:
            lines += [".PP"] if place or not heading else []
            lines.append(filled(text))
    return lines


def options(page: Page, heading: str) -> list[str]:
    """Return what a command's options are for."""
    lines = [heading] if heading and page.options else []
    for each in page.options:
        told = ", ".join(f"\\fB{roff(name)}\\fR" for name in each.names)
        lines += [".TP", f"{told} \\fI{roff(each.value)}\\fR" if each.value else told]
        lines.append(filled(each.help))
    return lines


def commands(page: Page) -> list[str]:
    """Return the commands below the root, each with its page."""
    told = ((f"\\fB{roff(f'pvekit-{name}')}\\fR(1)", says) for name, says in page.commands)
    return [line for name, says in told for line in (".TP", name, filled(says))]


def statuses() -> list[str]:
    """Return the exit statuses, of which docs/exit-statuses.md has the table."""
    text = (CHECKOUT / "docs" / "exit-statuses.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\d, ]+) \| (.+?) \| .* \|$", text, re.MULTILINE)
    return [
        ".SH EXIT STATUS",
        *(line for status, says in rows for line in (".TP", status, filled(says))),
    ]


def filled(text: str) -> str:
    """Return a paragraph in lines that an editor shows whole."""
    lines = textwrap.wrap(text, 70, break_on_hyphens=False, break_long_words=False)
    return "\n".join(map(roff, lines))


def roff(text: str) -> str:
    """Return a line as roff reads it: a hyphen is a minus, and it begins with no request."""
    plain = text.replace("`", "").replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{plain}" if plain.startswith((".", "'")) else plain


def quoted(text: str) -> str:
    """Return a text as one argument of a request."""
    return f'"{roff(text)}"'


def written() -> dict[str, str]:
    """Return all files of the reference, by their paths in the checkout."""
    found = list(pages(root))
    groups: dict[str, list[Page]] = {}
    for page in found:
        groups.setdefault(page.page, []).append(page)
    told = {
        f"man/{name}.1": man(name, group, [other for other in groups if other != name])
        for name, group in groups.items()
    }
    return {"docs/cli.md": markdown(found), **told}


def main(directory: Path) -> None:
    """Write the files, and remove the man pages of commands that are gone."""
    found = written()
    (directory / "man").mkdir(exist_ok=True)
    for path in (directory / "man").glob("*.1"):
        if f"man/{path.name}" not in found:
            path.unlink()
    for name, text in found.items():
        (directory / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]) if sys.argv[1:] else CHECKOUT)
