"""Each file under cases/config/faults says behind `#!` what is wrong on which of its lines."""

from pathlib import Path

import pytest

from pvekit.config.faults import ConfigFaults
from pvekit.config.load import load, validate

CASES = Path(__file__).parents[1] / "cases" / "config"
FAULTS = sorted((CASES / "faults").glob("*.yaml"))
PLAN = (CASES / "plan.yaml").read_text(encoding="utf-8")


def expected(file):
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        _, *faults = line.split("#!")
        yield from (f"{file}:{number}: {fault.strip()}" for fault in faults)


@pytest.mark.parametrize("file", FAULTS, ids=lambda file: file.stem)
def test_all_faults_are_found_at_their_lines(file):
    assert sorted(map(str, validate(file))) == sorted(expected(file))


@pytest.mark.parametrize("file", FAULTS, ids=lambda file: file.stem)
def test_faults_come_in_the_order_of_the_file(file):
    lines = [fault.line for fault in validate(file)]
    assert lines == sorted(lines)


def test_loading_ends_with_all_faults_and_the_status_of_a_usage_error():
    file = CASES / "faults" / "ranges.yaml"
    with pytest.raises(ConfigFaults) as caught:
        load(file)
    assert caught.value.exit_status == 2
    assert caught.value.faults == validate(file)
    assert caught.value.details.splitlines() == [str(fault) for fault in caught.value.faults]


WHOLE_FILES = {
    "empty": (b"", None, "a mapping of settings", "an empty file"),
    "only comments": (b"# nothing\n", None, "a mapping of settings", "an empty file"),
    "a list": (b"- pve1\n", 1, "a mapping of settings", "a list"),
    "a word": (b"\npve1\n", 2, "a mapping of settings", "'pve1'"),
    "null": (b"~\n", 1, "a mapping of settings", "~"),
    "latin 1": (b"ssh_user: root\nname: M\xfcnchen\n", 2, "text in UTF-8", "the byte 0xfc"),
    "utf 16": ("ssh_user: root".encode("utf-16"), 1, "text in UTF-8", "the byte 0xff"),
    "nul": (b"ssh_user: root\nname: a\x00b\n", 2, "plain text", "a control character"),
    "tab": (b"naming:\n\tprefix: k8s\n", 2, "blanks for indentation", "a tab"),
    "alias": (b"a: 1\nb: *a\n", 2, "plain values, written out where they are used", "the alias *a"),
    "anchor": (
        b"a: &a [*a]\n",
        1,
        "plain values, written out where they are used",
        "the anchor &a",
    ),
    "tag": (
        b"a: !!python/object/apply:os.system [id]\n",
        1,
        "plain values, written out where they are used",
        "the tag tag:yaml.org,2002:python/object/apply:os.system",
    ),
    "deep": (
        b"[" * 500_000,
        1,
        "plain values, written out where they are used",
        "values nested too deeply",
    ),
    "large": (b"#" * 1_000_001, None, "at most 1 MB", "a larger file"),
}


@pytest.mark.parametrize("case", WHOLE_FILES)
def test_a_file_that_is_no_configuration_is_one_clear_fault(tmp_path, case):
    content, line, expected, found = WHOLE_FILES[case]
    file = tmp_path / "config.yaml"
    file.write_bytes(content)
    faults = [fault for fault in validate(file) if not fault.place]
    assert [(fault.line, fault.expected, fault.found) for fault in faults] == [
        (line, expected, found)
    ]


SYNTAX = {
    "naming:\n  prefix: k8s: x\n": (2, "a text with ': ' in it needs quotes"),
    "naming:\n  prefix: @k8s\n": (2, "a text that begins with @, ` or % needs quotes"),
    "naming: {}\n---\nclone: {}\n": (2, "take out the line '---'"),
    "naming:\n  prefix: 'k8s\n": (3, ""),
}


@pytest.mark.parametrize("text", SYNTAX)
def test_a_fault_of_syntax_has_its_line_and_a_hint(tmp_path, text):
    file = tmp_path / "config.yaml"
    file.write_text(text, encoding="utf-8")
    (fault,) = validate(file)
    line, hint = SYNTAX[text]
    assert (fault.line, fault.expected) == (line, "valid YAML")
    assert fault.hint.startswith(hint)


@pytest.mark.parametrize("name", ["missing.yaml", ".", "nul\0.yaml", "plan.yaml/config.yaml"])
def test_a_path_that_cannot_be_read_is_one_fault(tmp_path, name):
    (tmp_path / "plan.yaml").write_text(PLAN, encoding="utf-8")
    (fault,) = validate(tmp_path / name)
    assert (fault.line, fault.expected) == (None, "a readable file")


def test_keys_cannot_send_escape_sequences_to_a_terminal(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text(PLAN + '"\\e[2Jx": "\\e[2J"\n', encoding="utf-8")
    assert all(str(fault).isprintable() for fault in validate(file))


def test_a_long_value_is_shown_in_part(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text(f"{PLAN}image_dir: {'x' * 5000}\n", encoding="utf-8")
    assert all(len(str(fault)) < 400 for fault in validate(file))


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + PLAN.replace("\n", "\r\n").encode())
    assert load(file).nodes == load(CASES / "plan.yaml").nodes
