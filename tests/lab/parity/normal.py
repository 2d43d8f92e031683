"""What differs by nature between two runs of one command, and how both sides are made alike.

Everything here is a fact about the place or the moment of a recording: times, random identities,
sizes of that machine, Perl's own complaints. What a program says of the site's state stays.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

# (pattern, what stands instead, why)
RULES: tuple[tuple[str, str, str], ...] = (
    (r"(?m)^perl: warning.*(\n\t.*|\n +are supp.*)*\n", "", "the recording client's locale"),
    (r"(?m)^Wide character in \w+ at .*\n", "", "Perl source locations"),
    (r" at /usr/[\w/.-]+ line \d+\.?(, <\w+> line \d+\.)?", "", "Perl source locations"),
    (r"(?m)^MAX \d+ vcpus? allowed.*\n", "", "the size of the recording machine"),
    (r"\b([0-9A-F]{2}:){31}[0-9A-F]{2}\b", "FINGERPRINT", "certificates"),
    (r"UPID:(\w+):[0-9A-F]{8}:[0-9A-F]{8,9}:[0-9A-F]{8}:", r"UPID:\1:", "task ids"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID", "random ids"),
    (r"(?i)bc:24:11(:[0-9a-f]{2}){3}", "MAC", "random addresses"),
    (r"(?i)\b52:54:00(:[0-9a-f]{2}){3}\b", "MAC", "random addresses"),
    (r"ctime=\d+", "ctime=TIME", "times"),
    (r"creation-qemu=[\d.]+", "creation-qemu=VERSION", "the recording machine's QEMU"),
    (r"(?m)^Ring ID: .*$", "Ring ID: N", "how often the membership changed"),
    (r"running kernel: [^)]+", "running kernel: N", "the recording machine"),
    (r"(vzdumptmp|\.tmp\.)\d+", r"\1PID", "process ids"),
    (r"(?m)^(INFO: +\d+% |progress \d+% ).*\n", "", "progress in between"),
    (
        r"((is sparse:|file size:|, sparse bytes|zero blocks) )[\d.]+.*",
        r"\1FIGURE",
        "data of the recorded guest",
    ),
    (r"(\.vma\.\w+ +\S+ +backup +)\d+", r"\1FIGURE", "data of the recorded guest"),
    (r"vzdump-qemu-(\d+)-\d{4}_\d\d_\d\d-\d\d_\d\d_\d\d", r"vzdump-qemu-\1-TIME", "times"),
    (r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\b", "TIME", "times"),
    (r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \w{3} +\d+ \d\d:\d\d:\d\d \d{4}", "TIME", "times"),
    (r"\b\d\d:\d\d:\d\d\b", "TIME", "times"),
    (r"\b\d+(\.\d+)? ?(seconds|s)\b", "N seconds", "durations"),
    (r"\b\d+(\.\d+)? [KMGT]i?B/s", "N B/s", "speeds"),
    (r"(?m)^[\d.]+ [KMG]?i?B in N seconds\n", "", "progress in between, of saved memory"),
    (r"(?<=, saved )[\d.]+ [KMG]iB", "N MiB", "how much memory was in use"),
    (r"\b[0-9a-f]{40}\b", "DIGEST", "digests of texts with random ids"),
    (r"\$5\$\S+", "HASH", "random salts"),
    (r"(?m)^(drive-\w+: )?transferred .*\n", "", "progress in between"),
    (r"\bfe80::be24:11ff:fe[0-9a-f]{2}:[0-9a-f]{4}\b", "LINK-LOCAL", "random addresses"),
    (r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4}\b", "DAY", "times"),
    (r"(?m)^1[78]\d{17}$", "TIME", "times"),
    (r"(?m)^TIME \d+\+\d+ records (in|out)\n", "", "how a pipe was cut into blocks"),
    (r"(?m)^TIME \d+ bytes \(.*\) copied, .*\n", "", "progress in between, of dd"),
    (r"\bPID \d+", "PID N", "process ids"),
    (r"(?m)^(running-(qemu|machine)): .*$", r"\1: VERSION", "the recording machine's QEMU"),
    (r"(?m)^\tpbs-library-version: .*$", "\tpbs-library-version: VERSION", "its backup library"),
    (r"(?m)^(\t+[\w-]+): [\d.]+$", r"\1: FIGURE", "statistics of a running VM"),
    (
        r"(?m)^(cpu|disk|diskread|diskwrite|freemem|mem|netin|netout|pid|uptime): [\d.]+$",
        r"\1: FIGURE",
        "figures of the moment",
    ),
    (r"transferred \d.*?\(\d+\.\d+%\)", "", "progress in between, glued"),
    (r"\bssh-(ed25519|rsa) AAAA\S+", r"ssh-\1 KEY", "keys made at the recording"),
    (r"AAAA(\w|[.-]|%2B|%2F|%3D){40,}", "KEY", "keys made at the recording"),
    (r"\bsnaptime: \d+", "snaptime: TIME", "times"),
    (r"(\bsshkeys:? )\S+", r"\1KEYS", "keys made at the recording"),
    (r"(?m)^trying to acquire lock\.\.\.\n OK\n", "", "others worked at the same moment"),
    (r"(?m)^total \d+$", "total N", "sizes of directories"),
    (r"(?m)^(d[rwx-]{9}) +\d+ (\w+) +(\w+) +\d+ ", r"\1 \2 \3 ", "sizes of directories"),
    (r"(?m)^([-dl][rwx-]{9}.*?)\w{3} +\d+ +[\d:]+ ", r"\1 TIME ", "times of files"),
    (r"(?m)^(-[rwx-]{9}) +1 (\w+) +(\w+) +", r"\1 \2 \3 ", "columns as wide as the widest"),
    (r"'(10\.255\.255\.53|192\.168\.64\.254)'", "'RESOLVER'", "the node's own resolver"),
)

# Keys of JSON answers whose values are figures of a machine or moment.
FIGURES = frozenset(
    [
        "actual-size",
        "avail",
        "cpu",
        "ctime",
        "disk",
        "diskread",
        "diskwrite",
        "endtime",
        "free",
        "freemem",
        "idle",
        "loadavg",
        "localtime",
        "maxcpu",
        "maxdisk",
        "mem",
        "mhz",
        "netin",
        "next-run",
        "netout",
        "pid",
        "pstart",
        "snaptime",
        "starttime",
        "time",
        "total",
        "total-bytes",
        "used-bytes",
        "uptime",
        "used",
        "used_fraction",
        "wait",
        "flags",
        "model",
        "kversion",
        "current-kernel",
        "swap",
        "timestamp",
        "digest",
        "boot-info",
        "hvm",
    ]
)
STATISTICS = frozenset({"statistics", "blockstat", "nics", "ballooninfo", "proxmox-support"})
_VERSIONS = frozenset({"running-qemu", "running-machine"})
_PENDING = re.compile(r"(?<=found pending changes for ')[\w,]+")

_JOB = re.compile(r"(?<=starting new backup job: ).*")
_PID_COLUMN = re.compile(r"(?m)^( *\d+ .* )\d+( +)$")
_STORAGE_ROW = re.compile(
    r"(?m)^(\S+ +\w+ +\w+) +[\d.]+ +[\d.]+ +[\d.]+ +([\d.]+%|N/A)$",
)


def normal(text: str) -> str:
    """Return a text without what differs by nature."""
    for pattern, instead, _ in RULES:
        text = re.sub(pattern, instead, text)
    text = _PENDING.sub(lambda found: ",".join(sorted(found[0].split(","))), text)
    text = _JOB.sub(_sorted_options, text)
    text = _PID_COLUMN.sub(_pid, text)
    text = _STORAGE_ROW.sub(r"\1 N N N N", text)
    return _json(text)


def _sorted_options(found: re.Match[str]) -> str:
    """Order the options of a command line, which Perl tells in the order of a hash."""
    head, *options = found[0].split(" --")
    return " --".join([head, *sorted(options)])


def _pid(found: re.Match[str]) -> str:
    pid = found[0][len(found[1]) :].strip()
    return found[1] + ("0" if pid == "0" else "PID")


def _json(text: str) -> str:
    """Write the JSON document that a text ends with, its figures masked, always alike."""
    head, body = _split(text)
    try:
        data = json.loads(body)
    except ValueError:
        return text
    if not isinstance(data, dict | list):
        return text
    return head + json.dumps(masked(data), indent=1, sort_keys=True, ensure_ascii=False)


def _split(text: str) -> tuple[str, str]:
    place = min((found for found in (text.find("{"), text.find("[")) if found >= 0), default=0)
    return (text[:place], text[place:]) if not text[:place].strip() else ("", text)


def masked(data: Any) -> Any:
    """Return JSON data with figures replaced by their kind; what is absent stays absent."""
    if isinstance(data, Mapping):
        backup = {"size": "FIGURE"} if data.get("content") == "backup" else {}
        figures = FIGURES | {"maxmem"} if data.get("type") == "node" else FIGURES
        return {key: _masked_value(key, data[key], figures) for key in data} | backup
    if isinstance(data, list):
        if len(data) > 3 and all(isinstance(entry, dict) and "time" in entry for entry in data):
            return {"series of": sorted({key for entry in data for key in entry})}
        entries = [masked(entry) for entry in data]
        return sorted(entries, key=json.dumps) if _unordered(data) else entries
    return data


def _unordered(data: list[Any]) -> bool:
    """Return whether a list is in the order of a Perl hash, which is another at each call."""
    return bool(data) and all(isinstance(entry, dict) and "upid" not in entry for entry in data)


def _masked_value(key: str, value: Any, figures: frozenset[str]) -> Any:
    if key in STATISTICS:
        return "STATISTICS"
    if key in _VERSIONS:
        return "VERSION"
    if key in figures and value is not None:
        return "FIGURE"
    if key == "content" and isinstance(value, str):
        return ",".join(sorted(value.split(",")))  # Perl's hash order
    return masked(value)


def reasons() -> list[str]:
    """Return what is made alike, in words, each once."""
    words = [why for _, _, why in RULES]
    words += [
        "the figures of a machine or a moment in JSON and tables: " + ", ".join(sorted(FIGURES)),
        "the order of lists that the programs take from a Perl hash",
        "of a series of measurements only what is measured",
        "whether a process id is 0 is compared, not its value",
    ]
    return list(dict.fromkeys(words))
