"""``pvesr`` and ``pveam``: replication jobs and container templates, of which the lab has none."""

from __future__ import annotations

from collections.abc import Mapping

from pvekit.lab.access.store import text_of
from pvekit.lab.commands.call import Call, Handler
from pvekit.lab.failure import Failure
from pvekit.lab.process import NotSimulated
from pvekit.lab.sections import Sections
from pvekit.lab.storages.listing import listing

_FILE = "/etc/pve/replication.cfg"
_COLUMNS = "{:<20} {:<30} {:<10} {:<5} {:<8}\n"
_STATUS = "{:<10} {:<10} {:<20} {:>20} {:>20} {:>10} {:>10} {}\n"


async def list_jobs(call: Call) -> None:
    """Show the replication jobs."""
    head = _COLUMNS.format("JobID", "Target", "Schedule", "Rate", "Enabled")
    await call.process.say(head)
    for name, section in sorted(Sections.parse(text_of(call.node, _FILE)).ids.items()):
        values = section.values
        target = f"local/{values.get('target', '')}"
        enabled = "no" if "disable" in values else "yes"
        schedule = values.get("schedule", "*/15")
        row = (name, target, schedule, values.get("rate", "-"), enabled)
        await call.process.say(_COLUMNS.format(*row))


async def status(call: Call) -> None:
    """Show the state of the node's replication jobs."""
    if Sections.parse(text_of(call.node, _FILE)).ids:
        raise NotSimulated("replication")
    words = ("JobID", "Enabled", "Target", "LastSync", "NextSync", "Duration", "FailCount", "State")
    await call.process.say(_STATUS.format(*words))


async def list_templates(call: Call) -> None:
    """Show the container templates on a storage."""
    definition = call.node.storages.usable(call.values["storage"])
    if "vztmpl" not in definition.content:
        why = f"storage '{definition.id}' does not support templates"
        raise Failure(why)
    rows = listing(call.node.storages, definition, "vztmpl", 0, frozenset())
    await call.process.say(f"{'NAME':<60} {'SIZE':<6}\n")
    for row in rows:
        size = f"{row['size'] / (1 << 20):.2f}MB"
        await call.process.say(f"{row['volid']:<60} {size:<6}\n")


HANDLERS: Mapping[str, Handler] = {"list": list_jobs, "status": status}
READING = frozenset(HANDLERS)
TEMPLATE_HANDLERS: Mapping[str, Handler] = {"list": list_templates}
