"""What follows when a directory says that people joined or left: rights, records, a word to leads.

Rights follow by themselves, from the cluster as it is known then. Whoever is in no team any more
also leaves the waitlist, and what they have booked is listed for the leads of the team.
"""

from __future__ import annotations

from bot.domain.actor import GPUBOT
from bot.domain.cluster import Cluster
from bot.domain.errors import N_
from bot.domain.membership import Changes, changes_between
from bot.domain.waitlist import EntryState
from bot.services.change import Change
from bot.services.edit_waitlist import end_entry, withdraw_offer
from bot.services.record import mark_homes_stale, post, record
from bot.store import queries, wait_queries

#: Why a wish ends by itself.
LEFT = N_("its owner is in no team any more")


def tell_changes(change: Change, before: Cluster, after: Cluster) -> None:
    """Record who joined and left between two states, and do what follows from it."""
    found = changes_between(before, after)
    if found == Changes():
        return
    for team, users in found.joined:
        record(change, GPUBOT, "joined_team", after={"team": team, "users": list(users)})
    for action, roles in (("gained_role", found.gained), ("lost_role", found.lost)):
        for one in roles:
            after_it = {"role": one.role.value, "team": one.team, "users": list(one.users)}
            record(change, GPUBOT, action, after=after_it)
    for user, team in found.left:
        _left(change, user, team, after)
    for user in dict.fromkeys(user for user, _ in found.left):
        if not after.teams_of(user):
            _leave_waitlist(change, user)
    mark_homes_stale(change)


def _left(change: Change, user: str, team: str, after: Cluster) -> None:
    seq = record(change, GPUBOT, "left_team", after={"team": team, "user": user})
    if after.teams_of(user):
        return
    if not queries.open_bookings(
        change.connection, after=change.now, owner=user, team=team, limit=1
    ):
        return
    for lead in sorted(_who_decides(after, team)):
        post(change, "left_team", lead, f"left:{seq}", f"left:{seq}:{lead}", audit=seq)


def _who_decides(cluster: Cluster, team: str) -> frozenset[str]:
    """The leads of the team; without any, the admins."""
    found = cluster.team(team)
    return (found.leads if found is not None else frozenset()) or cluster.admins


def _leave_waitlist(change: Change, user: str) -> None:
    for entry in wait_queries.open_entries(change.connection, owner=user):
        waiting = withdraw_offer(change, entry)
        end_entry(change, GPUBOT, waiting, EntryState.LEFT, LEFT)
