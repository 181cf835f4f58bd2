"""Who may do what, and how much: roles, reasons, lengths and quotas."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from bot.domain.actor import Actor, is_pipeline
from bot.domain.booking import Booking, BookingState, Priority
from bot.domain.cluster import Cluster, Quota, Team
from bot.domain.errors import (
    N_,
    InputError,
    InThePast,
    Missing,
    NotAllowed,
    PastHorizon,
    QuotaExceeded,
    ReasonNeeded,
    TooLong,
    UnknownName,
    UserId,
)
from bot.domain.notes import Note
from bot.domain.window import GRACE, Window, asked_length
from bot.domain.words import LONGEST_TEXT, clean_text

#: Longest reason that is kept, in characters.
LONGEST_REASON = LONGEST_TEXT


class Owned(Protocol):
    """What the right to change a booking depends on."""

    @property
    def owner(self) -> str:
        """Whose it is."""

    @property
    def team(self) -> str:
        """The team it counts for."""

    @property
    def created_by(self) -> str:
        """Who made it: a person, or a pipeline."""


def may_change(cluster: Cluster, actor: Actor, booking: Owned) -> bool:
    """Owners, their team's leads and admins may change a booking; gpubot may by its rules.

    What a pipeline booked is the whole team's: each of its members may change that.
    """
    if actor.is_bot or actor.name == booking.owner or cluster.is_admin(actor.name):
        return True
    team = cluster.team(booking.team)
    if team is None:
        return False
    return actor.name in (team if is_pipeline(booking.created_by) else team.leads)


def check_may_change(cluster: Cluster, actor: Actor, booking: Booking) -> None:
    """Raise NotAllowed unless `actor` may change `booking`."""
    if may_change(cluster, actor, booking):
        return
    team = cluster.team(booking.team)
    able = {booking.owner, *(team.leads if team else ()), *cluster.admins}
    rule = N_("Only its owner, the team's leads and admins may change this booking.")
    if is_pipeline(booking.created_by):
        rule = N_("Only members of its team and admins may change what a pipeline has booked.")
    raise NotAllowed(
        rule=Note(rule),
        who=Note(N_("Ask {people}."), {"people": mentions(able)}),
    )


def check_may_keep(cluster: Cluster, actor: Actor, booking: Booking) -> None:
    """Raise NotAllowed unless `actor` may change `booking` and have GPUs longer, or later.

    Whoever is in no team any more may give up what they have booked, and no more than that.
    """
    check_may_change(cluster, actor, booking)
    check_in_a_team(cluster, actor, booking.team)


def check_in_a_team(cluster: Cluster, actor: Actor, concerned: str) -> None:
    """Raise NotAllowed, naming the leads of the team `concerned`, for people without any team."""
    if actor.is_bot or cluster.teams_of(actor.name) or cluster.is_admin(actor.name):
        return
    team = cluster.team(concerned)
    able = {*(team.leads if team else ()), *cluster.admins}
    raise NotAllowed(
        rule=Note(
            N_("You are not in any team any more: you can only cancel or release what you have.")
        ),
        who=Note(N_("Ask {people}."), {"people": mentions(able)}),
    )


def check_reason(actor: Actor, booking: Booking, reason: str, *, example: str) -> str:
    """The reason as it is kept; a change of somebody else's booking needs one.

    Raises ReasonNeeded or TextTooLong (design: "Who may what").
    """
    kept = clean_text(reason, "reason", LONGEST_REASON)
    if not kept and actor.name != booking.owner:
        raise ReasonNeeded(example=example)
    return kept


def check_admin(cluster: Cluster, actor: Actor) -> None:
    """Raise NotAllowed unless `actor` is an admin."""
    if not actor.is_bot and not cluster.is_admin(actor.name):
        raise not_allowed(cluster, N_("Only admins may take nodes out of service or back."))


def check_priority(cluster: Cluster, user: str, priority: Priority) -> None:
    """P0 is for people with the urgent role (design: "Preemption")."""
    if priority is Priority.P0 and user not in cluster.urgent:
        raise not_allowed(
            cluster, N_("P0 is for people with the urgent role."), form_field="priority"
        )


def check_window(cluster: Cluster, priority: Priority, window: Window, now: datetime) -> Window:
    """The window, beginning no earlier than `now`, if it can be promised at all.

    Buttons and forms wait for people: a start that has just passed (GRACE) means now. Raises
    InThePast, PastHorizon, TooLong, and InputError for a window that is off the grid.
    """
    if window.start < now - GRACE or window.end <= now:
        raise InThePast(start=window.start, now=now)
    latest = now + cluster.policy.horizon
    if window.start > latest:
        raise PastHorizon(start=window.start, horizon=cluster.policy.horizon, latest=latest)
    grid = cluster.grid
    if not grid.is_on(window.end) or (window.start > now and not grid.is_on(window.start)):
        raise InputError(form_field="start")
    longest = cluster.policy.max_length[priority]
    # What was asked for was held against the longest length before it was rounded outward, which
    # makes it up to a slot longer at either end.
    if window.length > longest + 2 * cluster.policy.slot:
        raise TooLong(length=window.length, longest=longest, priority=priority.name)
    return Window(max(window.start, now), window.end)


def check_extension(cluster: Cluster, priority: Priority, window: Window) -> None:
    """Raise TooLong when a booking extended to `window` is longer than its priority allows."""
    longest = cluster.policy.max_length[priority]
    length = asked_length(window, cluster.grid)
    if length > longest:
        raise TooLong(length=length, longest=longest, priority=priority.name)


def already_over(booking: Booking) -> Note:
    """Why nothing can be done with a booking that is over; follows the booking's label."""
    reasons = {
        BookingState.CANCELLED: N_("is cancelled already; nothing was changed."),
        BookingState.PREEMPTED: N_("was preempted; nothing was changed."),
        BookingState.NO_SHOW: N_("was released because nobody used it; nothing was changed."),
    }
    return Note(reasons.get(booking.state, N_("is over already; nothing was changed.")))


