"""Direct messages about somebody else's act: what, who, why, and what one can do now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from bot.domain.booking import Booking
from bot.domain.cluster import Cluster
from bot.domain.errors import N_
from bot.domain.request import BookingRequest
from bot.services.record import AuditRecord
from bot.slack import phrases
from bot.slack.blocks import history
from bot.slack.blocks.bookings import give_up_form_button
from bot.slack.blocks.build import actions, button, message
from bot.slack.blocks.recorded import window_of
from bot.slack.context import Block, Reply
from bot.slack.ids import ActionId
from bot.slack.payload import pack, pack_requests
from bot.slack.reader import Mrkdwn, Reader

#: What the reader may want to know beside the bare fact.
ADVICE: Mapping[str, str] = {
    "stranded": N_("It could not move to another node: move it to another time, or cancel it."),
    "transfer_declined": N_("It stays yours. You can offer it to somebody else."),
    "transfer_withdrawn": N_("It stays yours."),
    "transfer_expired": N_("It stays yours. You can offer it to somebody else."),
    "displaced": N_("Its time has not changed, and there is nothing you need to do."),
}
#: A drain under a running booking takes nothing away from it.
STILL_RUNNING = N_("It keeps its GPUs until it ends; the node takes no new work.")


def notice(
    reader: Reader, cluster: Cluster, booking: Booking, record: AuditRecord, now: datetime
) -> Reply:
    """The message for somebody whom the change in `record` concerns."""
    lines = [
        reader.text(
            N_("{line}\n{what}"),
            line=phrases.line(reader, cluster, booking),
            what=history.sentence(reader, record),
        ),
        *_advice(reader, booking, record, now),
    ]
    buttons = _next_steps(reader, cluster, booking, record, now)
    return message("\n".join(lines), actions(*buttons))


def _advice(reader: Reader, booking: Booking, record: AuditRecord, now: datetime) -> list[Mrkdwn]:
    if record.action == "stranded" and booking.is_running(now):
        return [reader.text(STILL_RUNNING)]
    # Who offered it for its owner is told too, but it is not theirs.
    if record.action.startswith("transfer_") and booking.owner != reader.user:
        return []
    advice = ADVICE.get(record.action)
    return [] if advice is None else [reader.text(advice)]


def _next_steps(
    reader: Reader, cluster: Cluster, booking: Booking, record: AuditRecord, now: datetime
) -> list[Block]:
    value = pack(booking.id)
    show = button(reader.plain("Show"), ActionId.SHOW, value)
    if booking.owner != reader.user:
        return [show]
    if booking.is_over(now):
        return [*_again(reader, cluster, booking, record, now), show]
    buttons = []
    if record.action in ("stranded", "displaced", "moved") and booking.is_upcoming(now):
        buttons.append(button(reader.plain("Move…"), ActionId.MOVE, value))
    if record.action in ("transfer_declined", "transfer_expired"):
        buttons.append(button(reader.plain("Transfer…"), ActionId.TRANSFER, value))
    return [*buttons, give_up_form_button(reader, booking, now), show]


def _again(
    reader: Reader, cluster: Cluster, booking: Booking, record: AuditRecord, now: datetime
) -> list[Block]:
    """Booking the same again, for what was taken away before its time was over."""
    window = window_of(record.before or {})
    if window.end <= now or booking.shape.gpus > cluster.gpus:
        return []
    request = BookingRequest(
        shape=booking.shape,
        window=window,
        priority=booking.priority,
        preemptible=booking.preemptible,
        team=booking.team,
        purpose=booking.purpose,
        job=booking.job,
        continues=None if booking.job is None else booking.id,
    )
    return [button(reader.plain("Book again…"), ActionId.RESERVE, pack_requests([request]))]
