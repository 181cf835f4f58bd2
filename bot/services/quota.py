"""Quotas, checked against what is held in the same transaction."""

from __future__ import annotations

from bot.domain import policy
from bot.domain.errors import N_, UserId
from bot.domain.notes import Note
from bot.domain.window import Window
from bot.services.change import Change
from bot.store import queries


def check_quotas(
    change: Change, user: str, team: str, window: Window, gpus: int, *, besides: int | None = None
) -> None:
    """Raise QuotaExceeded when `gpus` GPUs for `window` break the quota of user or team.

    `besides` is a booking not to count, because the window replaces it.
    """
    rules = change.cluster.policy
    whose_team = Note(N_("team {team}"), {"team": team})
    for quota, whose, owner, of_team in (
        (rules.user_quota, UserId(user), user, None),
        (rules.team_quota, whose_team, None, team),
    ):
        if quota.is_set:
            held = queries.open_bookings(
                change.connection, after=change.now, owner=owner, team=of_team
            )
            others = [booking for booking in held if booking.id != besides]
            policy.check_quota(quota, whose, others, [(window, gpus)], now=change.now)
