"""``ip addr`` in a guest, as iproute2 prints it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Interface, ip_interface

from pvekit.lab.guests.links import Address, Link
from pvekit.lab.process import NotSimulated, Process

_ASKED = (["a"], ["addr"], ["address"], ["addr", "show"], ["address", "show"])
_LOOPBACK = (ip_interface("127.0.0.1/8"), ip_interface("::1/128"))
_FOREVER = "       valid_lft forever preferred_lft forever\n"


async def ip(links: Callable[[], Sequence[Link]], process: Process) -> int:
    """Run ``ip addr``, and nothing else that ``ip`` can do."""
    if list(process.argv[1:]) not in _ASKED:
        raise NotSimulated(f"ip {' '.join(process.argv[1:])}")
    await process.say("".join(_lines(links())))
    return 0


def _lines(links: Sequence[Link]) -> Iterator[str]:
    yield "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default "
    yield "qlen 1000\n    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n"
    for address in _LOOPBACK:
        yield _address(address, "host", "lo")
    for number, link in enumerate(links, 2):
        yield f"{number}: {link.name}: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel "
        yield f"state UP group default qlen 1000\n    link/ether {link.mac.lower()} "
        yield "brd ff:ff:ff:ff:ff:ff\n"
        for address in link.addresses:
            yield _address(address, "link" if address.is_link_local else "global", link.name)


def _address(address: Address, scope: str, name: str) -> str:
    if isinstance(address, IPv4Interface):
        wide = "" if scope == "host" else f"brd {address.network.broadcast_address} "
        return f"    inet {address} {wide}scope {scope} {name}\n{_FOREVER}"
    return f"    inet6 {address} scope {scope} \n{_FOREVER}"
