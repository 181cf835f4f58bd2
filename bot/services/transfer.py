"""Offering a booking to somebody else, who accepts or declines."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import insert

from bot.domain import policy
from bot.domain.actor import Actor
from bot.domain.booking import Booking, booking_label
from bot.domain.errors import N_, InputError, UserId, WrongState
from bot.domain.notes import Note
from bot.domain.transfer import TRANSFER_EXPIRES, Transfer, TransferState
from bot.services import receipts
from bot.services.change import Change
from bot.services.changing import changing
from bot.services.record import describe, post_transfer, record, record_booking
from bot.services.rows import end_transfer, load_booking, load_transfer
from bot.services.site import Site
from bot.store import models, queries


class BadReceiver(InputError):
    """Fields: `receiver`, `why` (a note)."""

    code = "bad_receiver"
    form_field = "receiver"
    template = N_("{receiver} cannot take this booking: {why}")


def offer_transfer(
    site: Site,
    actor: Actor,
    booking_id: int,
    receiver: str,
    *,
    reason: str = "",
    now: datetime,
    key: str | None = None,
) -> Transfer:
    """Offer a booking to `receiver`; an earlier offer of the same booking is withdrawn."""
    key = receipts.scoped(key, actor, "transfer", booking_id)
    with changing(site, now) as change:
        if (done := receipts.find(change, key)) is not None:
            return load_transfer(change, done)
        booking = load_booking(change, booking_id)
        policy.check_may_change(site.cluster, actor, booking)
        check_live(booking, now)
        reason = policy.check_reason(
            actor, booking, reason, example="/gpu transfer B142 @bob alice is on leave"
        )
        check_receiver(change, booking, receiver)
        overtake_transfer(change, actor, booking)
        transfer = _insert(change, actor, booking, receiver, reason)
        record_booking(
            change,
            actor,
            "transfer_offered",
            before=booking,
            after=booking,
            reason=reason,
            receiver=receiver,
        )
        receipts.keep(change, key, transfer.id)
        return transfer


def overtake_transfer(change: Change, actor: Actor, booking: Booking) -> None:
    """Withdraw the open offer of a booking that is offered anew, or given up.

    The record of what overtook it tells people; this one keeps the audit complete.
    """
    transfer = queries.open_transfer(change.connection, booking.id)
    if transfer is None:
        return
    state = describe(booking) | {"receiver": transfer.receiver}
    record(change, actor, "transfer_withdrawn", booking=booking.id, before=state, after=state)
    post_transfer(change, end_transfer(change, transfer, TransferState.WITHDRAWN))


def check_live(booking: Booking, now: datetime) -> None:
    """Raise WrongState when there is nothing left to hand over."""
    if booking.is_over(now):
        raise WrongState(booking=booking_label(booking.id), why=policy.already_over(booking))


def check_receiver(change: Change, booking: Booking, receiver: str) -> None:
    """Raise BadReceiver, or NotAllowed for P0, when `receiver` cannot own the booking."""
    cluster = change.cluster
    if receiver == booking.owner:
        why = N_("it is theirs already.")
    elif not cluster.teams_of(receiver):
        why = N_("this person is not in any team. An admin can add them.")
    else:
        policy.check_priority(cluster, receiver, booking.priority)
        return
    raise BadReceiver(receiver=UserId(receiver), why=Note(why))


def _insert(change: Change, actor: Actor, booking: Booking, receiver: str, reason: str) -> Transfer:
    values: dict[str, Any] = {
        "booking": booking.id,
        "giver": actor.name,
        "receiver": receiver,
        "reason": reason,
        "created_at": change.now,
        "expires_at": min(change.now + TRANSFER_EXPIRES, booking.window.end),
    }
    transfer_id = change.insert(insert(models.Transfer).values(**values))
    transfer = Transfer(id=transfer_id, state=TransferState.OPEN, **values)
    post_transfer(change, transfer)
    return transfer
