"""Why the lab differs where it does."""

from __future__ import annotations

import re

from tests.lab.parity.recordings import Entry

# What the lab refuses aloud, and says so.
UNSIMULATED: tuple[tuple[str, str], ...] = (
    (
        r"\bqm help$|pvesh usage .*(-v|--verbose)",
        "descriptions of options are prose, which the lab does not hold",
    ),
    (r"\bqm showcmd\b", "the lab has no QEMU command line"),
    (r"/capabilities/qemu/machines\b", "the lab has no list of QEMU's machine types"),
)
# (pattern of `Entry.about`, why)
RULES: tuple[tuple[str, str], ...] = (
    (
        r"05-run-agent:(54|55|56|58|59|71)\b",
        "hot-plug of a network device timed out there, and left pending changes",
    ),
    (r"05-run-agent:103\b", "which of three that wait gets a lock first is chance"),
    (
        r"06b-\S+:(19|20|21|22|23)\b",
        "the guest had powered off there, but nothing ended its emulator",
    ),
    (r"11-\S+:78\b", "the order of the nodes is that of a Perl hash"),
    (
        r"(11-\S+:104|13-\S+:(40|43))\b",
        "calendar events were not checked there, so a job came to be that a real node refuses",
    ),
    (r"04-pvesh-pvesm:22\b", "failed there with a Perl error of that machine"),
    (r"04-pvesh-pvesm:28\b", "the tags of VMs that other recordings made at the same time"),
    (r"\bpveum user delete\b", "failed there with a Perl error of that machine"),
)


def reason(entry: Entry) -> str:
    """Return why the lab answers a command otherwise, or nothing if nobody knows."""
    rules = (*RULES, *UNSIMULATED)
    return next((why for pattern, why in rules if re.search(pattern, entry.about)), "")
