"""Prints what disagrees, or the table of all commands."""

from __future__ import annotations

import argparse
import difflib
import sys

from tests.lab.parity.recordings import names
from tests.lab.parity.replay import Answer, Result, replay
from tests.lab.parity.table import write_table


def main() -> None:
    """Replay the recordings whose names contain a word."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.parity")
    parser.add_argument("word", nargs="*", help="part of a recording's name, or NAME:NUMBER")
    parser.add_argument("--table", action="store_true", help="write the table in the docs")
    parser.add_argument("--list", action="store_true", help="only the commands, without the texts")
    parser.add_argument("--all", action="store_true", help="also what agrees or is excluded")
    wanted = parser.parse_args()
    chosen = [n for n in names() if not wanted.word or any(w in n for w in wanted.word)]
    results = {name: replay(name) for name in chosen}
    if wanted.table:
        write_table(results)
    else:
        for found in results.values():
            _print(found, short=wanted.list, everything=wanted.all)
    _sum(results)


def _sum(results: dict[str, list[Result]]) -> None:
    for name, found in results.items():
        counted = [result for result in found if not result.excluded]
        agreeing = sum(result.agrees for result in counted)
        sys.stdout.write(f"{name:40} {agreeing:4} of {len(counted):4} agree\n")
    counted = [r for found in results.values() for r in found if not r.excluded]
    share = 100 * sum(r.agrees for r in counted) / max(1, len(counted))
    sys.stdout.write(f"all: {share:.1f} % of {len(counted)}\n")


def _print(results: list[Result], *, short: bool, everything: bool) -> None:
    for result in results:
        if not everything and (result.agrees or result.excluded):
            continue
        mark = "=" if result.agrees else "~" if result.excluded else "!"
        sys.stdout.write(f"{mark} {result.entry.about}\n")
        if not short and not result.agrees:
            sys.stdout.write(_difference(result.told, result.found))


def _difference(told: Answer, found: Answer) -> str:
    lines = []
    for name in ("stdout", "stderr"):
        old, new = getattr(told, name), getattr(found, name)
        diff = list(difflib.unified_diff(old.splitlines(), new.splitlines(), n=1, lineterm=""))
        lines += [f"    {name} {line}" for line in diff[2:]]
    if told.succeeded != found.succeeded:
        lines.append(f"    succeeded: told {told.succeeded}, found {found.succeeded}")
    return "\n".join(lines) + "\n"


main()
