"""What a method of the API is: a verb, a path with named parts, and what it does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from pvekit.lab.commands.call import Call

Verb = Literal["get", "create", "set", "delete"]
Method = Callable[[Call], Awaitable[Any]]


@dataclass(frozen=True)
class Route:
    """One method: ``path`` is the API's own, such as ``/nodes/{node}/qemu/{vmid}/config``.

    The parts in braces and the method's options are in ``call.values``, checked against the
    real API's parameters; ``call.node`` is the node that is asked (that of the path, if there is
    one). ``method`` returns JSON data, or None. A command of ``qm`` that is wired to the same
    method of the API shares its function; what it started as a task is in ``call.tasks``, and
    the program shows the id of the last one instead of an answer.
    """

    verb: Verb
    path: str
    method: Method
