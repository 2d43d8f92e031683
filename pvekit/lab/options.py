"""The command lines of the real programs and their API as data, and how they read words."""

from __future__ import annotations

from pvekit.lab.schema.apitree import ApiMethod, ApiTree, Returns, api
from pvekit.lab.schema.command import Command
from pvekit.lab.schema.spec import Arguments, Refused, Spec
from pvekit.lab.schema.table import HELP, Table, table

__all__ = [
    "HELP",
    "ApiMethod",
    "ApiTree",
    "Arguments",
    "Command",
    "Refused",
    "Returns",
    "Spec",
    "Table",
    "api",
    "table",
]
