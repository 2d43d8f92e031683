"""What is told on stderr: how much, as text or as JSON lines, in colours or not."""

from __future__ import annotations

import io
import json

import pytest

from pvekit.cli import say
from pvekit.cli.handler import run
from pvekit.errors import NotFound

KEYS = ["time", "level", "event", "run", "subject", "step", "node", "seconds", "message"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def voice(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    yield say.begin()
    say.begin()


def test_quiet_has_errors_only(voice, capsys):
    voice.verbosity = say.QUIET
    say.note("a note")
    say.warn("a warning")
    say.warn("a warning that the status comes from", always=True)
    say.fail(NotFound("There is no x."))
    say.aftermath("The run goes on.")
    assert capsys.readouterr().err.splitlines() == [
        "Warning: a warning that the status comes from",
        "Error: There is no x.",
        "explain: pvekit explain NOT-FOUND",
        "The run goes on.",
    ]


def test_a_warning_is_told_once(voice, capsys):
    say.warn("twice")
    say.warn("twice")
    assert capsys.readouterr().err == "Warning: twice\n"


def test_json_is_one_object_per_line_with_the_same_keys(voice, capsys):
    voice.as_json, voice.run = True, "r1"
    say.note("one\ntwo")
    say.warn("careful")
    say.fail(NotFound("There is no x.", hint="See."), name="x")
    about = say.Happened("step-done", "r2", "vm/x", "clone", "pve1", 1.23456)
    voice.tell("info", "x: clone", about)
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [list(event)[:9] for event in events] == [KEYS] * 4
    assert [(each["level"], each["event"], each["run"]) for each in events] == [
        ("info", "note", "r1"),
        ("warning", "warning", "r1"),
        ("error", "error", "r1"),
        ("info", "step-done", "r2"),
    ]
    assert events[2]["error_id"] == "NOT-FOUND"
    assert events[2]["message"] == "There is no x.\nSee."
    assert events[3]["seconds"] == 1.235
    assert events[3]["node"] == "pve1"
    assert events[0]["node"] is None


@pytest.mark.parametrize(
    ("colour", "no_color", "term", "at_terminal", "coloured"),
    [
        ("auto", "", "xterm", True, True),
        ("auto", "", "xterm", False, False),
        ("auto", "1", "xterm", True, False),
        ("auto", "", "dumb", True, False),
        ("always", "1", "dumb", False, True),
        ("never", "", "xterm", True, False),
    ],
)
def test_colours(voice, monkeypatch, colour, no_color, term, at_terminal, coloured):
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", term)
    voice.colour = colour
    stream = Terminal() if at_terminal else io.StringIO()
    assert voice.coloured(stream) is coloured


def test_always_colours_the_labels(capsys):
    assert run(["--color", "always", "vm", "bogus"]) == 2
    capsys.readouterr()
    assert run(["--color", "always", "explain", "bogus"]) == 5
    assert "\x1b[31m\x1b[1mError:\x1b[0m" in capsys.readouterr().err


def test_usage_is_told_as_json_if_logs_are(capsys, monkeypatch):
    assert run(["--log-format", "json", "vm", "bogus"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["level"] == "error"
    monkeypatch.setenv("PVEKIT_LOG_FORMAT", "json")
    assert run(["explain", "bogus"]) == 5
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["error_id"] == "NOT-FOUND"


def test_quiet_and_verbose_contradict_each_other(capsys):
    for words in (["-q", "-v"], ["-v", "-q"]):
        assert run([*words, "vm", "list"]) == 2
        assert "contradict" in capsys.readouterr().err


def test_one_command_line_leaves_nothing_to_the_next(capsys):
    assert run(["--log-format", "json", "-q", "explain", "bogus"]) == 5
    capsys.readouterr()
    assert run(["explain", "bogus"]) == 5
    assert capsys.readouterr().err.startswith("Error: ")
