"""The command line: parses, prints, prompts and exits; nothing below does."""

from __future__ import annotations

import sys


def main() -> None:
    """Run pvekit and exit with its status."""
    from pvekit.cli.handler import run

    sys.exit(run(sys.argv[1:]))
