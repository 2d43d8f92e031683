"""What README and documents name exists; that what they show works, test_documents proves."""

from __future__ import annotations

import argparse
import json
import re
import shlex
from pathlib import Path

import click
import pytest

from pvekit.cli.root import root
from pvekit.lab.arguments import parser
from pvekit.lab.figures import NAMES
from pvekit.schemas import schema

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
README = DOCUMENTS[0].read_text()


def fenced(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def test_a_session_stands_by_line_15():
    lines = README.splitlines()[:15]
    assert any(line.startswith("$ pvekit ") for line in lines)


# What is named exists


def named_lines() -> list[tuple[str, str]]:
    """Return what the documents show as words for a shell: in blocks, and between backticks."""
    found = []
    for document in DOCUMENTS:
        text = document.read_text()
        blocks = [*fenced(text, "sh"), *fenced(text, "console")]
        inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.S | re.M))
        lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
        found += [(document.name, line) for line in (*lines, *inline)]
    return found


def commands() -> list[tuple[str, str]]:
    lines = named_lines()
    return [each for each in lines if re.match(r"pvekit(-lab)?( |$)", each[1])]


def alone() -> list[tuple[str, str]]:
    return [each for each in named_lines() if each[1].startswith("-")]


def unknown_to_pvekit(words: list[str]) -> str:
    """Return the first word that is no command or option of pvekit; empty if all are."""
    command: click.Command = root
    options = {"--help", "-h", "-vv", *options_of(root)}
    for word in words:
        if word == "--":
            return ""
        if word.startswith("-"):
            if word.partition("=")[0] not in options:
                return word
        elif isinstance(command, click.Group):
            found = command.get_command(click.Context(command), word)
            if found is None:
                return "" if word.isupper() else word
            command = found
            options |= options_of(found)
    return ""


def options_of(command: click.Command) -> set[str]:
    return {word for each in command.params for word in (*each.opts, *each.secondary_opts)}


def unknown_to_the_lab(words: list[str]) -> str:
    """Return the first word that is no command or option of pvekit-lab; empty if all are."""
    commands = lab_commands()
    if not words:
        return ""
    if words[0] not in commands:
        return words[0]
    known = set(commands[words[0]]._option_string_actions)
    ours = words[1 : words.index("--")] if "--" in words else words[1:]
    return next((word for word in ours if word.startswith("-") and word not in known), "")


def lab_commands() -> dict[str, argparse.ArgumentParser]:
    actions = parser()._actions
    (found,) = [each for each in actions if isinstance(each, argparse._SubParsersAction)]
    return dict(found.choices)


def every_option() -> set[str]:
    def under(command: click.Command) -> set[str]:
        found = options_of(command)
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                each = command.get_command(context, name)
                assert each is not None
                found |= under(each)
        return found

    labs = {word for each in lab_commands().values() for word in each._option_string_actions}
    return under(root) | labs | options_of_benchmarks()


def options_of_benchmarks() -> set[str]:
    scripts = (REPOSITORY / "benchmarks").glob("*.py")
    texts = [path.read_text() for path in scripts]
    return {word for text in texts for word in re.findall(r'add_argument\(\s*"(--?[a-z-]+)"', text)}


@pytest.mark.parametrize(("document", "line"), commands())
def test_a_named_command_exists(document: str, line: str):
    program, *words = shlex.split(line, comments=True)
    unknown = unknown_to_the_lab if program == "pvekit-lab" else unknown_to_pvekit
    assert unknown(words) == ""


@pytest.mark.parametrize(("document", "line"), alone())
def test_an_option_named_alone_exists(document: str, line: str):
    known = {*every_option(), "-vv"}
    assert [word for word in line.split() if word.startswith("-") and word not in known] == []


def keys_of(schema: object) -> set[str]:
    if isinstance(schema, list):
        return {key for each in schema for key in keys_of(each)}
    if not isinstance(schema, dict):
        return set()
    properties = schema.get("properties")
    own = set(properties) if isinstance(properties, dict) else set()
    return own | {key for each in schema.values() for key in keys_of(each)}


def test_a_named_key_is_one_of_the_configuration():
    known = keys_of(json.loads((REPOSITORY / "pvekit/config/schema.json").read_text()))
    known |= set(NAMES)  # of the lab's profiles
    known |= keys_of(schema())  # of the documents that are printed
    known |= {"authorized_keys", "known_hosts"}  # files of OpenSSH
    named = [
        line for _, line in named_lines() if re.fullmatch(r"[a-z]+(_[a-z]+)+(\.[a-z_]+)*", line)
    ]
    assert named
    assert [line for line in named if not known.issuperset(line.split("."))] == []


def test_the_check_finds_what_does_not_exist():
    assert unknown_to_pvekit(["vm", "create", "--rolle", "x"]) == "--rolle"
    assert unknown_to_pvekit(["vm", "make"]) == "make"
    assert unknown_to_the_lab(["up", "--size"]) == "--size"
    assert unknown_to_the_lab(["start"]) == "start"


def test_a_linked_file_exists():
    links = [
        (document, target)
        for document in DOCUMENTS
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text())
    ]
    assert links
    assert [link for link in links if not (link[0].parent / link[1]).exists()] == []
