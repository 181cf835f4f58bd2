"""Handing a booking to somebody else, who accepts or declines."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlmodel import col

from bot.domain import policy
from bot.domain.actor import GPUBOT, Actor
from bot.domain.booking import Booking, booking_label
from bot.domain.errors import N_, InputError, NotAllowed, NotFound, UserId, WrongState
from bot.domain.notes import Note
from bot.domain.transfer import TRANSFER_EXPIRES, Transfer, TransferState
from bot.services import receipts
from bot.services.change import Change, changing
from bot.services.quota import check_quotas
from bot.services.record import post, record_booking
from bot.services.rows import end_transfer, load_booking, update_booking
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
    with changing(site, now) as change:
        if (done := receipts.find(change, key)) is not None:
            return _load(change, done)
        booking = load_booking(change, booking_id)
        policy.check_may_change(site.cluster, actor, booking)
        _check_live(booking, now)
        label = booking_label(booking_id)
        policy.check_reason(
            actor, booking, reason, example=f"/gpu transfer {label} @bob alice is on leave"
        )
        _check_receiver(change, booking, receiver)
        overtake_transfer(change, booking)
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


def accept_transfer(
    site: Site, actor: Actor, transfer_id: int, *, now: datetime, key: str | None = None
) -> Booking:
    """Take over the booking: its owner becomes the receiver, its team theirs."""
    with changing(site, now) as change:
        transfer = _load(change, transfer_id)
        booking = load_booking(change, transfer.booking)
        if transfer.state is TransferState.ACCEPTED and actor.name == transfer.receiver:
            return booking
        _check_answer(actor, transfer, now)
        _check_live(booking, now)
        _check_receiver(change, booking, transfer.receiver)
        team = _team_after(change, booking, transfer.receiver)
        check_quotas(
            change, transfer.receiver, team, booking.window, booking.gpus, besides=booking.id
        )
        _end(change, transfer, TransferState.ACCEPTED)
        after = update_booking(change, booking, owner=transfer.receiver, team=team)
        record_booking(
            change,
            actor,
            "transferred",
            before=booking,
            after=after,
            reason=transfer.reason,
            tell=(transfer.giver,),
        )
        receipts.keep(change, key, booking.id)
        return after


def decline_transfer(
    site: Site, actor: Actor, transfer_id: int, *, now: datetime, key: str | None = None
) -> Transfer:
    """Turn the offer down; the booking stays with its owner, who is told."""
    return _close(site, actor, transfer_id, TransferState.DECLINED, now=now, key=key)


def withdraw_transfer(
    site: Site, actor: Actor, transfer_id: int, *, now: datetime, key: str | None = None
) -> Transfer:
    """Take the offer back before it is answered."""
    return _close(site, actor, transfer_id, TransferState.WITHDRAWN, now=now, key=key)


def expire_transfers(site: Site, *, now: datetime) -> int:
    """Close offers that nobody answered in time; return how many."""
    transfer = models.Transfer
    due = (
        queries.columns(transfer)
        .where(col(transfer.state) == TransferState.OPEN.value, col(transfer.expires_at) <= now)
        .order_by(col(transfer.id))
    )
    with site.database.snapshot() as connection:
        if connection.execute(due).first() is None:
            return 0
    with changing(site, now) as change:
        expired = [queries.to_transfer(row) for row in change.connection.execute(due)]
        for found in expired:
            _record_end(change, GPUBOT, found, TransferState.EXPIRED)
        return len(expired)


def overtake_transfer(change: Change, booking: Booking) -> None:
    """Withdraw the open offer of a booking that changes hands otherwise, or is given up."""
    transfer = queries.open_transfer(change.connection, booking.id)
    if transfer is not None:
        _end(change, transfer, TransferState.WITHDRAWN)


def _close(
    site: Site,
    actor: Actor,
    transfer_id: int,
    state: TransferState,
    *,
    now: datetime,
    key: str | None,
) -> Transfer:
    with changing(site, now) as change:
        transfer = _load(change, transfer_id)
        if transfer.state is state:
            return transfer
        if state is TransferState.WITHDRAWN:
            policy.check_may_change(site.cluster, actor, load_booking(change, transfer.booking))
            _check_open(transfer, now)
        else:
            _check_answer(actor, transfer, now)
        closed = _record_end(change, actor, transfer, state)
        receipts.keep(change, key, transfer.id)
        return closed


def _record_end(change: Change, actor: Actor, transfer: Transfer, state: TransferState) -> Transfer:
    booking = load_booking(change, transfer.booking)
    closed = _end(change, transfer, state)
    reason = "nobody answered in time" if state is TransferState.EXPIRED else ""
    tell = () if state is TransferState.WITHDRAWN else (transfer.giver,)
    record_booking(
        change, actor, f"transfer_{state}", before=booking, after=booking, reason=reason, tell=tell
    )
    return closed


def _insert(change: Change, actor: Actor, booking: Booking, receiver: str, reason: str) -> Transfer:
    values: dict[str, Any] = {
        "booking": booking.id,
        "giver": actor.name,
        "receiver": receiver,
        "reason": reason,
        "created_at": change.now,
        "expires_at": min(change.now + TRANSFER_EXPIRES, booking.window.end),
    }
    inserted = change.connection.execute(insert(models.Transfer).values(**values))
    transfer = Transfer(id=inserted.inserted_primary_key[0], state=TransferState.OPEN, **values)
    _post_card(change, transfer)
    return transfer


def _end(change: Change, transfer: Transfer, state: TransferState) -> Transfer:
    closed = end_transfer(change, transfer, state)
    _post_card(change, closed)
    return closed


def _post_card(change: Change, transfer: Transfer) -> None:
    subject = f"transfer:{transfer.id}"
    post(change, "transfer", transfer.receiver, subject, f"{subject}:{transfer.state}")


def _load(change: Change, transfer_id: int) -> Transfer:
    transfer = queries.find_transfer(change.connection, transfer_id)
    if transfer is None:
        raise NotFound(what=Note(N_("such transfer")))
    return transfer


def _check_answer(actor: Actor, transfer: Transfer, now: datetime) -> None:
    if actor.name != transfer.receiver:
        raise NotAllowed(
            rule=Note(
                N_("This was offered to {receiver}."), {"receiver": UserId(transfer.receiver)}
            ),
            who=Note(N_("Only they can answer.")),
        )
    _check_open(transfer, now)


def _check_open(transfer: Transfer, now: datetime) -> None:
    if transfer.is_open(now):
        return
    whys = {
        TransferState.ACCEPTED: N_("the transfer was accepted already."),
        TransferState.DECLINED: N_("the transfer was declined already."),
        TransferState.WITHDRAWN: N_("the transfer was withdrawn."),
    }
    why = whys.get(transfer.state, N_("the transfer expired; nothing was changed."))
    raise WrongState(booking=booking_label(transfer.booking), why=Note(why))


def _check_live(booking: Booking, now: datetime) -> None:
    if booking.is_over(now):
        raise WrongState(
            booking=booking_label(booking.id), why=Note(N_("it is over; nothing was changed."))
        )


def _check_receiver(change: Change, booking: Booking, receiver: str) -> None:
    cluster = change.cluster
    if receiver == booking.owner:
        why = N_("it is theirs already.")
    elif not cluster.teams_of(receiver):
        why = N_("they are not in any team. An admin can add them.")
    else:
        policy.check_priority(cluster, receiver, booking.priority)
        return
    raise BadReceiver(receiver=UserId(receiver), why=Note(why))


def _team_after(change: Change, booking: Booking, receiver: str) -> str:
    """The booking's team if the receiver is in it, else the receiver's first team."""
    teams = change.cluster.teams_of(receiver)
    names = [team.name for team in teams]
    return booking.team if booking.team in names else names[0]
