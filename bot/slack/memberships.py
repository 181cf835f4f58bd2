"""What leads and operators are told of directories: who left, and what cannot be read."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from bot.domain.booking import Booking
from bot.domain.errors import N_, UserId
from bot.domain.membership import Source
from bot.services import look
from bot.services.directory import SourceState, source_state
from bot.services.site import Site
from bot.slack import phrases
from bot.slack.blocks.bookings import give_up_form_button
from bot.slack.blocks.build import actions, button, section, told
from bot.slack.context import Block, Message
from bot.slack.ids import ActionId
from bot.slack.payload import pack
from bot.slack.reader import Mrkdwn, Reader

if TYPE_CHECKING:
    from bot.slack.announcements import Row

#: More bookings than this are counted, not listed: a message holds 50 blocks.
LISTED = 20


def left_team(row: Row, site: Site, now: datetime, reader: Reader) -> Message | None:
    """To a lead: what somebody still holds who is in no team any more; None when nothing."""
    after = look.get_audit(site, int(row.data["audit"])).after or {}
    user, team = str(after["user"]), str(after["team"])
    if site.cluster.teams_of(user):
        return None
    held = [one for one in look.bookings_of(site, user, now=now) if one.team == team]
    if not held:
        return None
    said = reader.many(
        "{user} is in no team any more and has left {n} booking for team {team}. It stays until "
        "somebody takes it over or gives it up:",
        "{user} is in no team any more and has left {n} bookings for team {team}. They stay "
        "until somebody takes them over or gives them up:",
        len(held),
        user=UserId(user),
        team=team,
    )
    listed = [block for one in held[:LISTED] for block in _row(site, reader, one, now)]
    if (more := len(held) - LISTED) > 0:
        listed.append(section(reader.many("… and {n} more.", "… and {n} more.", more)))
    reply = told(said, section(said), *listed)
    return Message(reply.text, reply.blocks)


def trouble(row: Row, site: Site, _now: datetime, reader: Reader) -> Message:
    """To the operators: that a directory cannot be read, and then that it can again."""
    _, source, outage = row.subject.split(":")
    state = source_state(site, Source(source))
    said = _over(reader, state)
    if int(outage) == state.outages and state.problem is not None:
        said = _cannot_be_read(reader, state, state.problem)
    reply = told(said, section(said))
    return Message(reply.text, reply.blocks, living=True)


def _row(site: Site, reader: Reader, booking: Booking, now: datetime) -> tuple[Block, ...]:
    transfer = button(reader.plain("Transfer…"), ActionId.TRANSFER, pack(booking.id))
    line = phrases.joined(
        phrases.line(reader, site.cluster, booking), phrases.purpose(reader, booking.purpose)
    )
    return (section(line), actions(transfer, give_up_form_button(reader, booking, now)))


def _cannot_be_read(reader: Reader, state: SourceState, problem: str) -> Mrkdwn:
    said = N_(
        ":warning: {source} cannot be read since {since}: {problem}. Nobody's rights change "
        "meanwhile."
    )
    read = N_("Who is in which team was read last {at}.")
    return reader.sentences(
        reader.text(
            said, source=_name(reader, state.source), since=state.problem_since, problem=problem
        ),
        reader.text(read, at=state.read_at) if state.read_at else Mrkdwn(""),
    )


def _over(reader: Reader, state: SourceState) -> Mrkdwn:
    said = N_("{source} can be read again; it could not since {since}.")
    if state.is_given_up:
        said = N_(
            ":heavy_minus_sign: {source} is read no longer, as the configuration names no group "
            "of it. It could not be read since {since}."
        )
    return reader.text(
        said,
        source=_name(reader, state.source),
        since=state.problem_since,
    )


def _name(reader: Reader, source: Source) -> str:
    return "LDAP" if source is Source.LDAP else reader.plain(N_("User groups in Slack"))
