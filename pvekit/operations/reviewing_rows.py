"""Reviews as data: a row for each VM, what nodes would have more or less of, and first sizes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from typing import Any

from pvekit.operations.reviewing import Finding, Found
from pvekit.sizing.review import Measured
from pvekit.sizing.review_proposals import Launch, accuracies
from pvekit.sizing.size import parse_need

DAY = 86400
_DIGITS = {"cpu": 3, "memory": 1}


def rows(found: Found) -> list[dict[str, Any]]:
    """Return a row for each VM; CPU is in cores, memory in MiB, slack in percent."""
    return [_row(each) for each in found.findings]


def _row(finding: Finding) -> dict[str, Any]:
    vm, review, effect = finding.vm, finding.review, finding.effect
    told = finding.signs
    return {
        "name": vm.name,
        "vmid": vm.vmid,
        "node": finding.target.node,
        "role": vm.own.role,
        "workload": vm.own.workload,
        "source": vm.own.source,
        "cpus": vm.cpus,
        "memory_mb": vm.memory_mb,
        **_used("cpu", review.cpu),
        **_used("memory", review.memory),
        "signs": list(review.signs),
        "oom_kills": told.kills if told else None,
        "oom_killed": list(told.names) if told else [],
        "memory_pressure": told.pressure if told else None,
        "uptime_days": round(told.uptime_seconds / DAY, 2) if told else None,
        "days": round(review.days, 2),
        "recommended_cpus": review.cpus,
        "recommended_memory_mb": review.memory_mb,
        "cpus_change": review.cpus - vm.cpus,
        "memory_change_mb": review.memory_mb - vm.memory_mb,
        "how": effect.how,
        "confidence": review.confidence,
        "because": review.because,
        "left_out": effect.left_out,
    }


def _used(name: str, measured: Measured | None) -> dict[str, Any]:
    digits = _DIGITS[name]
    used = measured.used if measured else None
    figures = {
        key: round(getattr(used, key), digits) if used else None
        for key in ("p50", "p95", "p99", "max")
    }
    slack = round(measured.slack, 1) if measured else None
    saturated = measured.saturated if measured else None
    told = {**figures, "slack": slack, "saturated": saturated}
    return {f"{name}_{key}": value for key, value in told.items()}


def nodes(found: Found) -> list[dict[str, Any]]:
    """Return what each node would have given away more or less of, if all was followed."""
    sums: dict[str, list[Finding]] = defaultdict(list)
    for finding in found.findings:
        sums[finding.target.node].append(finding)
    return [
        {
            "node": node,
            "vms": len(there),
            "changes": sum(each.effect.how != "none" for each in there),
            "cpus_change": sum(each.review.cpus - each.vm.cpus for each in there),
            "memory_change_mb": sum(each.review.memory_mb - each.vm.memory_mb for each in there),
        }
        for node, there in sorted(sums.items())
    ]


def proposals(found: Found) -> list[dict[str, Any]]:
    """Return how far first sizes were off, by where they came from; errors are parts of needs."""
    return [
        {key: round(value, 3) if isinstance(value, float) else value for key, value in told.items()}
        for told in map(asdict, accuracies(launches(found)))
    ]


def launches(found: Found) -> list[Launch]:
    """Return the first sizes that VMs' marks tell of."""
    return [
        Launch(each.vm.own.source, size, each.vm.cpus, each.vm.memory_mb, each.review)
        for each in found.findings
        if (size := parse_need(each.vm.own.need))
    ]


def left_out(found: Found) -> list[dict[str, Any]]:
    """Return the VMs that were not reviewed, and why."""
    return [asdict(each) for each in found.left_out]
