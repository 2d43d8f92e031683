"""The ordinary programs of a Linux machine."""

from __future__ import annotations

from collections.abc import Mapping

from pvekit.lab.process import Program
from pvekit.lab.programs.basic import BASIC
from pvekit.lab.programs.characters import CHARACTERS
from pvekit.lab.programs.flock import FLOCK
from pvekit.lab.programs.grep import GREP
from pvekit.lab.programs.identity import IDENTITY
from pvekit.lab.programs.listing import LISTING
from pvekit.lab.programs.looking import LOOKING
from pvekit.lab.programs.ls import LS
from pvekit.lab.programs.making import MAKING
from pvekit.lab.programs.moving import MOVING
from pvekit.lab.programs.runners import RUNNERS
from pvekit.lab.programs.sed import SED
from pvekit.lab.programs.shellwords import SHELLWORDS
from pvekit.lab.programs.small import SMALL
from pvekit.lab.programs.sorting import SORTING
from pvekit.lab.programs.space import SPACE
from pvekit.lab.programs.sudo import SUDO
from pvekit.lab.programs.sums import SUMS
from pvekit.lab.programs.text import TEXT
from pvekit.lab.programs.usage import USAGE
from pvekit.lab.shell.dash import run_bash, sh

COREUTILS: Mapping[str, Program] = {
    **BASIC,
    **GREP,
    **IDENTITY,
    **LISTING,
    **LOOKING,
    **LS,
    **MOVING,
    **RUNNERS,
    **SED,
    **SMALL,
    **SPACE,
    **SUMS,
    **CHARACTERS,
    **FLOCK,
    **MAKING,
    **SHELLWORDS,
    **SORTING,
    **SUDO,
    **TEXT,
    **USAGE,
    **dict.fromkeys(("sh", "dash"), sh),
    "bash": run_bash,
}
"""Every program that a plain machine has, by bare name."""
