"""What can be seen of a guest that does not get ready: asked once, at the end, in a few seconds."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pvekit.errors import PvekitError
from pvekit.masking import HIDDEN, masked
from pvekit.plan import Ask, Asking, ask
from pvekit.pve.scripts import script
from pvekit.shell import Query

LINES = 24
WIDTH = 200
SECONDS = 12.0
"""How long a node may take to answer for all its guests."""

_SECRETS = (
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)",
    r"(?i)(?<=bearer )\S+",
    r"(?i)(?:(?<=password)|(?<=passwd)|(?<=token)|(?<=secret)|(?<=api_key)|(?<=apikey)"
    r"|(?<=certificate-key))['\"]?(?:\s*[:=]\s*|\s+)['\"]?[^\s'\",;]+",
    r"\$(?:1|2[aby]|5|6|y|gy)\$[^\s:'\"]+",
    r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b",
)


@dataclass(frozen=True)
class Symptoms:
    """What a node told of a guest: whether it runs, what its agent said, or its console."""

    running: bool | None = None
    agent: str = ""
    console: str = ""

    def told(self) -> str:
        """Return it in words for a person, short and without secrets; empty for nothing."""
        if self.running is False:
            return "The VM does not run any more."
        if self.agent:
            return _block("cloud-init says, and the end of its output:", self.agent)
        if self.console:
            return _block("The agent is silent; the end of the serial console:", self.console)
        if self.running:
            return "The VM runs; its agent and its serial console are silent."
        return ""


def read(out: str) -> Mapping[int, Symptoms]:
    """Read the answer of the script ``symptoms``; what is unreadable says nothing."""
    states: dict[int, bool] = {}
    said: dict[tuple[str, int], list[str]] = {}
    for line in out.split("\n"):
        kind, _, rest = line.partition(" ")
        number, _, text = rest.partition(" ")
        if not (number.isascii() and number.isdecimal() and len(number) < 12):
            continue
        if kind == "state":
            states[int(number)] = text == "running"
        elif kind in ("agent", "console"):
            said.setdefault((kind, int(number)), []).append(text)
    return {
        vmid: Symptoms(
            running,
            _out_data("\n".join(said.get(("agent", vmid), ()))),
            "\n".join(said.get(("console", vmid), ())),
        )
        for vmid, running in states.items()
    }


def asked(node: str, vmid: int) -> Asking[str]:
    """Return what can be seen of a guest, in words; empty where nobody can tell."""
    query = Query(script("symptoms", timeout=SECONDS), read)
    try:
        found = yield from ask(Ask(node, query, topics=(str(vmid),)))
    except PvekitError:
        return ""  # it is worth a question, but no further error
    return found.get(vmid, Symptoms()).told()


def safe(text: str) -> str:
    """Return text of a guest without what looks like a secret, and without control characters."""
    text = masked(text)
    for pattern in _SECRETS:
        text = re.sub(pattern, lambda found: _hidden(found[0]), text, flags=re.DOTALL)
    return "".join(char for char in text if char.isprintable() or char == "\n")


def _hidden(found: str) -> str:
    """Keep what stands between a word and its secret, so that the line can still be read."""
    lead = re.match(r"['\"]?(?:\s*[:=]\s*|\s+)?['\"]?", found)
    return f"{lead[0] if lead else ''}{HIDDEN}"


def _block(title: str, text: str) -> str:
    lines = [line.rstrip()[:WIDTH] for line in safe(text).splitlines()]
    shown = [line for line in lines if line][-LINES:]
    return "\n".join([title, *(f"  {line}" for line in shown)])


def _out_data(text: str) -> str:
    start = text.find("{")
    try:
        answer = json.loads(text[start:]) if start >= 0 else None
    except (ValueError, RecursionError):
        return ""
    return str(answer.get("out-data", "")) if isinstance(answer, dict) else ""
