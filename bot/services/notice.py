"""What a training script needs to know about its booking, and the token by which it may ask."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, select
from sqlmodel import col

from bot.domain.booking import Booking, BookingState
from bot.domain.preemption_notice import Preemption, PreemptionState
from bot.services.rows import no_such_booking
from bot.services.secret import site_secret
from bot.services.site import Site
from bot.store import models, queries

#: The fact in models.Memory that all tokens are made with.
SECRET = "notice_secret"  # noqa: S105 - its name, not the secret
TOKEN_CHARACTERS = 40

#: Reasons of gpubot's own; programs get them in English.
OVERRUN_CUT = "somebody needs the GPUs that the overrun uses"
BOOKING_ENDS = "the booking ends"


class Action(StrEnum):
    """What the script had better do."""

    #: Nothing; also before the booking has started.
    NONE = "none"
    #: Save a checkpoint: the GPUs go within the length of a warning.
    CHECKPOINT = "checkpoint"
    #: End: the booking holds nothing any more.
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Notice:
    """How a booking stands, for a program to act on."""

    booking: int
    state: BookingState
    action: Action
    #: When urgent work takes the GPUs; None: none does, or no longer.
    reclaim_at: datetime | None
    ends_at: datetime
    #: Whole seconds until `ends_at`; 0 once it has passed, or the booking is over.
    seconds_left: int
    #: Why there is something to do, in words; None when there is nothing, or the state says it.
    reason: str | None
    #: Whether somebody else needs the GPUs before the booking's own end.
    warned: bool


def notice_of(site: Site, booking_id: int, *, now: datetime) -> Notice:
    """What somebody who runs work on the booking should know; raise NotFound when there is none.

    A booking is over once gpubot has ended it, not at the second of its end: a run may get more
    time at that moment, by an overrun or because its warning came late.
    """
    with site.database.snapshot() as connection:
        booking = queries.find_booking(connection, booking_id)
        if booking is None:
            raise no_such_booking(booking_id)
        preemption = _preemption(connection, booking_id)
        is_cut = booking.overrun_from is not None and _is_cut(connection, booking_id)
    if not booking.state.is_live:
        return _over(booking, preemption)
    is_warned = preemption is not None and preemption.state is PreemptionState.WARNED
    left = max(booking.window.end - now, timedelta(0))
    must_save = is_warned or is_cut or left <= site.cluster.policy.warning
    has_begun = booking.state is BookingState.ACTIVE
    return Notice(
        booking=booking.id,
        state=booking.state,
        action=Action.CHECKPOINT if must_save and has_begun else Action.NONE,
        reclaim_at=preemption.reclaim_at if preemption is not None and is_warned else None,
        ends_at=booking.window.end,
        seconds_left=int(left.total_seconds()),
        reason=_reason(preemption if is_warned else None, is_cut=is_cut) if must_save else None,
        warned=is_warned or is_cut,
    )


def notice_token(site: Site, booking_id: int) -> str:
    """The token for one booking's notice: good as long as the booking is remembered."""
    message = f"notice:{booking_id}".encode()
    made = hmac.new(site_secret(site, SECRET).encode(), message, hashlib.sha256)
    return made.hexdigest()[:TOKEN_CHARACTERS]


def check_notice_token(site: Site, booking_id: int, token: str) -> bool:
    """Whether `token` is the booking's; how long that takes tells nothing about the right one."""
    return hmac.compare_digest(notice_token(site, booking_id).encode(), token.encode())


def _reason(preemption: Preemption | None, *, is_cut: bool) -> str:
    if preemption is not None:
        return preemption.reason
    return OVERRUN_CUT if is_cut else BOOKING_ENDS


def _over(booking: Booking, preemption: Preemption | None) -> Notice:
    why = preemption if booking.state is BookingState.PREEMPTED else None
    return Notice(
        booking=booking.id,
        state=booking.state,
        action=Action.STOP,
        reclaim_at=None,
        ends_at=booking.window.end,
        seconds_left=0,
        reason=None if why is None else why.reason,
        warned=False,
    )


def _preemption(connection: Connection, booking_id: int) -> Preemption | None:
    """The last time that it had to give way."""
    found = queries.preemptions_of(connection, preemptee=booking_id)
    return found[-1] if found else None


def _is_cut(connection: Connection, booking_id: int) -> bool:
    """Whether an overrun was cut back because somebody needs its GPUs."""
    audit = models.Audit
    statement = select(col(audit.seq)).where(
        col(audit.booking) == booking_id, col(audit.action) == "overrun_ended"
    )
    return connection.execute(statement.limit(1)).first() is not None
