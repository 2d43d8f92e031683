"""``/cluster/jobs/schedule-analyze``: when a schedule comes due."""

from __future__ import annotations

import time
from typing import Any

from pvekit.lab.api.routes import Route
from pvekit.lab.backup import calendar
from pvekit.lab.commands.call import Call

_ITERATIONS = "10"


async def analyze(call: Call) -> list[dict[str, Any]]:
    """Return the next moments of a schedule."""
    event = calendar.parse(call.values["schedule"])
    now = int(call.get("starttime", str(int(call.node.machine.clock.now()))))
    found: list[dict[str, Any]] = []
    for _ in range(int(call.get("iterations", _ITERATIONS))):
        now = event.after(now)
        if not now:
            break
        found.append({"timestamp": now, "utc": time.asctime(time.gmtime(now))})
    return found


ROUTES = (Route("get", "/cluster/jobs/schedule-analyze", analyze),)
