"""Audit records about people's teams and roles in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.domain.errors import N_
from bot.services.record import AuditRecord
from bot.slack import phrases
from bot.slack.reader import Mrkdwn, Reader

#: More people than this are counted, not named.
NAMED_PEOPLE = 5


def joined_team(reader: Reader, record: AuditRecord, _actor: object) -> Mrkdwn:
    """People came into a team."""
    after = record.after or {}
    return reader.text(
        N_("{people} joined team {team}"), people=_people(reader, after), team=after["team"]
    )


def left_team(reader: Reader, record: AuditRecord, _actor: object) -> Mrkdwn:
    """Somebody went out of a team."""
    after = record.after or {}
    user = phrases.person(reader, after["user"])
    return reader.text(N_("{user} left team {team}"), user=user, team=after["team"])


def _roles(admin: str, urgent: str, lead: str) -> Callable[[Reader, AuditRecord, object], Mrkdwn]:
    """A sentence about a role that people got or lost, by the role."""

    def say(reader: Reader, record: AuditRecord, _actor: object) -> Mrkdwn:
        after = record.after or {}
        template = {"admin": admin, "urgent": urgent}.get(after["role"], lead)
        return reader.text(template, people=_people(reader, after), team=after["team"])

    return say


def _people(reader: Reader, after: Mapping[str, Any]) -> tuple[object, ...]:
    users = after["users"]
    named = [phrases.person(reader, user) for user in users[:NAMED_PEOPLE]]
    more = len(users) - NAMED_PEOPLE
    return (*named, *((reader.text(N_("{n} more"), n=more),) if more > 0 else ()))


SENTENCES: Mapping[str, Callable[[Reader, AuditRecord, object], Mrkdwn]] = {
    "joined_team": joined_team,
    "left_team": left_team,
    "gained_role": _roles(
        N_("{people} became admin"),
        N_("{people} may book P0"),
        N_("{people} became lead of team {team}"),
    ),
    "lost_role": _roles(
        N_("{people} stopped being admin"),
        N_("{people} may no longer book P0"),
        N_("{people} stopped being lead of team {team}"),
    ),
}
