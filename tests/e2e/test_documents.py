"""Every command that README and documents show is run, in order, and prints what they show."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from reader import Reader, Wanted, reading
from shown import Block, blocks

REPOSITORY = Path(__file__).parents[2]
PATHS = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
# The examples of the reference, which is made of help texts, do not follow upon each other.
REFERENCE = "cli.md"
NAMES = {path: str(path.relative_to(REPOSITORY)) for path in PATHS if path.name != REFERENCE}
BLOCKS = {name: list(blocks(path, name)) for path, name in NAMES.items()}
DOCUMENTS = {
    name: found for name, found in BLOCKS.items() if any(each.of_a_shell for each in found)
}

GENERATED = ("lab-parity.md", "troubleshooting.md")

LONG = tuple(f"docs/{name}.md" for name in ("fleet", "lab", "machines", "recipes", "sites"))
RUN = [pytest.param(name, marks=[pytest.mark.slow] if name in LONG else []) for name in DOCUMENTS]

MASKS = (
    (r"\d+\.\d( s\b| +(ready|failed|running|done)\b)", r"T\1"),
    (r"\b10\.0\.\d+\.\d+\b", "ADDRESS"),
    (r"\b127\.\d+\.\d+\.\d+\b", "HOST"),
    (r"BC:24:11(:[0-9A-F]{2}){3}", "MAC"),
    (r"\bSHA256:\S+", "SUM"),
    (r"\b[0-9a-f]{8}\b", "ID"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\+\d\d:\d\d)?", "TIME"),
    (r"\b\d+ (s|ms) ago\b", "AGO"),
    (r"(\n|^)\.\.\.\n", r"\1...\n"),
    (r" +", " "),
)


def masked(text: str) -> str:
    for pattern, put in MASKS:
        text = re.sub(pattern, put, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def differs(shown: str, out: str) -> bool:
    """Whether it printed something else; a line "..." stands for any lines."""
    parts = [re.escape(part) for part in re.split(r"^\.\.\.$", masked(shown), flags=re.M)]
    return not re.fullmatch(".*".join(parts), masked(out), re.DOTALL)


def passages(found: list[Block]) -> Iterator[tuple[Wanted, list[Block]]]:
    """Yield the states of the site that a document wants, each with the blocks that belong to it."""
    wanted, together = Wanted.of("template"), []
    for block in found:
        if "lab" in block.remarks:
            if together:
                yield wanted, together
            wanted, together = Wanted.of(block.remarks["lab"]), []
        together.append(block)
    yield wanted, together


def is_run(block: Block) -> bool:
    return block.of_a_shell and "not run" not in block.remarks


def wrong(reader: Reader, block: Block) -> Iterator[str]:
    """Type a block; yields what is not as the document says."""
    expected = int(block.remarks.get("status", "0"))
    for shown, status, out in reader.follow(block):
        asks = re.match(r"pvekit (-\S+ )*diff|.*--detailed-exitcode", shown.line)
        if status not in ((0, 10) if asks else (expected,)):
            yield f"{shown.where}: {shown.line}\nended with {status}:\n{out}"
        elif shown.out is not None and differs(shown.out, out):
            yield f"{shown.where}: {shown.line}\nprints:\n{masked(out)}\nshown:\n{masked(shown.out)}"


@pytest.mark.skipif(shutil.which("ssh") is None, reason="OpenSSH's ssh is not here")
@pytest.mark.parametrize("document", RUN)
def test_what_is_shown_works(document: str, tmp_path: Path):
    faults = []
    for number, (wanted, together) in enumerate(passages(DOCUMENTS[document])):
        if not any(is_run(block) for block in together):
            continue
        with reading(tmp_path / str(number), wanted) as reader:
            for block in together:
                if "file" in block.remarks:
                    (reader.work / block.remarks["file"]).write_text(block.text)
                elif is_run(block):
                    faults += wrong(reader, block)
    assert not faults, "\n\n".join(faults)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_is_not_run_says_why(document: str):
    reasons = [block.remarks.get("not run", "-") for block in DOCUMENTS[document]]
    assert "" not in reasons


def test_a_wrong_status_or_output_is_found(tmp_path: Path):
    text = (
        "```console\n$ pvekit size show smal\n$ pvekit size show small -o name\nsize/large\n```\n"
    )
    path = tmp_path / "some.md"
    path.write_text(text)
    (block,) = blocks(path, "some.md")
    with reading(tmp_path / "lab", Wanted()) as reader:
        first, second = wrong(reader, block)
    assert first.startswith("some.md:2: pvekit size show smal\nended with 5")
    assert second.startswith("some.md:3: ")
    assert "size/small" in second


def test_lines_are_wrapped_alike():
    """Prose at about 110 columns; what is shown or in a table may be longer."""
    long = [
        f"{name}:{number}"
        for path, name in NAMES.items()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > 123
        and not line.startswith(("|", "`", "<!--", "["))
        and not is_shown(name, number)
        and path.name not in GENERATED
    ]
    assert long == []


def is_shown(name: str, number: int) -> bool:
    return any(b.first <= number < b.first + len(b.lines) for b in BLOCKS[name])


def test_every_document_is_in_the_index():
    index = (REPOSITORY / "docs" / "README.md").read_text()
    missing = [path.name for path in PATHS if f"({path.name})" not in index]
    assert sorted(missing) == ["README.md", "README.md"]
