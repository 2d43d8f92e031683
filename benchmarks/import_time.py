"""How long ``pvekit --help`` takes, as a ratio to ``python -c "import click"`` in the same run.

The bar is 2.0. Run: python benchmarks/import_time.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 15
BASE = (sys.executable, "-c", "import click")
OURS = (sys.executable, "-m", "pvekit", "--help")


def seconds(words: tuple[str, ...]) -> float:
    began = time.perf_counter()
    subprocess.run(words, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    pairs = [(seconds(BASE), seconds(OURS)) for _ in range(ROUNDS)]
    base = statistics.median(pair[0] for pair in pairs)
    ours = statistics.median(pair[1] for pair in pairs)
    print(f"import click     {base * 1000:7.1f} ms")
    print(f"pvekit --help    {ours * 1000:7.1f} ms")
    print(f"ratio            {ours / base:7.2f} (bar: 2.00)")


if __name__ == "__main__":
    main()
