"""What preemptees are told: the warning to those who run, and where the others were moved to.

Both are living messages in the team's channel and at the owner. They always say what holds when
they are rendered, and end as the record of what became of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from bot.domain.booking import Booking, BookingState, Share
from bot.domain.errors import N_, NotFound, UserId
from bot.domain.preemption_notice import Preemption, PreemptionState
from bot.domain.request import BookingRequest
from bot.domain.wait_request import WaitRequest, default_latest
from bot.services.look import get_booking
from bot.services.look_waiting import get_preemption, open_warnings
from bot.services.site import Site
from bot.slack import phrases
from bot.slack.blocks.bookings import give_up_form_button
from bot.slack.blocks.build import actions, button, context, message
from bot.slack.blocks.waitlist import join_button
from bot.slack.context import Block, Message
from bot.slack.ids import ActionId
from bot.slack.payload import pack, pack_requests
from bot.slack.reader import Mrkdwn, Reader
from bot.slack.wishes import instead_of

if TYPE_CHECKING:
    from bot.slack.announcements import Row

#: How the subject of the last reminder before `reclaim_at` begins.
LAST_REMINDER = "reclaim"


@dataclass(frozen=True, slots=True)
class Scene:
    """A preemption, who takes part in it, and who reads of it."""

    site: Site
    reader: Reader
    now: datetime
    preemption: Preemption
    #: The booking that gives way.
    booking: Booking
    #: Who owns the urgent work.
    taker: str

    @property
    def was_running(self) -> bool:
        """Whether the booking ran when its GPUs were asked for, so that it got a warning."""
        return self.preemption.old_window.start <= self.preemption.created_at

    @property
    def yours(self) -> bool:
        """Whether the reader is the one who gives way."""
        return self.reader.user == self.booking.owner

    def said(self, to_owner: str, to_others: str, **fields: object) -> Mrkdwn:
        """One of two sentences: to the owner, or to others with `{owner}` in it, called."""
        template = to_owner if self.yours else to_others
        return self.reader.text(template, owner=UserId(self.booking.owner), **fields)


def told_to_preemptee(row: Row, site: Site, now: datetime, reader: Reader) -> Message:
    """The message to whoever gives way, by where it stands."""
    scene = _scene(row, site, now, reader)
    preemption, reader = scene.preemption, scene.reader
    match preemption.state:
        case PreemptionState.WARNED:
            last = row.subject.startswith(LAST_REMINDER)
            warned = [_warned(scene, last=last), *_more_time_had(scene)]
            buttons = [*_answers(scene), *_again_buttons(scene)]
            return _told(scene, reader.sentences(*warned), buttons)
        case PreemptionState.RELEASED | PreemptionState.RECLAIMED | PreemptionState.WITHDRAWN:
            return _told(scene, _outcome(scene), _again_buttons(scene))
        case _ if scene.was_running:
            return _told(scene, _overtaken(scene), [])
        case _ if scene.booking.state is BookingState.PREEMPTED and preemption.new_window is None:
            return _told(scene, _lost(scene), _after_loss(scene))
        case _:
            settled = _how_the_move_ended(scene)
            lines = [_made_room(scene), *settled]
            return _told(scene, "\n".join(lines), [] if settled else _choices(scene))


def warnings_of(site: Site, bookings: Iterable[Booking], now: datetime) -> dict[int, Preemption]:
    """The open warnings of those bookings that run, by booking."""
    running = [booking.id for booking in bookings if booking.is_running(now)]
    return open_warnings(site, running) if running else {}


def time_left(reader: Reader, until: datetime, now: datetime) -> Mrkdwn:
    """As in "in 30 minutes", "in 20 h", "now"."""
    seconds = (until - now).total_seconds()
    minutes = -int(-seconds // 60)
    if minutes <= 0:
        return reader.text(N_("now"))
    if minutes >= 120:
        return reader.text(N_("in {length}"), length=until - now)
    return reader.many("in {n} minute", "in {n} minutes", minutes)


def _scene(row: Row, site: Site, now: datetime, reader: Reader) -> Scene:
    preemption = get_preemption(site, int(row.subject.partition(":")[2]))
    booking = get_booking(site, preemption.preemptee)
    taker = get_booking(site, preemption.preemptor).owner
    return Scene(site, reader, now, preemption, booking, taker)


def _warned(scene: Scene, *, last: bool) -> Mrkdwn:
    reader, preemption = scene.reader, scene.preemption
    alone = sum(share.gpus for share in _shares(scene)) == 1
    said = scene.said(
        *(WARNING_OF_ONE if alone else WARNING),
        gpus=_gpus(scene),
        at=reader.clock(preemption.reclaim_at, scene.now),
        left=time_left(reader, preemption.reclaim_at, scene.now),
        taker=phrases.person(reader, scene.taker),
        because=phrases.because(reader, preemption.reason),
    )
    sign = N_(":alarm_clock: {said}") if last else N_(":warning: {said}")
    return reader.text(sign, said=said)


#: The warning to the owner, and to others.
WARNING = (
    N_(
        "You are using {gpus}; they will be reclaimed at {at} ({left}) for urgent work of "
        "{taker}{because}. Please save a checkpoint."
    ),
    N_(
        "{owner} is using {gpus}; they will be reclaimed at {at} ({left}) for urgent work of "
        "{taker}{because}. Please save a checkpoint."
    ),
)
WARNING_OF_ONE = (
    N_(
        "You are using {gpus}; it will be reclaimed at {at} ({left}) for urgent work of "
        "{taker}{because}. Please save a checkpoint."
    ),
    N_(
        "{owner} is using {gpus}; it will be reclaimed at {at} ({left}) for urgent work of "
        "{taker}{because}. Please save a checkpoint."
    ),
)


def _gpus(scene: Scene) -> str:
    """What is at stake: "4 GPUs on gpu-03"; plain text."""
    shares = _shares(scene)
    count = sum(share.gpus for share in shares)
    return scene.reader.plain(
        N_("{what} on {where}"),
        what=scene.reader.many_plain("{n} GPU", "{n} GPUs", count),
        where=phrases.nodes(scene.reader, shares),
    )


def _shares(scene: Scene) -> tuple[Share, ...]:
    """What the preemptee had; while it is warned, less what it gave back meanwhile."""
    warned = scene.preemption.state is PreemptionState.WARNED and scene.booking.state.is_live
    return scene.booking.shares if warned else scene.preemption.old_shares


def _more_time_had(scene: Scene) -> list[Mrkdwn]:
    if not scene.preemption.extended:
        return []
    extra = scene.site.cluster.policy.extra_time
    return [scene.reader.text(N_("This includes {length} of extra time."), length=extra)]


def _answers(scene: Scene) -> list[Block]:
    """What the holder can do before the GPUs are reclaimed."""
    reader, preemption, value = scene.reader, scene.preemption, str(scene.preemption.id)
    release = reader.plain("Checkpoint saved: release now")
    found = [button(release, ActionId.RELEASE_NOW, value, style="primary")]
    extra = scene.site.cluster.policy.extra_time
    if extra and not preemption.extended and scene.now < preemption.reclaim_at:
        minutes = round(extra.total_seconds() / 60)
        caption = reader.many_plain("Need {n} more minute", "Need {n} more minutes", minutes)
        found.append(button(caption, ActionId.MORE_TIME, value))
    return found


def _again_buttons(scene: Scene) -> list[Block]:
    """*Book me again*, as long as something was lost and nothing was booked for it."""
    preemption = scene.preemption
    lost = preemption.state in (
        PreemptionState.WARNED,
        PreemptionState.RELEASED,
        PreemptionState.RECLAIMED,
    )
    if preemption.again is not None or not lost:
        return []
    caption = scene.reader.plain("Book me again")
    return [button(caption, ActionId.BOOK_AGAIN, str(preemption.id))]


def _again_line(scene: Scene) -> list[Mrkdwn]:
    """What was booked for what was lost, as long as it was not given to somebody else."""
    if scene.preemption.again is None:
        return []
    try:
        again = get_booking(scene.site, scene.preemption.again)
    except NotFound:
        return []
    if again.is_over(scene.now) or again.owner != scene.booking.owner:
        return []
    line = phrases.line(scene.reader, scene.site.cluster, again)
    return [scene.reader.text(N_("Booked again: {line}"), line=line)]


def _outcome(scene: Scene) -> Mrkdwn:
    """What became of it."""
    state, ended = scene.preemption.state, scene.preemption.reclaim_at
    sentences = OUTCOMES.get(state) or _called_off(scene)
    if state is PreemptionState.RELEASED:
        ended = scene.booking.window.end
    return scene.said(
        *sentences,
        label=phrases.label(scene.booking),
        gpus=_gpus(scene),
        at=scene.reader.clock(ended, scene.now),
        window=phrases.promised(scene.booking),
        end=phrases.promised(scene.booking).end,
    )


def _called_off(scene: Scene) -> tuple[str, str]:
    if scene.booking.is_over(scene.now):
        return CALLED_OFF, CALLED_OFF
    if scene.was_running and scene.booking.is_running(scene.now):
        return KEEPS
    return BACK if scene.preemption.is_all_in(phrases.promised(scene.booking)) else PARTLY_BACK


def _overtaken(scene: Scene) -> Mrkdwn:
    """It went another way than warned of."""
    said = OVER if scene.booking.is_over(scene.now) else STOPS
    end, label = scene.booking.window.end, phrases.label(scene.booking)
    return scene.reader.text(said, label=label, end=end)


#: What a message says once it is settled: to the owner, and to others.
OUTCOMES = {
    PreemptionState.RELEASED: (
        N_(":white_check_mark: {label}: you gave {gpus} back early, at {at}. Thank you!"),
        N_(":white_check_mark: {label}: {owner} gave {gpus} back early, at {at}. Thank you!"),
    ),
    PreemptionState.RECLAIMED: (
        N_("{label}: your {gpus} were reclaimed at {at} for urgent work."),
        N_("{label} of {owner}: {gpus} were reclaimed at {at} for urgent work."),
    ),
}
KEEPS = (
    N_(":white_check_mark: You keep {gpus} until {end}: the urgent work was called off ({label})."),
    N_(
        ":white_check_mark: {owner} keeps {gpus} until {end}: the urgent work was called off "
        "({label})."
    ),
)
BACK = (
    N_(":white_check_mark: {label} has everything back, {window}: the urgent work was called off."),
    N_(
        ":white_check_mark: {label} of {owner} has everything back, {window}: the urgent work was "
        "called off."
    ),
)
PARTLY_BACK = (
    N_(":white_check_mark: {label} has {window} back: the urgent work was called off."),
    N_(":white_check_mark: {label} of {owner} has {window} back: the urgent work was called off."),
)
CALLED_OFF = N_("{label}: the urgent work was called off.")
OVER = N_("{label} ended before its GPUs were needed.")
STOPS = N_("{label} runs until {end}; after that its GPUs are promised to somebody else.")


def _made_room(scene: Scene) -> Mrkdwn:
    preemption, reader = scene.preemption, scene.reader
    window = preemption.new_window or scene.booking.window
    return scene.said(
        N_(
            "Your {label} had to make room for urgent work of {taker}{because}. It is kept for "
            "you: it starts {new} instead of {old}. {rest}"
        ),
        N_(
            "{owner}: {label} had to make room for urgent work of {taker}{because}. It is kept "
            "for you: it starts {new} instead of {old}. {rest}"
        ),
        label=phrases.label(scene.booking),
        taker=phrases.person(reader, scene.taker),
        because=phrases.because(reader, preemption.reason),
        new=window.start,
        old=preemption.old_window.start,
        rest=_what_else_changes(scene),
    )


def _what_else_changes(scene: Scene) -> Mrkdwn:
    old, new = scene.preemption.old_shares, scene.booking.shares
    if old == new:
        return scene.reader.text(N_("Nothing else changes."))
    lies = phrases.nodes(scene.reader, new)
    return scene.reader.text(N_("It lies on {nodes} now; nothing else changes."), nodes=lies)


def _how_the_move_ended(scene: Scene) -> list[Mrkdwn]:
    """What became of the new time; nothing while the owner may still choose."""
    booking, reader = scene.booking, scene.reader
    if booking.is_over(scene.now):
        ended = phrases.state(reader, booking, scene.now)
        return [reader.text(N_("*{label}: {state}*"), label=phrases.label(booking), state=ended)]
    if booking.window != scene.preemption.new_window:
        return [reader.text(N_("*Its time is now {window}.*"), window=booking.window)]
    asked = scene.preemption.state is PreemptionState.MOVED and not scene.preemption.kept
    if not asked or booking.is_running(scene.now):
        return [reader.text(N_("*The new time is kept.*"))]
    return []


def _choices(scene: Scene) -> list[Block]:
    reader, value = scene.reader, pack(scene.booking.id)
    keep = reader.plain("Keep the new time")
    return [
        button(keep, ActionId.KEEP_TIME, str(scene.preemption.id), style="primary"),
        button(reader.plain("Choose another time…"), ActionId.MOVE, value),
        give_up_form_button(reader, scene.booking, scene.now),
    ]


def _lost(scene: Scene) -> Mrkdwn:
    preemption, reader = scene.preemption, scene.reader
    return scene.said(
        N_(
            "Your {label}, {held}, {window}, had to make room for urgent work of {taker}{because}, "
            "and no other window that fits is free within {horizon}. I am sorry."
        ),
        N_(
            "{owner}: {label}, {held}, {window}, had to make room for urgent work of "
            "{taker}{because}, and no other window that fits is free within {horizon}. I am sorry."
        ),
        label=phrases.label(scene.booking),
        held=phrases.held(reader, scene.site.cluster, preemption.old_shares),
        window=preemption.old_window,
        taker=phrases.person(reader, scene.taker),
        because=phrases.because(reader, preemption.reason),
        horizon=scene.site.cluster.policy.horizon,
    )


def _after_loss(scene: Scene) -> list[Block]:
    """Waiting for the same, or booking something like it."""
    booking, cluster, reader = scene.booking, scene.site.cluster, scene.reader
    window = scene.preemption.old_window
    if window.end <= scene.now or booking.shape.gpus > cluster.gpus:
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
    again = button(reader.plain("Book again…"), ActionId.RESERVE, pack_requests([request]))
    return [join_button(reader, _wish(scene, request)), again]


def _wish(scene: Scene, request: BookingRequest) -> WaitRequest:
    """The lost window, or a later one as long as one usually waits, but none out of reach."""
    cluster, now = scene.site.cluster, scene.now
    wish = instead_of(request, cluster.grid)
    usual = default_latest(wish.earliest, now, wish.length)
    reach = cluster.grid.floor(now + cluster.policy.horizon)
    return replace(wish, latest=max(request.window.end, min(usual, reach)))


def _told(scene: Scene, said: str, buttons: list[Block]) -> Message:
    text = Mrkdwn("\n".join([said, *_again_line(scene)]))
    reply = message(text, *_small_print(scene), actions(*buttons))
    return Message(reply.text, reply.blocks, living=True)


def _small_print(scene: Scene) -> list[Block]:
    """Which booking it is about, while it can still be answered."""
    if scene.preemption.state is not PreemptionState.WARNED:
        return []
    said = scene.reader.text(
        N_("{label}, booked until {end}"),
        label=phrases.label(scene.booking),
        end=scene.preemption.old_window.end,
    )
    return [context(said)]
