"""How long ``pvekit --help`` takes, as a ratio to ``python -c "import click"`` in the same run.

The bar is 1.5, and 2.0 for the command with the most options.
Run: python benchmarks/import_time.py [--rounds N]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

BASE = (sys.executable, "-c", "import click")
OURS = {
    "pvekit --help": (sys.executable, "-m", "pvekit", "--help"),
    "pvekit vm create --help": (sys.executable, "-m", "pvekit", "vm", "create", "--help"),
}
BARS = {"pvekit --help": 1.5, "pvekit vm create --help": 2.0}


def seconds(words: tuple[str, ...]) -> float:
    began = time.perf_counter()
    subprocess.run(words, check=True, capture_output=True)
    return time.perf_counter() - began


def medians(rounds: int) -> tuple[float, dict[str, float]]:
    """Measure in turns, so that what else the machine does falls on all alike; in seconds."""
    for words in (BASE, *OURS.values()):
        seconds(words)
    turns = [
        (seconds(BASE), {name: seconds(words) for name, words in OURS.items()})
        for _ in range(rounds)
    ]
    base = statistics.median(turn[0] for turn in turns)
    return base, {name: statistics.median(turn[1][name] for turn in turns) for name in OURS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    base, ours = medians(parser.parse_args().rounds)
    print(f"{'import click':25}{base * 1000:7.1f} ms")
    for name, median in ours.items():
        ratio = median / base
        print(f"{name:25}{median * 1000:7.1f} ms   ratio {ratio:.2f} (bar: {BARS[name]:.2f})")


if __name__ == "__main__":
    main()
