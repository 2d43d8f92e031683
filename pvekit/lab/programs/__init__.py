"""The ordinary programs of a Linux machine."""

from __future__ import annotations

from collections.abc import Mapping

from pvekit.lab.process import Program
from pvekit.lab.programs.basic import BASIC
from pvekit.lab.programs.grep import GREP
from pvekit.lab.programs.listing import LISTING
from pvekit.lab.programs.looking import LOOKING
from pvekit.lab.programs.moving import MOVING
from pvekit.lab.programs.runners import RUNNERS
from pvekit.lab.programs.sed import SED
from pvekit.lab.programs.space import SPACE
from pvekit.lab.programs.sums import SUMS
from pvekit.lab.programs.text import TEXT
from pvekit.lab.shell.dash import sh

COREUTILS: Mapping[str, Program] = {
    **BASIC,
    **GREP,
    **LISTING,
    **LOOKING,
    **MOVING,
    **RUNNERS,
    **SED,
    **SPACE,
    **SUMS,
    **TEXT,
    **dict.fromkeys(("sh", "dash", "bash"), sh),
}
"""Every program that a plain machine has, by bare name."""
