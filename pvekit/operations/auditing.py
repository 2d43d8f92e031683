"""What is written down of each command that may change something."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pvekit.audit.log import AuditLog
from pvekit.errors import PvekitError
from pvekit.masking import masked
from pvekit.shell import Command, Purpose, Result, Secret, Shell


@dataclass(frozen=True)
class Whereabouts:
    """Whom a command is for: the node's alias, its address, who logs in, and its host key."""

    node: str
    host: str
    user: str
    fingerprint: Callable[[], str]


@dataclass(frozen=True)
class Audited:
    """A shell that writes down what may change something; what only asks goes by.

    What is sent is written down before, so that it is known even if pvekit dies with it, and how it
    ended after it.
    """

    shell: Shell
    log: AuditLog
    at: Whereabouts

    def run(self, command: Command) -> Result:
        """Run a command and write about it; raises before it is sent if that is not possible."""
        if command.purpose is None:
            return self.shell.run(command)
        told = self._told("sent", command.purpose)
        number = self.log.append({**told, **_what(command)}, sync=True)
        began = time.monotonic()
        result: Result | None = None
        error = ""
        try:
            result = self.shell.run(command)
        except PvekitError as failed:
            error = failed.brief
            raise
        finally:
            seconds = time.monotonic() - began
            told = self._told("ended", command.purpose)
            self.log.append({**told, "of": number, **_end(result, error, seconds)})
        return result

    def _told(self, event: str, purpose: Purpose) -> dict[str, Any]:
        return {
            "event": event,
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "run": purpose.run,
            "op": purpose.op,
            "node": self.at.node,
            "host": self.at.host,
            "user": self.at.user,
            "fingerprint": self.at.fingerprint(),
        }


def _what(command: Command) -> dict[str, Any]:
    sent = command.input()
    # The hash of a secret would let it be guessed.
    hashed = None if isinstance(command.stdin, Secret) else hashlib.sha256(sent).hexdigest()
    return {
        "argv": [masked(str(word)) for word in command.words],
        "stdin_sha256": hashed if sent else "",
        "stdin_bytes": len(sent),
    }


def _end(result: Result | None, error: str, seconds: float) -> dict[str, Any]:
    return {
        "rc": result.exit_status if result else None,
        "error": masked(error),
        "ms": round(seconds * 1000),
        "out_bytes": len(result.out) + len(result.err) if result else 0,
    }
