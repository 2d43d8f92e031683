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
from pvekit.shell import Command, Result, Secret, Shell


@dataclass(frozen=True)
class Whereabouts:
    """Whom a command is for: the node's alias, its address, who logs in, and its host key."""

    node: str
    host: str
    user: str
    fingerprint: Callable[[], str]


@dataclass(frozen=True)
class Audited:
    """A shell that writes down what may change something; what only asks goes by."""

    shell: Shell
    log: AuditLog
    at: Whereabouts

    def run(self, command: Command) -> Result:
        """Run a command and write about it; raises before it is sent if that is not possible."""
        if command.purpose is None:
            return self.shell.run(command)
        self.log.check()
        began, moment = time.monotonic(), datetime.now(UTC)
        result: Result | None = None
        error = ""
        try:
            result = self.shell.run(command)
        except PvekitError as failed:
            error = failed.brief
            raise
        finally:
            facts = self._facts(command, result, error)
            facts["time"] = moment.isoformat(timespec="milliseconds")
            facts["ms"] = round((time.monotonic() - began) * 1000)
            self.log.append(facts)
        return result

    def _facts(self, command: Command, result: Result | None, error: str) -> dict[str, Any]:
        purpose = command.purpose
        sent = command.input()
        # The hash of a secret would let it be guessed.
        hashed = None if isinstance(command.stdin, Secret) else hashlib.sha256(sent).hexdigest()
        return {
            "run": purpose.run if purpose else "",
            "op": purpose.op if purpose else "",
            "node": self.at.node,
            "host": self.at.host,
            "user": self.at.user,
            "fingerprint": self.at.fingerprint(),
            "argv": [masked(str(word)) for word in command.words],
            "stdin_sha256": hashed if sent else "",
            "stdin_bytes": len(sent),
            "out_bytes": len(result.out) + len(result.err) if result else 0,
            "rc": result.exit_status if result else None,
            "error": masked(error),
        }
