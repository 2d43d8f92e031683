"""How each shell is spoken to: by click's scripts, mended where a real shell showed a fault."""

from __future__ import annotations

from collections.abc import Mapping

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

VARIABLE = "_PVEKIT_COMPLETE"
"""The variable in which a shell's script says what it wants: ``bash_complete``."""


class Bash(BashComplete):
    """To bash, ``--role=worker`` is three words."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is completed, and that one."""
        args, word = super().get_completion_args()
        return [each for each in args if each != "="], "" if word == "=" else word


class Zsh(ZshComplete):
    """zsh loads a function from the file of its name; by another, each second call is lost."""

    @property
    def func_name(self) -> str:
        """The name of the function in the script."""
        return f"_{self.prog_name}"


class Fish(FishComplete):
    """A help text may hold a comma; what parts it from the word is the first one."""

    def source(self) -> str:
        """Return the script."""
        return super().source().replace('string split ","', 'string split --max 1 ","')


SHELLS: Mapping[str, type[ShellComplete]] = {"bash": Bash, "zsh": Zsh, "fish": Fish}


def speaker(shell: str, root: click.Command, obj: object = None) -> ShellComplete:
    """Return what speaks to a shell; raises :class:`KeyError` for one that is not known."""
    return SHELLS[shell](root, {"obj": obj}, "pvekit", VARIABLE)
