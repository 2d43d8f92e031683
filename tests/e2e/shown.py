"""What a document shows: its commands in order, each with what it was told about itself.

Comments that a reader does not see speak to the tests; each stands on a line of its own:

``<!-- lab: nodes=3 template vms=web-1,web-2 -->``
    From here on there is a fresh lab in this state: see ``reader.Wanted`` for the words. A document
    begins with ``template``.
``<!-- not run: REASON -->``
    The next block is not run.
``<!-- answers: WORD, WORD -->``
    What the user types at the questions of the next block; yes to all of them without this.
``<!-- status: NUMBER -->``
    The commands of the next block end with this exit status.
``<!-- file: NAME -->``
    The next block is a file in the user's directory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

REMARK = re.compile(r"<!-- (lab|not run|answers|status|file): ?(.*?) -->")
FENCE = re.compile(r"```(\S*)$")


@dataclass(frozen=True)
class Block:
    """A fenced block; ``lines`` begin at line ``first`` of the document."""

    document: str
    first: int
    language: str
    lines: tuple[str, ...]
    remarks: dict[str, str] = field(default_factory=dict)

    @property
    def of_a_shell(self) -> bool:
        return self.language in ("sh", "console")

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)


@dataclass(frozen=True)
class Shown:
    """A command as shown; ``out`` is what the document says it prints, None where it says nothing."""

    where: str
    line: str
    out: str | None


def blocks(path: Path, name: str) -> Iterator[Block]:
    remarks: dict[str, str] = {}
    lines = iter(enumerate(path.read_text().splitlines(), 1))
    for number, line in lines:
        if told := REMARK.fullmatch(line):
            remarks[told[1]] = told[2]
        elif fence := FENCE.fullmatch(line.strip()):
            inside = []
            for _, each in lines:
                if each.strip() == "```":
                    break
                inside.append(each)
            yield Block(name, number + 1, fence[1], tuple(inside), remarks)
            remarks = {}
        elif line and not line.startswith("<!--"):
            remarks = {key: value for key, value in remarks.items() if key == "lab"}


def commands(block: Block) -> Iterator[Shown]:
    """Yield the commands of a block, lines that "\\" continues put together."""
    session = block.language == "console"
    pending: list[tuple[str, str, list[str]]] = []
    continued = False
    for number, line in enumerate(block.lines, block.first):
        if continued:
            where, start, out = pending[-1]
            pending[-1] = (where, start[:-1].rstrip() + " " + line.strip(), out)
        elif session and not line.startswith("$ "):
            pending[-1][2].append(line)
            continue
        elif line.strip() and not line.startswith("#"):
            pending.append((f"{block.document}:{number}", line.removeprefix("$ "), []))
        continued = line.endswith("\\")
    for where, line, out in pending:
        shown = "".join(f"{each}\n" for each in out)
        yield Shown(where, line, shown if session and out else None)
