"""Machines for tests, and how to run lines on them."""

import asyncio

from pvekit.lab.clock import Clock
from pvekit.lab.log import Log
from pvekit.lab.machine import Machine, collect
from pvekit.lab.programs import COREUTILS


def machine(scale=0.0):
    return Machine("pve1", Clock(scale), Log(), COREUTILS)


def run(line, stdin=b"", *, on=None, user="root", env=None):
    """Return (status, stdout, stderr) of a line as text."""
    status, out, err = asyncio.run(collect(on or machine(), line, stdin, user=user, env=env))
    return status, out.decode(errors="surrogateescape"), err.decode(errors="surrogateescape")


def placed(script, directory):
    """A script that begins in a directory of its own and writes there, not in what all share."""
    return f"cd {directory}\n" + script.replace("/tmp/", f"{directory}/")
