"""A process ends, whatever of it is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# A thread that is in the middle of an import keeps its lock for as long as that takes, and for ever
# where the interpreter ends meanwhile; libraries import when they are torn down.
LEFT_IN_AN_IMPORT = """
import _imp, atexit, threading
from pvekit import cli
from pvekit.cli import handler
from pvekit.deadlines import begun

atexit.register(lambda: __import__("this"))
within = threading.Event()

def importing():
    _imp.acquire_lock()
    within.set()
    threading.Event().wait()

def run(words):
    begun(importing)
    within.wait()
    print("said")
    return 4

handler.run = run
cli.main()
"""


def test_a_process_ends_although_a_call_that_was_left_behind_holds_a_lock():
    ended = subprocess.run(
        [sys.executable, "-c", LEFT_IN_AN_IMPORT],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (4, "said\n", "")