def team_for(cluster: Cluster, user: str, name: str | None) -> Team:
    """The team that `user` books for: the one named, or their only one.

    Raises UnknownName, NotAllowed (not their team) or Missing (several to choose from).
    """
    if name is not None:
        return _named_team(cluster, user, name)
    teams = cluster.teams_of(user)
    if not teams:
        raise not_allowed(cluster, N_("You are not in any team yet, so you cannot book."))
    if len(teams) > 1:
        names = ", ".join(team.name for team in teams)
        raise Missing(
            what=Note(
                N_("You are in several teams ({teams}): say which one this is for."),
                {"teams": names},
            ),
            example=f"/gpu reserve 2 tomorrow 22:00 8h team {teams[0].name}",
            form_field="team",
        )
    return teams[0]


def team_after(cluster: Cluster, booking: Booking, receiver: str) -> str:
    """The team a booking belongs to once `receiver` owns it: its own if they are in it.

    Else their first one. Somebody without a team cannot own a booking; then it keeps its team.
    """
    names = [team.name for team in cluster.teams_of(receiver)]
    return booking.team if booking.team in names or not names else names[0]


def _named_team(cluster: Cluster, user: str, name: str) -> Team:
    team = cluster.team(name)
    if team is None:
        known = ", ".join(team.name for team in cluster.teams)
        raise UnknownName(kind="team", name=name, known=known, form_field="team")
    if user not in team and not cluster.is_admin(user):
        raise not_allowed(
            cluster, N_("You can book only for teams that you are in."), form_field="team"
        )
    return team


def check_quota(
    quota: Quota,
    whose: object,
    held: Iterable[Booking],
    wanted: Sequence[tuple[Window, int]],
    *,
    now: datetime,
) -> None:
    """Raise QuotaExceeded when `held` bookings and `wanted` (window, GPUs) break the quota."""
    spans = [(booking.window, booking.gpus) for booking in held] + list(wanted)
    bounds = (
        (quota.open_bookings, len(spans), N_("open bookings")),
        (quota.concurrent_gpus, _peak(spans, wanted), N_("GPUs at once")),
        (quota.gpu_hours_per_week, _hours_ahead(spans, now), N_("GPU-hours in the week ahead")),
    )
    for bound, would_hold, unit in bounds:
        if bound is not None and would_hold > bound:
            raise QuotaExceeded(whose=whose, would_hold=would_hold, unit=Note(unit), bound=bound)


def _peak(spans: Sequence[tuple[Window, int]], within: Sequence[tuple[Window, int]]) -> int:
    """The most GPUs held at one instant of the `within` windows."""
    instants = {window.start for window, _ in spans} | {window.start for window, _ in within}
    relevant = [at for at in instants if any(at in window for window, _ in within)]
    return max((sum(gpus for window, gpus in spans if at in window) for at in relevant), default=0)


def _hours_ahead(spans: Sequence[tuple[Window, int]], now: datetime) -> float:
    """GPU-hours of `spans` within the seven days after `now`."""
    until = now + timedelta(days=7)
    overlaps = ((min(w.end, until) - max(w.start, now), gpus) for w, gpus in spans)
    seconds = sum(max(span.total_seconds(), 0.0) * gpus for span, gpus in overlaps)
    return round(seconds / 3600, 1)


def not_allowed(cluster: Cluster, rule: str, *, form_field: str | None = None) -> NotAllowed:
    """The refusal by `rule`, with the admins as those who can lift it."""
    who = Note(N_("Ask an admin: {admins}."), {"admins": mentions(cluster.admins)})
    return NotAllowed(rule=Note(rule), who=who, form_field=form_field)


def mentions(users: Iterable[str]) -> tuple[UserId, ...]:
    """Those users in a stable order, to be shown as mentions."""
    return tuple(UserId(user) for user in sorted(users))
