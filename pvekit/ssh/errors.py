"""Why a machine that answers is not talked to."""

from __future__ import annotations

from pvekit.errors import PvekitError
from pvekit.shell import Unreachable


class HostKeyRefused(PvekitError):
    """The machine's host key is not one that may be trusted; nothing was sent."""

    id = "SSH-HOST-KEY-REFUSED"


class HostKeyUnknown(HostKeyRefused):
    """No key of this host is known yet."""

    id = "SSH-HOST-KEY-UNKNOWN"


class HostKeyChanged(HostKeyRefused):
    """The host shows another key than the known one: reinstalled, or somebody in between."""

    id = "SSH-HOST-KEY-CHANGED"


class HostKeyRevoked(HostKeyRefused):
    """The key that the host shows is marked as revoked."""

    id = "SSH-HOST-KEY-REVOKED"


class AuthFailed(PvekitError):
    """The machine accepted none of our keys."""

    id = "SSH-LOGIN-REFUSED"


class Incompatible(PvekitError):
    """The machine speaks SSH, but no algorithm that we know."""

    id = "SSH-INCOMPATIBLE"


class NotOpened(Unreachable):
    """No channel came about, so nothing was sent."""

    id = "SSH-NO-CHANNEL"


class ChannelRefused(NotOpened):
    """The peer is well but opens no further channel: too many of them, or not allowed."""
