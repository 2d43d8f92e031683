"""The words that `pvekit-lab` understands."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pvekit.lab.clock import PROFILES
from pvekit.lab.faultkinds import describe
from pvekit.lab.faults import MOMENTS
from pvekit.lab.figures import ProfileError, read
from pvekit.lab.home import DEFAULT
from pvekit.lab.settings import RELEASES
from pvekit.lab.storages.hardware import STORAGE_KINDS

MAX_NODES = 100
MAX_DAYS = 3650

_ABOUT = "A simulated Proxmox VE site, reached over real SSH, to try and test pvekit on."
_FAULTS = f"""\
kinds, with the subject that --match is compared to:
{describe()}

A fault strikes the first COUNT subjects that contain TEXT; of faults of nodes TEXT is
their names, separated by commas (none: all). A link is cut before, during or after
the command. Faults of lasting kinds (a node that is down, lost quorum, clocks that
are off, a storage out of reach) hold until `pvekit-lab fault clear`.
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line; `run` gets its command apart."""
    home = argparse.ArgumentParser(add_help=False)
    home.add_argument(
        "--dir",
        metavar="D",
        help=f"the lab's directory (default: $PVEKIT_LAB_DIR, else {DEFAULT})",
    )
    site = _site_options()
    whole = argparse.ArgumentParser(prog="pvekit-lab", description=_ABOUT)
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("up", parents=[home, site], help="start a lab in the background")
    status = commands.add_parser("status", parents=[home], help="show nodes, guests and faults")
    status.add_argument("--json", action="store_true", help="print JSON")
    commands.add_parser("down", parents=[home], help="stop the lab; its state is kept")
    commands.add_parser(
        "run",
        parents=[home, site],
        help="start a lab, run a command on it, stop it",
        usage="pvekit-lab run [options] -- COMMAND...",
        description="Without --dir the lab lives in a temporary directory and leaves nothing.",
    )
    fault = commands.add_parser(
        "fault",
        parents=[home],
        help="order a fault, or list or clear the orders",
        epilog=_FAULTS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_fault_options(fault)
    log = commands.add_parser("log", parents=[home], help="show what was asked of the lab")
    log.add_argument("--program", action="store_true", help="only programs of Proxmox VE")
    log.add_argument("--changes", action="store_true", help="only those that may change something")
    log.add_argument("--json", action="store_true", help="print JSON lines")
    return whole


def _site_options() -> argparse.ArgumentParser:
    site = argparse.ArgumentParser(add_help=False)
    site.add_argument("--nodes", type=_nodes, metavar="N", help="number of nodes (default: 2)")
    kind = site.add_mutually_exclusive_group()
    kind.add_argument(
        "--cluster",
        dest="clustered",
        action="store_const",
        const=True,
        help="the nodes form one PVE cluster (default from two nodes on)",
    )
    kind.add_argument(
        "--standalone",
        dest="clustered",
        action="store_const",
        const=False,
        help="each node stands for itself",
    )
    site.add_argument(
        "--storage",
        choices=STORAGE_KINDS,
        help="what the VMs' disks lie on (default: lvmthin)",
    )
    site.add_argument(
        "--profile",
        type=_profile,
        metavar="NAME|FILE",
        help="how long things take: immediate (default), realistic, or a TOML file",
    )
    site.add_argument(
        "--virt-customize",
        action="store_const",
        const=True,
        help="the nodes have virt-customize, which stock nodes lack",
    )
    site.add_argument(
        "--pve",
        choices=tuple(RELEASES),
        help="which Proxmox VE the nodes run (default: 8)",
    )
    site.add_argument(
        "--history-days",
        type=_days,
        metavar="N",
        help="records of use begin so many days before a VM is made (default: 0)",
    )
    site.add_argument("--fresh", action="store_true", help="forget the state in the directory")
    return site


def _add_fault_options(fault: argparse.ArgumentParser) -> None:
    fault.add_argument("kind", metavar="KIND|list|clear", help="what goes wrong")
    fault.add_argument("only", nargs="?", metavar="KIND", help="of `clear`: only this kind")
    fault.add_argument("--match", default="", metavar="TEXT", help="part of the subject")
    fault.add_argument("--when", choices=MOMENTS, default=MOMENTS[0], help="default: before")
    fault.add_argument(
        "--count", type=_count, default=1, metavar="N", help="how often; -1: until cleared"
    )
    fault.add_argument(
        "--set",
        dest="detail",
        action="append",
        default=[],
        type=_pair,
        metavar="K=V",
        help="a detail of the fault",
    )


def command_of(words: Sequence[str]) -> tuple[list[str], list[str] | None]:
    """Split the command line at the first ``--``: our words, and the command of `run`."""
    if "--" not in words:
        return list(words), None
    place = words.index("--")
    return list(words[:place]), list(words[place + 1 :])


def _nodes(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MAX_NODES:
        raise argparse.ArgumentTypeError(f"1 to {MAX_NODES} nodes, not {number}")
    return number


def _days(text: str) -> int:
    number = int(text)
    if not 0 <= number <= MAX_DAYS:
        raise argparse.ArgumentTypeError(f"0 to {MAX_DAYS} days, not {number}")
    return number


def _profile(text: str) -> str:
    if text in PROFILES:
        return text
    try:
        read(Path(text))
    except ProfileError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return str(Path(text).absolute())


def _count(text: str) -> int:
    number = int(text)
    if number == 0:
        raise argparse.ArgumentTypeError("a fault that never strikes is none")
    return number


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key.isidentifier() and equals):
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, not {text!r}")
    return key, value
