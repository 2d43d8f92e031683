"""Which backups are kept and which are removed, by the rules of how many to keep."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Row = dict[str, Any]
PERIODS: Mapping[str, str] = {
    "keep-last": "",
    "keep-hourly": "%H/%d/%m/%Y",
    "keep-daily": "%d/%m/%Y",
    "keep-weekly": "%V/%G",
    "keep-monthly": "%m/%Y",
    "keep-yearly": "%Y",
}
KEEP_ALL = "keep-all"


def marked(rows: Iterable[Row], rules: Mapping[str, int]) -> list[Row]:
    """Return the backups of guests with their marks, those of one guest newest first."""
    groups: dict[tuple[str, object], list[Row]] = {}
    result: list[Row] = []
    for row in rows:
        entry: Row = {key: row[key] for key in ("ctime", "vmid", "volid") if key in row}
        entry["type"] = row.get("subtype", "unknown")
        result.append(entry)
        if not re.search(r"vzdump-\w+-\d+-\d{4}(_\d\d){2}-(\d\d_){2}\d\d", row["volid"]):
            entry["mark"] = "renamed"
        elif row.get("protected"):
            entry["mark"] = "protected"
        else:
            groups.setdefault((entry["type"], entry.get("vmid")), []).append(entry)
    for group in groups.values():
        _mark(sorted(group, key=lambda entry: -entry["ctime"]), rules)
    return result


def _mark(group: list[Row], rules: Mapping[str, int]) -> None:
    if rules.get(KEEP_ALL) or not any(rules.values()):
        for entry in group:
            entry["mark"] = "keep"
        return
    for name, form in PERIODS.items():
        _keep(group, rules.get(name, 0), _period(form))
    for entry in group:
        entry.setdefault("mark", "remove")


def _period(form: str) -> Callable[[Row], str]:
    def period(entry: Row) -> str:
        if not form:
            return str(entry["volid"])
        return time.strftime(form, time.gmtime(entry["ctime"]))

    return period


def _keep(group: list[Row], count: int, period: Callable[[Row], str]) -> None:
    """Keep the newest backup of each of the last ``count`` periods that have none kept yet."""
    if not count:
        return
    done = {period(entry) for entry in group if entry.get("mark") == "keep"}
    chosen: set[str] = set()
    for entry in group:
        moment = period(entry)
        if "mark" in entry or moment in done:
            continue
        if moment in chosen:
            entry["mark"] = "remove"
            continue
        if len(chosen) >= count:
            return
        chosen.add(moment)
        entry["mark"] = "keep"


def table(rows: Iterable[Row]) -> str:
    """Return the table of ``pvesm prune-backups --dry-run``."""
    ordered = sorted(rows, key=lambda row: (row.get("vmid", 0), row["ctime"]))
    width = max((len(row["volid"]) for row in ordered), default=0) + 1
    shape = f"{{:<{width}}} {{:>15}} {{:>10}}\n"
    lines = [shape.format("Backup", "Backup-ID", "Prune-Mark")]
    for row in ordered:
        subject = f"{row['type']}/{row['vmid']}" if "vmid" in row else row["type"]
        lines.append(shape.format(row["volid"], subject, row["mark"]))
    return "".join(lines)
