"""Any text is one word of a command line, whatever a shell would make of it."""

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvekit.errors import UsageError
from pvekit.shell import Command

# No control characters; no lone surrogates, which no byte stream can carry.
words = st.text(st.characters(exclude_categories=("Cc", "Cs")))
controls = st.characters(categories=("Cc",))
SHOW = "import json,os,sys;print(json.dumps([os.fsencode(a).hex() for a in sys.argv[1:]]))"


def through_a_shell(*arguments):
    line = Command((sys.executable, "-I", "-c", SHOW, *arguments)).line()
    done = subprocess.run(["/bin/sh", "-c", line.encode()], capture_output=True, check=True)
    return [bytes.fromhex(word).decode() for word in json.loads(done.stdout)]


@settings(max_examples=40, deadline=None)
@given(st.lists(words, max_size=8))
def test_words_survive_a_real_shell(arguments):
    assert through_a_shell(*arguments) == arguments


def test_everything_that_a_shell_knows():
    nasty = [
        "",
        "-n",
        "--",
        "a b",
        "'",
        '"',
        "\\",
        "$(id)",
        "`id`",
        "${HOME}",
        "~",
        "*",
        "?",
        "[a]",
    ]
    nasty += ["a;b", "a|b", "a&b", "a>b", "<a", "!a", "#a", "{a,b}", "=", "%", "^", "\u00a0", "🙂"]
    assert through_a_shell(*nasty) == nasty


@given(words, controls, words)
def test_control_characters_are_refused(before, control, after):
    with pytest.raises(UsageError, match="control characters"):
        Command(("echo", before + control + after))


def test_numbers_are_words():
    assert Command(("qm", "start", 101)).line() == "qm start 101"
