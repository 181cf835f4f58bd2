"""What becomes of an offered booking: accepted, declined, withdrawn, or expired."""

from __future__ import annotations

from datetime import datetime
from functools import cache

from sqlalchemy import Connection, Select
from sqlmodel import col

from bot.domain import policy
from bot.domain.actor import GPUBOT, Actor
from bot.domain.booking import Booking, booking_label
from bot.domain.errors import N_, NotAllowed, UserId, WrongState
from bot.domain.job import JobOrder
from bot.domain.notes import Note
from bot.domain.transfer import Transfer, TransferState
from bot.services.activity import answering
from bot.services.change import Change
from bot.services.changing import changing
from bot.services.preemption_rows import announce_preemption, open_preemption
from bot.services.quota import check_quotas
from bot.services.record import post_transfer, record_booking
from bot.services.rows import end_transfer, load_booking, load_transfer, update_booking
from bot.services.site import Site
from bot.services.transfer import check_live, check_receiver
from bot.services.withdraw import leave_moved
from bot.store import models, queries


def accept_transfer(site: Site, actor: Actor, transfer_id: int, *, now: datetime) -> Booking:
    """Take over the booking: its owner becomes the receiver, its team theirs.

    Accepting again what one has accepted changes nothing.
    """
    with changing(site, now) as change:
        transfer = load_transfer(change, transfer_id)
        booking = load_booking(change, transfer.booking)
        _check_receiver_answers(actor, transfer)
        if transfer.state is TransferState.ACCEPTED and booking.owner == actor.name:
            return booking
        _check_open(transfer, now)
        check_live(booking, now)
        check_receiver(change, booking, transfer.receiver)
        team = policy.team_after(change.cluster, booking, transfer.receiver)
        check_quotas(
            change, transfer.receiver, team, booking.window, booking.gpus, besides=booking.id
        )
        _end(change, transfer, TransferState.ACCEPTED)
        # Whoever takes it over needs it, and was not asked whether they do.
        after = update_booking(
            change,
            booking,
            owner=transfer.receiver,
            team=team,
            job=_handed_over(booking.job),
            **answering(booking, change.now),
        )
        record_booking(
            change,
            actor,
            "transferred",
            before=booking,
            after=after,
            reason=transfer.reason,
            tell=(transfer.giver,),
        )
        # A warning is about the GPUs, so whoever has them now gets it.
        if (warned := open_preemption(change, after.id)) is not None:
            announce_preemption(change, warned)
        # What was accepted is the time that it has now, not the one it had before it made room.
        leave_moved(change, after)
        return after


def _handed_over(job: JobOrder | None) -> JobOrder | None:
    """What of its job goes with a booking: a template, which the cluster answers for.

    A command of somebody's own would run with the rights of whoever took the booking over.
    """
    return None if job is None or job.own is not None else job


def decline_transfer(site: Site, actor: Actor, transfer_id: int, *, now: datetime) -> Transfer:
    """Turn the offer down; the booking stays with its owner, who is told."""
    with changing(site, now) as change:
        transfer = load_transfer(change, transfer_id)
        _check_receiver_answers(actor, transfer)
        if transfer.state is TransferState.DECLINED:
            return transfer
        _check_open(transfer, now)
        return _record_end(change, actor, transfer, TransferState.DECLINED)


def withdraw_transfer(
    site: Site, actor: Actor, transfer_id: int, *, reason: str = "", now: datetime
) -> Transfer:
    """Take the offer back before it is answered; somebody else's offer needs a reason."""
    with changing(site, now) as change:
        transfer = load_transfer(change, transfer_id)
        booking = load_booking(change, transfer.booking)
        policy.check_may_change(site.cluster, actor, booking)
        if transfer.state is TransferState.WITHDRAWN:
            return transfer
        _check_open(transfer, now)
        if actor.name != transfer.giver:
            reason = policy.check_reason(
                actor, booking, reason, example="/gpu transfer B142 @carol the plan has changed"
            )
        return _record_end(change, actor, transfer, TransferState.WITHDRAWN, reason)


def expire_transfers(site: Site, *, now: datetime) -> int:
    """Close offers that nobody answered in time; return how many."""
    with changing(site, now) as change:
        rows = change.connection.execute(_due(), {"now": change.now})
        expired = [queries.to_transfer(row) for row in rows]
        for found in expired:
            _record_end(change, GPUBOT, found, TransferState.EXPIRED, N_("nobody answered in time"))
        return len(expired)


def transfers_expire(_site: Site, connection: Connection, now: datetime) -> bool:
    """Whether there are such."""
    return connection.execute(_due(), {"now": now}).first() is not None


@cache
def _due() -> Select[tuple[object, ...]]:
    transfer, now = models.Transfer, queries.instant("now")
    return (
        queries.columns(transfer)
        .where(col(transfer.state) == TransferState.OPEN.value, col(transfer.expires_at) <= now)
        .order_by(col(transfer.id))
    )


def _record_end(
    change: Change, actor: Actor, transfer: Transfer, state: TransferState, reason: str = ""
) -> Transfer:
    booking = load_booking(change, transfer.booking)
    closed = _end(change, transfer, state)
    record_booking(
        change,
        actor,
        f"transfer_{state}",
        before=booking,
        after=booking,
        reason=reason,
        tell=(transfer.giver,),
        receiver=transfer.receiver,
    )
    return closed


def _end(change: Change, transfer: Transfer, state: TransferState) -> Transfer:
    closed = end_transfer(change, transfer, state)
    post_transfer(change, closed)
    return closed


def _check_receiver_answers(actor: Actor, transfer: Transfer) -> None:
    if actor.name != transfer.receiver:
        raise NotAllowed(
            rule=Note(
                N_("This was offered to {receiver}."), {"receiver": UserId(transfer.receiver)}
            ),
            who=Note(N_("Only they can answer.")),
        )


def _check_open(transfer: Transfer, now: datetime) -> None:
    if transfer.is_open(now):
        return
    whys = {
        TransferState.ACCEPTED: N_("is not on offer: the transfer was accepted already."),
        TransferState.DECLINED: N_("is not on offer: the transfer was declined already."),
        TransferState.WITHDRAWN: N_("is not on offer: the transfer was withdrawn."),
    }
    why = whys.get(transfer.state, N_("is not on offer: the transfer expired."))
    raise WrongState(booking=booking_label(transfer.booking), why=Note(why))
