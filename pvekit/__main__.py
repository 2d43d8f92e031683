"""``python -m pvekit``."""

from pvekit.cli import main

main()
