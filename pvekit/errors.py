"""What can go wrong, in classes that tell the reader what to do next.

Each class carries the exit status of the command that ends with it. The statuses are final:
0 done, 1 failed, 2 usage or config, 3 a bug, 4 partial, 5 not found, 6 conflict, 7 transient,
8 no capacity, 9 made but not ready, 10 changes pending, 128 and more: a signal (130 is Ctrl-C).
"""

from __future__ import annotations

from pvekit.masking import masked


class PvekitError(Exception):
    """An expected failure, shown without a traceback: what failed, why, and what to do.

    ``id`` names the kind of failure and never changes; ``pvekit explain`` tells more about each.
    """

    exit_status = 1
    id = "FAILED"

    def __init__(self, brief: str, *, details: str = "", hint: str = "", id: str = "") -> None:
        super().__init__(masked(brief))
        self.brief = masked(brief)
        self.details = masked(details)
        self.hint = masked(hint)
        self.id = id or self.id

    def __str__(self) -> str:
        return "\n".join(part for part in (self.brief, self.details, self.hint) if part)


class UsageError(PvekitError):
    """The configuration or the request does not make sense; nothing was sent."""

    exit_status = 2
    id = "USAGE"


class NotFound(PvekitError):
    """What the request names does not exist."""

    exit_status = 5
    id = "NOT-FOUND"


class Conflict(PvekitError):
    """Something else is in the way, or it is not ours to touch."""

    exit_status = 6
    id = "CONFLICT"


class Transient(PvekitError):
    """A lock, a lost link, a missing quorum or a time-out: the same command may work later."""

    exit_status = 7
    id = "TRANSIENT"


class NoCapacity(PvekitError):
    """No node has room, or nothing satisfies the request."""

    exit_status = 8
    id = "NO-CAPACITY"


class NotReady(PvekitError):
    """The VM was made and is kept, but did not get ready in time."""

    exit_status = 9
    id = "GUEST-NOT-READY"


class UnreadableAnswer(Transient):
    """A program on the site printed what cannot be read, so nothing was decided from it."""

    id = "ANSWER-UNREADABLE"


class GoalNotReached(PvekitError):
    """The commands ran, yet what they were for did not come true."""

    id = "GOAL-NOT-REACHED"


class Spoilt(PvekitError):
    """What was begun cannot become whole any more, and has to be made anew."""

    id = "TEMPLATE-SPOILT"


class LockTimeout(Transient):
    """Proxmox VE waited in vain for a lock: too much at once on this storage or VM."""

    id = "PVE-LOCK-TIMEOUT"


class QuorumLost(Transient):
    """The PVE cluster has no quorum: nothing can be changed until it has again."""

    id = "PVE-QUORUM-LOST"


class QuorumTimeout(PvekitError):
    """The PVE cluster did not get its quorum back in the time that a run waits for it."""

    exit_status = 7
    id = "PVE-QUORUM-TIMEOUT"


class Interrupted(BaseException):
    """A signal asked for the end; no failure of a step, so nothing may take it for one.

    ``run`` is the run that can be gone on with, if there is one.
    """

    def __init__(self, number: int, run: str = "") -> None:
        super().__init__(number)
        self.number = number
        self.run = run


class Stopped(PvekitError):
    """A subject's steps were interrupted by a signal of this number."""

    id = "INTERRUPTED"

    def __init__(self, brief: str, number: int, *, hint: str = "") -> None:
        super().__init__(brief, hint=hint)
        self.exit_status = 128 + number


class IdTaken(Conflict):
    """A vmid, name or address that was free at decision time is taken: decide again.

    ``what`` is taken: name, vmid or ip; ``holder`` is the run that has claimed it, if one has.
    """

    id = "ID-TAKEN"
    what = "vmid"
    holder = ""
