"""Which reservations Slurm is to have for the bookings, and what is to change for that.

Without Slurm's accounting database a reservation takes whole nodes, and bookings share nodes. So
each booking has a reservation of its own for the whole nodes it is on, and these overlap: Slurm
lets the job of each one in, counts GPUs among them as always, and keeps everybody else's jobs
out. The flags, all of them needed:

- OVERLAP: the nodes may be in other reservations too, and jobs of this one may use them.
- IGNORE_JOBS: it is made even where jobs run that end after its start: a run in its overrun, or
  work without a booking, which then has the node until its own end.
- FLEX: jobs of it may begin before its start (clocks differ by a second) and are not killed at
  its end: gpubot ends runs itself, after the overrun and with a warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.booking import booking_label
from bot.runners.protocol import Hold
from bot.runners.slurm.settings import SlurmSettings

FLAGS = "OVERLAP,IGNORE_JOBS,FLEX"
#: Only reservations whose names begin like this are gpubot's.
PREFIX = "gpubot_"
#: Differences below that many seconds are those of clocks, and no reason to change anything.
_TOLERANCE = 30


@dataclass(frozen=True, slots=True)
class Reservation:
    """A reservation of whole nodes for some Unix accounts."""

    name: str
    #: Seconds since 1970; 0: from now on.
    start: int
    end: int
    nodes: frozenset[str]
    users: frozenset[str]


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be done so that Slurm has the wanted reservations."""

    create: tuple[Reservation, ...] = ()
    #: The reservation, and whether its start is to change.
    change: tuple[tuple[Reservation, bool], ...] = ()
    delete: tuple[str, ...] = ()


def reservation_name(booking: int) -> str:
    """The name of a booking's reservation: `gpubot_B142`."""
    return f"{PREFIX}{booking_label(booking)}"


def wanted_reservations(
    holds: Iterable[Hold],
    settings: SlurmSettings,
    users: frozenset[str],
    now: datetime,
    ahead: timedelta = timedelta(),
) -> Mapping[str, Reservation]:
    """The reservations of bookings that begin soon or have begun, by name.

    `users` may use every one of them; `ahead` is how far Slurm's clock is ahead of `now`.
    """
    soon = (hold for hold in holds if hold.window.start <= now + settings.reserve_ahead)
    wanted = (_wanted(hold, settings, users, now, ahead) for hold in soon if hold.window.end > now)
    return {one.name: one for one in wanted}


def _wanted(
    hold: Hold, settings: SlurmSettings, users: frozenset[str], now: datetime, ahead: timedelta
) -> Reservation:
    window = hold.window
    return Reservation(
        name=reservation_name(hold.booking),
        start=0 if window.start <= now else _seconds(window.start + ahead),
        end=_seconds(window.end + ahead),
        nodes=frozenset(settings.node(node) for node, _ in hold.shares),
        users=users | ({hold.account} if hold.account else frozenset()),
    )


def changes(
    existing: Sequence[Reservation], wanted: Mapping[str, Reservation], now: int
) -> Changes:
    """What is to be done; `existing` are all of gpubot's own, `now` is in seconds since 1970."""
    known = {one.name: one for one in existing}
    both = [(known[name], one) for name, one in wanted.items() if name in known]
    return Changes(
        create=tuple(one for name, one in wanted.items() if name not in known),
        change=tuple(
            (after, _other_start(before, after, now))
            for before, after in both
            if _differ(before, after, now)
        ),
        delete=tuple(name for name in known if name not in wanted),
    )


def _differ(before: Reservation, after: Reservation, now: int) -> bool:
    return (
        before.nodes != after.nodes
        or before.users != after.users
        or abs(before.end - after.end) > _TOLERANCE
        or _other_start(before, after, now)
    )


def _other_start(before: Reservation, after: Reservation, now: int) -> bool:
    """Whether the start is another. Slurm does not move it once it has passed."""
    if before.start <= now:
        return False
    return abs(before.start - (after.start or now)) > _TOLERANCE


def _seconds(instant: datetime) -> int:
    return round(instant.timestamp())
