"""What all guests of a site share."""

from __future__ import annotations

from dataclasses import dataclass, field

from pvekit.lab.clock import Clock
from pvekit.lab.faults import Faults
from pvekit.lab.guests.images import Internet
from pvekit.lab.guests.network import Network
from pvekit.lab.hostkeys import HostKeys
from pvekit.lab.log import Log


@dataclass(frozen=True)
class World:
    """The site as its guests see it: time, ordered faults, their network and the internet.

    ``host_keys`` are the nodes' own.
    """

    clock: Clock
    log: Log
    faults: Faults
    internet: Internet
    network: Network = field(default_factory=Network)
    host_keys: HostKeys = field(default_factory=HostKeys)
