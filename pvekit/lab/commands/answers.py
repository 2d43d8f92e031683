"""How programs other than ``pvesh`` print what the API answered: in their standard formats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pvekit.lab.api.text import Look, render
from pvekit.lab.commands.call import Call
from pvekit.lab.options import api


async def show(call: Call, data: Any, path: str, columns: Sequence[str] | None = None) -> None:  # noqa: ANN401
    """Print the answer of the API's ``path``, given as verb and template."""
    if call.on("quiet"):
        return
    verb, _, template = path.partition(" ")
    info = api(call.node.capacity.pve).info(template, verb)
    look = Look.of(call.values, call.process.env)
    await call.process.say(render(data, info.returns if info else None, look, columns))
