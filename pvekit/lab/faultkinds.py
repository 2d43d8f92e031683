"""The kinds of faults that can be ordered, and what to say about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Detail:
    """A detail that may be given with ``--set``."""

    about: str
    number: bool = True


@dataclass(frozen=True)
class Kind:
    """A kind of fault: whom it strikes, what happens, and its details by name.

    One that is ``lasting`` holds until it is cleared, however often it strikes.
    """

    name: str
    subject: str
    about: str
    details: Mapping[str, Detail] = field(default_factory=dict)
    lasting: bool = False


_SKIP = Detail("let so many fitting commands pass first")
_CHANCE = Detail("strike with this probability (default: 1)")
_LINE = "command line"
_NODE = "nodes"
_ALL = (
    Kind("link-cut", _LINE, "the connection is lost before, during or after a command",
         {"skip": _SKIP, "chance": _CHANCE}),
    Kind("hang", _LINE, "the command never answers (before: it does not run either); "
         "the connection stays open", {"skip": _SKIP, "chance": _CHANCE}),
    Kind("slow", _LINE, "the command takes longer", {
        "seconds": Detail("so many more, in real time (default: 5)"),
        "rate": Detail("bytes per second of its output (default: no limit)"),
        "skip": _SKIP,
        "chance": _CHANCE,
    }),
    Kind("host-key", _NODE, "the node shows another host key"),
    Kind("auth-refused", _NODE, "the node refuses the right key"),
    Kind("lock-held", "`config VMID` or `storage NAME`", "the lock is held by somebody else",
         {"chance": _CHANCE}),
    Kind("storage-full", "storage", "no space is left on the storage",
         {"bytes": Detail("so many still fit (default: 0)")}),
    Kind("storage-down", "storage", "the storage is not reachable", lasting=True),
    Kind("quorum-lost", _NODE, "the nodes are cut off from the PVE cluster: no quorum, "
         "/etc/pve is read-only", lasting=True),
    Kind("node-down", _NODE, "the nodes lose power; clearing it starts them", {
        "how": Detail("what a connection meets: `silent` (default; it times out) or `refused`",
                      number=False),
    }, lasting=True),
    Kind("node-reboot", _NODE, "the nodes start anew at once; with `line` when a command that "
         "holds this text runs there", {"line": Detail("text of the command", number=False)}),
    Kind("clock-skew", _NODE, "the nodes' clocks are wrong",
         {"seconds": Detail("so much ahead; negative: behind (default: 300)")}, lasting=True),
    Kind("status-stopped", _NODE, "the nodes' pvestatd tells the others nothing", lasting=True),
    Kind("guest-silent", "vmid", "the guest's agent does not answer"),
    Kind("guest-no-ssh", "vmid", "the guest has no SSH server"),
    Kind("guest-slow", "vmid", "the guest takes long to boot",
         {"seconds": Detail("so many more, in real time (default: 5)")}),
    Kind("guest-oom", "vmid", "the guest's kernel has killed a process for want of memory", {
        "process": Detail("its name (default: java)", number=False),
        "cgroup": Detail("only this cgroup was out of memory, not the guest", number=False),
        "ago": Detail("so many seconds ago, not before the guest's boot (default: 60)"),
    }),
    Kind("vm-pressure", "vmid", "the VM's own processes wait for the node's memory, which Proxmox "
         "VE 9 records", {"percent": Detail("so much of their time (default: 5)"),
                          "ago": Detail("only so many seconds ago, for an hour (default: always)")},
         lasting=True),
    Kind("guest-pressure", "vmid", "the guest's tasks wait for memory",
         {"percent": Detail("so much of their time (default: 5)")}, lasting=True),
    Kind("download-corrupt", "URL", "the file that comes is another one"),
    Kind("download-truncated", "URL", "only the first half of the file comes"),
    Kind("download-error", "URL", "the server refuses",
         {"status": Detail("HTTP status (default: 500)")}),
    Kind("checksum-wrong", "URL", "the checksum file tells wrong checksums"),
    Kind("download-redirect", "URL", "the server sends on to the same file over plain http"),
    Kind("download-whole", "URL", "the server sends the whole file where a piece is asked for"),
    Kind("peer-cut", _LINE, "an SSH connection from node to node breaks in the middle of what the "
         "command says"),
    Kind("signature-other", "URL", "the signature of the checksum file is somebody else's"),
    Kind("clone-fails", "`VMID NEWID`", "a clone fails in the middle", {"chance": _CHANCE}),
    Kind("start-fails", "vmid", "a VM does not start", {"chance": _CHANCE}),
)  # fmt: skip
BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in _ALL}
KINDS = tuple(BY_NAME)
LASTING = frozenset(kind.name for kind in _ALL if kind.lasting)
NODES = frozenset(kind.name for kind in _ALL if kind.subject == _NODE)


def describe(width: int = 20) -> str:
    """Return all kinds with their subjects and details, for people."""
    lines: list[str] = []
    for kind in _ALL:
        lines.append(f"  {kind.name:{width}} {kind.about} [{kind.subject}]")
        lines.extend(
            f"  {'':{width}}   --set {name}=…: {detail.about}"
            for name, detail in kind.details.items()
        )
    return "\n".join(lines)
