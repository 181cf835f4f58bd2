"""What a run has written, down to the line that says why it failed, is its team's business."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.cluster import Cluster
from bot.services.record import AuditRecord

#: Records whose note may be a line that a run wrote.
_QUOTING = frozenset({"run_failed", "run_lost", "run_stopped", "run_succeeded"})


def may_read_output(cluster: Cluster, user: str, *, owner: str, team: str) -> bool:
    """Whether `user` may read what runs of that owner's booking write: the team, and admins."""
    found = cluster.team(team)
    is_of_team = found is not None and user in found
    return user == owner or is_of_team or cluster.is_admin(user)


def as_read_by(cluster: Cluster, user: str, record: AuditRecord) -> AuditRecord:
    """The record, without what a run wrote where that is not for `user`."""
    after = record.after or {}
    if record.action not in _QUOTING or not after.get("note"):
        return record
    owner, team = str(after.get("owner", "")), str(after.get("team", ""))
    if may_read_output(cluster, user, owner=owner, team=team):
        return record
    return replace(record, after={**after, "note": ""})
