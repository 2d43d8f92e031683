"""One run in full: what was asked for and decided, how each step went, and the ways on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from pvekit.errors import PvekitError
from pvekit.journal import Account, Found, history
from pvekit.operations import fitting, pinned, resuming
from pvekit.operations.desk import Desk
from pvekit.operations.runs import foresee_back, moment, row, state
from pvekit.run.apply import Preview, preview


def shown(found: Found, desk: Callable[[], Desk]) -> dict[str, Any]:
    """Return a run as data; the site is only asked for the ways on of one that has any."""
    account = found.account
    told: dict[str, Any] = asdict(row(found))
    del told["age"]
    told["ended"] = moment(account.last) if account.status is not None else None
    told["request"] = _asked(account)
    told["decisions"] = dict(account.decisions())
    told["steps"] = steps(account)
    told["jobs"] = [
        {"node": node, "job": job} for node, ids in account.jobs().items() for job in ids
    ]
    who = account.carrier
    if state(found) == "running" and who is not None:
        told["carried_by"] = {"pid": who.pid, "host": who.host, "since": moment(who.since)}
    elif account.status is None:
        told |= _ways(account, desk)
    return told


def _asked(account: Account) -> dict[str, Any]:
    """Return what was asked for, without what was left open."""
    request = account.request
    asked = {**request.get("asked", {}), **account.manner, **request.get("order", {})}
    return {key: value for key, value in asked.items() if value not in (None, "", [], 0.0)}


def steps(account: Account) -> list[dict[str, Any]]:
    """Return how each step went, in the order in which they were first told of."""
    return [
        {
            "subject": step.subject,
            "step": step.verb,
            "state": step.state,
            "attempts": step.attempts,
            "began": None if step.began is None else moment(step.began),
            "ended": None if step.ended is None else moment(step.ended),
            "seconds": step.seconds,
            "error": step.error,
        }
        for step in history.steps(account)
    ]


def _ways(account: Account, desk: Callable[[], Desk]) -> dict[str, Any]:
    """Return what going on would send and what taking back would, or why it cannot be done."""

    def going_on() -> dict[str, Any]:
        resuming.check(account)
        fitting.check(desk(), account)
        return {"resume": _lines(preview(pinned.ahead(desk(), account), desk().site))}

    def taking_back() -> dict[str, Any]:
        undo = foresee_back(desk(), account)
        lasting = pinned.lasting(pinned.plan(desk(), account), account)
        return {"rollback": _lines(undo), "lasting": list(lasting)}

    return _tried("resume", going_on) | _tried("rollback", taking_back)


def _tried(way: str, look: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return {f"{way}_refused": ""} | look()
    except PvekitError as error:
        return {way: None, f"{way}_refused": str(error)}


def _lines(preview: Preview) -> list[str]:
    """Return what the pending steps would send, a line each, or what they would wait for."""
    found = []
    for step in preview.pending:
        sent = step.lines or (f"wait until {step.goal.says}",)
        found += [f"{step.node}: {line}" for line in sent]
    return found
