"""The network behind the bridges: a DHCP server for the guests of the whole site."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Interface


class Network:
    """One DHCP server per VLAN; an untagged guest is on VLAN 0.

    VLAN T is 10.T.0.0/16 (T modulo 256) with its router at 10.T.0.1 and leases from 10.T.100.1 on.
    A lease belongs to a DHCP client id, so two guests with the same id get the same address.
    """

    def __init__(self) -> None:
        self._leases: dict[str, str] = {}

    def lease(self, vlan: int, client_id: str) -> IPv4Interface:
        """Return the address of a client, the same one whenever it asks."""
        key = f"{vlan}/{client_id}"
        if key not in self._leases:
            mine = f"{vlan}/"
            taken = sum(1 for other in self._leases if other.startswith(mine))
            first = IPv4Address(f"10.{vlan % 256}.100.1")
            self._leases[key] = f"{first + taken}/16"
        return IPv4Interface(self._leases[key])

    def to_data(self) -> dict[str, str]:
        """Return all leases as data for JSON."""
        return dict(self._leases)

    def restore(self, data: Mapping[str, str]) -> None:
        """Take over the leases from :meth:`to_data`."""
        self._leases = dict(data)
