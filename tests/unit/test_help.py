"""Every command and option says what it is, in one manner, and fits a terminal."""

from __future__ import annotations

import inspect
import re
import shlex

import click
import pytest

from pvekit.cli.root import root

COMMON = [
    ("template", "build"),
    ("vm", "create"),
    ("vm", "list"),
    ("vm", "ssh"),
    ("vm", "resize"),
    ("vm", "snapshot", "create"),
    ("vm", "delete"),
    ("apply",),
    ("run", "resume"),
    ("doctor",),
]
"""The commands that are used most: each shows examples."""


def tree(command: click.Command = root, path: tuple[str, ...] = ()):
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from tree(command.get_command(context, name), (*path, name))


ALL = dict(tree())
OPTIONS = [
    pytest.param(option, id=f"{' '.join(path)} {option.opts[-1]}")
    for path, command in ALL.items()
    for option in command.params
    if isinstance(option, click.Option)
]
VALUES = [
    pytest.param(each, id=f"{' '.join(path)} {each.name}")
    for path, command in ALL.items()
    for each in command.params
    if isinstance(each, click.Argument) or not (each.is_flag or each.count)
]


def shown(path: tuple[str, ...]) -> str:
    context = click.Context(ALL[()], info_name="pvekit")
    for end in range(1, len(path) + 1):
        context = click.Context(ALL[path[:end]], context, info_name=path[end - 1])
    formatter = click.HelpFormatter(width=80)
    ALL[path].format_help(context, formatter)
    return formatter.getvalue()


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_a_command_says_what_it_does(path):
    first, *_ = inspect.cleandoc(ALL[path].help or "").split("\n\n")
    assert re.fullmatch(r"[A-Z][^\0]*\.", first), first


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_says_what_it_is_for(option):
    assert option.help
    assert re.fullmatch(r"[A-Z0-9-].*[.]", option.help), option.help


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_told_in_capitals_unless_it_is_a_word_to_be_typed(value):
    typed = isinstance(value.type, click.Choice)
    name = value.metavar or (value.name.upper() if isinstance(value, click.Argument) else "")
    assert typed or re.fullmatch(r"[A-Z0-9|=+,.\[\]-]+( [A-Z\[\]]+)?", name), name


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_fits_a_terminal(path):
    assert [line for line in shown(path).splitlines() if len(line) > 80] == []


@pytest.mark.parametrize(
    "path", [path for path, each in ALL.items() if isinstance(each, click.Group)], ids=" ".join
)
def test_no_line_of_a_list_of_commands_is_cut(path):
    listed = shown(path).partition("Commands:")[2].splitlines()
    assert listed
    assert [line for line in listed if line.endswith("...")] == []


@pytest.mark.parametrize("path", COMMON, ids=" ".join)
def test_what_is_used_most_shows_examples(path):
    found = re.findall(r"^  +(pvekit .*)$", shown(path).partition("Examples:")[2], re.MULTILINE)
    assert found
    for line in found:
        words = shlex.split(line, comments=True)[1:]
        assert tuple(words[: len(path)]) == path
        ALL[path].make_context(path[-1], words[len(path) :])
