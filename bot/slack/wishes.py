"""Wishes for GPUs as values: from what is taken, from the waitlist, and from the form's fields."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta

from bot.domain.booking import Booking, Placement, Priority
from bot.domain.errors import N_, Missing
from bot.domain.notes import Note
from bot.domain.request import BookingRequest, FreeRequest
from bot.domain.wait_request import WaitRequest, build_wait
from bot.domain.waitlist import WaitlistEntry
from bot.domain.window import GRACE, Grid, Window, asked_length
from bot.slack import forms
from bot.slack.context import Call, Values
from bot.slack.draft import Draft, compact, length_of, read_draft, worded_draft
from bot.slack.ids import BlockId
from bot.slack.job_draft import JobDraft, job_draft, order_of_draft


def instead_of(request: BookingRequest, grid: Grid) -> WaitRequest:
    """The wish for what was asked for and is taken: from its start, by its end."""
    return WaitRequest(
        shape=request.shape,
        length=asked_length(request.window, grid),
        earliest=request.window.start,
        latest=request.window.end,
        priority=request.priority,
        preemptible=request.preemptible,
        team=request.team,
        purpose=request.purpose,
        job=request.job,
        continues=request.continues,
    )


def whenever(request: BookingRequest, length: timedelta) -> WaitRequest:
    """The wish for the same GPUs for `length`, as soon as there are any."""
    return WaitRequest(
        shape=request.shape,
        length=length,
        earliest=None,
        latest=None,
        priority=request.priority,
        preemptible=request.preemptible,
        team=request.team,
        purpose=request.purpose,
        job=request.job,
        continues=request.continues,
    )


def searched(asked: FreeRequest) -> WaitRequest:
    """The wish for what was looked for and is not free."""
    return WaitRequest(
        shape=asked.shape,
        length=asked.length,
        earliest=asked.not_before,
        latest=None,
        priority=Priority.P2,
        preemptible=Priority.P2.preemptible_by_default,
        team=None,
        purpose="",
    )


def after(booking: Booking, window: Window, grid: Grid) -> WaitRequest:
    """The wish to go on with as many GPUs in `window`, once the booking has ended."""
    return WaitRequest(
        shape=booking.shape,
        length=asked_length(window, grid),
        earliest=window.start,
        latest=window.end,
        priority=booking.priority,
        preemptible=booking.preemptible,
        team=booking.team,
        purpose=booking.purpose,
        job=booking.job,
        continues=None if booking.job is None else booking.id,
    )


def again(entry: WaitlistEntry, now: datetime) -> WaitRequest | None:
    """The wish of an entry, for whoever wants to wait once more; None when its time has passed.

    A new wish may have what the entry was offered in vain.
    """
    if entry.is_queued or max(now, entry.earliest) + entry.length > entry.latest + GRACE:
        return None
    return WaitRequest(
        shape=entry.shape,
        length=entry.length,
        earliest=entry.earliest if entry.earliest > now else None,
        latest=entry.latest,
        priority=entry.priority,
        preemptible=entry.preemptible,
        team=entry.team,
        purpose=entry.purpose,
        job=entry.job,
        continues=entry.continues,
    )


def at(wish: WaitRequest, found: Placement) -> BookingRequest:
    """The booking that grants the wish in the window found."""
    return BookingRequest(
        shape=wish.shape,
        window=found.window,
        priority=wish.priority,
        preemptible=wish.preemptible,
        team=wish.team,
        purpose=wish.purpose,
        job=wish.job,
        continues=wish.continues,
    )


def earlier(wish: WaitRequest, found: Placement, grid: Grid, now: datetime) -> WaitRequest | None:
    """The wish for a window before the one found; None when there is no time for one."""
    latest = found.window.end - grid.slot
    room = latest - max(wish.earliest or now, now) + GRACE
    return replace(wish, latest=latest, notes=()) if room >= wish.length else None


@dataclass(frozen=True, slots=True)
class WishDraft(Draft):
    """What the fields of the form to wait hold; `start` is the earliest one."""

    latest: datetime | None = None


def first_wish(call: Call) -> WishDraft:
    """The draft to begin with: one GPU for a slot, from now on."""
    return WishDraft(length=compact(call.site.cluster.policy.slot))


def wish_draft(wish: WaitRequest | WaitlistEntry, now: datetime) -> WishDraft:
    """The draft that asks for the same; instants that have passed are left open."""
    shape = wish.shape
    return WishDraft(
        gpus=shape.gpus,
        model=shape.model or "",
        node=shape.node or "",
        start=wish.earliest if wish.earliest is not None and wish.earliest > now else None,
        length=compact(wish.length),
        priority=wish.priority,
        preemptible="yes" if wish.preemptible else "no",
        team=wish.team or "",
        purpose=wish.purpose,
        spread=shape.spread,
        job=job_draft(wish.job, wish.continues),
        continues=wish.continues,
        latest=wish.latest if wish.latest is not None and wish.latest > now else None,
    )


def worded_wish(call: Call, text: str) -> WishDraft:
    """The draft that those words of a command give which can be understood."""
    return _with_latest(worded_draft(call, text), None)


def read_wish(values: Values) -> WishDraft:
    """The draft that the form's fields hold."""
    draft = replace(read_draft(values), start=forms.picked_moment(values, BlockId.EARLIEST))
    return _with_latest(draft, forms.picked_moment(values, BlockId.LATEST))


def _with_latest(draft: Draft, latest: datetime | None) -> WishDraft:
    same = {field.name: getattr(draft, field.name) for field in fields(draft)}
    return WishDraft(**same, latest=latest)


def to_wish(call: Call, draft: WishDraft) -> WaitRequest:
    """The wish that the draft makes. Raises InputError at the field it belongs to."""
    if draft.gpus is None:
        what = Note(N_("How many GPUs?"))
        raise Missing(what=what, example="4", form_field=BlockId.GPUS)
    return build_wait(
        gpus=draft.gpus,
        length=length_of(draft.length),
        earliest=draft.start,
        latest=draft.latest,
        node=draft.node or None,
        model=draft.model or None,
        spread=draft.spread,
        priority=draft.priority,
        preemptible={"yes": True, "no": False}.get(draft.preemptible),
        team=draft.team or None,
        purpose=draft.purpose,
        job=order_of_draft(draft.job),
        continues=draft.continues if draft.job != JobDraft() else None,
        now=call.now,
        cluster=call.site.cluster,
    )
