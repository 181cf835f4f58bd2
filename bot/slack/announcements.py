"""From an outbox row to the message that tells of it: channel posts, thread lines, direct messages.

Rendering happens when the row's turn comes, from what holds then: a living message always shows
the present state, and a row that no longer holds gives None and is skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from bot.domain.booking import Booking, booking_label
from bot.domain.cluster import Cluster, Team
from bot.domain.drain import DrainState
from bot.domain.errors import N_, NotFound, UserId
from bot.domain.transfer import Transfer, TransferState
from bot.services import look, people
from bot.services.look_runs import latest_run
from bot.services.outages import CLOCK
from bot.services.record import AuditRecord
from bot.services.site import Site
from bot.slack import (
    digests,
    gpu_alerts,
    memberships,
    offers,
    phrases,
    pipelines,
    preemptions,
    reminders,
    runs,
)
from bot.slack.blocks import history, notices
from bot.slack.blocks.bookings import card, struck_card
from bot.slack.blocks.build import actions, button, message, with_line
from bot.slack.blocks.run_history import log_link
from bot.slack.context import Message, Reply
from bot.slack.ids import ActionId
from bot.slack.reader import Mrkdwn, Reader

_MINUTE = timedelta(minutes=1)

#: How many records of a booking are looked through for what ended it.
LOOKED_BACK = 10
#: What is recorded after that: its open offer is withdrawn, its run ends, its log is kept.
AFTERWARDS = frozenset(
    {
        "transfer_withdrawn", "rebooked", "checkpoint_seen",
        "run_failed", "run_lost", "run_stopped", "run_trouble", "log_kept",
    }
)  # fmt: skip


class Row(Protocol):
    """What an outbox row says; see bot/store/models/messages.py."""

    @property
    def recipient(self) -> str:
        """A channel or user id."""

    @property
    def subject(self) -> str:
        """What it is about: "booking:142", "transfer:7", "drain:3"."""

    @property
    def data(self) -> Mapping[str, Any]:
        """What the renderer needs besides."""


def render(
    topic: str, row: Row, site: Site, now: datetime, reader: Reader | None = None
) -> Message | None:
    """The message of a row, for `reader` (None: found by its recipient); None: skip it."""
    try:
        return TOPICS[topic](row, site, now, reader or reader_of(site, row.recipient))
    except NotFound:
        return None


def reader_of(site: Site, recipient: str) -> Reader:
    """Who reads what is sent there: a person as far as known, else a channel's public."""
    if not recipient.startswith(("U", "W")):
        # Names, because a mention in a channel would call people about what they just did.
        return replace(Reader.of_channel(site.cluster), name_of=lambda user: _name(site, user))
    person = people.get_person(site, recipient)
    if person is None:
        return Reader.of_channel(site.cluster, recipient)
    return Reader.of_person(person, site.cluster)


def _name(site: Site, user: str) -> str:
    person = people.get_person(site, user)
    return user if person is None else person.name


def _card(row: Row, site: Site, now: datetime, reader: Reader) -> Message | None:
    """The living message of a booking in its team's channel."""
    booking = look.get_booking(site, _number(row))
    other_team = _moved_on(site.cluster, booking, row.recipient)
    if other_team is not None:
        what = reader.text(N_("now belongs to team {team}"), team=other_team.name)
        return _living(struck_card(reader, site.cluster, booking, what))
    if booking.is_over(now):
        return _living(
            struck_card(reader, site.cluster, booking, _how_it_ended(site, booking, reader))
        )
    warned = preemptions.warnings_of(site, [booking], now).get(booking.id)
    shown = card(reader, site.cluster, booking, look.drained_nodes(site), now, warned)
    run = latest_run(site, booking.id)
    return _living(shown if run is None else with_line(shown, runs.run_line(reader, site, run)))


def _moved_on(cluster: Cluster, booking: Booking, channel: str) -> Team | None:
    """The booking's team when this is the channel of another team, which had it before."""
    team = cluster.team(booking.team)
    reads_here = any(t.channel == channel for t in cluster.teams)
    return team if team is not None and team.channel != channel and reads_here else None


def _how_it_ended(site: Site, booking: Booking, reader: Reader) -> Mrkdwn:
    """The last thing that was done to it, where that is what ended it; and its run's log."""
    records = look.history(site, booking.id, limit=LOOKED_BACK)
    acts = [record for record in records if record.action not in AFTERWARDS]
    said = reader.text(N_("ended"))
    if not booking.state.is_live and acts and acts[-1].action != "ended":
        said = history.sentence(reader, acts[-1])
    run = latest_run(site, booking.id)
    return said if run is None or not run.log else phrases.joined(said, log_link(reader, run.log))


def _event(row: Row, site: Site, _now: datetime, reader: Reader) -> Message | None:
    """One line in the thread of the booking's card."""
    record = look.get_audit(site, int(row.data["audit"]))
    return Message(text=history.sentence(reader, record), thread_of=row.subject)


def _notice(row: Row, site: Site, now: datetime, reader: Reader) -> Message | None:
    """A direct message because somebody else's act concerns its reader."""
    record = look.get_audit(site, int(row.data["audit"]))
    booking = look.get_booking(site, _number(row))
    if _told_by_its_own_message(record, row.recipient):
        return None
    return _plain(notices.notice(reader, site.cluster, booking, record, now))


def _told_by_its_own_message(record: AuditRecord, user: str) -> bool:
    """The receiver of a transfer has a message with the buttons to answer, which tells it all."""
    offered = record.action == "transfer_offered"
    return offered and (record.after or {}).get("receiver") == user


def _transfer(row: Row, site: Site, now: datetime, reader: Reader) -> Message | None:
    """The receiver's living message: accept or decline, then what became of it."""
    transfer = look.get_transfer(site, _number(row))
    booking = look.get_booking(site, transfer.booking)
    about = reader.text(
        N_("{giver} offers to hand this over to you{because}\n{line}"),
        giver=UserId(transfer.giver),
        line=phrases.line(reader, site.cluster, booking),
        because=phrases.because(reader, transfer.reason),
    )
    if not transfer.is_open(now):
        outcome = reader.text(OUTCOMES[transfer.state])
        return _living(message(f"{about}\n{outcome}"))
    lines = [
        about,
        phrases.other_team(reader, site.cluster, booking, transfer),
        reader.text(N_("Please answer until {expires}."), expires=transfer.expires_at),
    ]
    asked = "\n".join(line for line in lines if line)
    return _living(message(asked, actions(*_answers(reader, transfer))))


def _answers(reader: Reader, transfer: Transfer) -> list[dict[str, Any]]:
    value = str(transfer.id)
    label = booking_label(transfer.booking)
    accept = reader.plain(N_("Accept {label}"), label=label)
    return [
        button(accept, ActionId.TRANSFER_ACCEPT, value, style="primary"),
        button(reader.plain("Decline"), ActionId.TRANSFER_DECLINE, value),
        button(reader.plain("Show"), ActionId.SHOW, str(transfer.booking)),
    ]


#: What a transfer's message says once it is settled.
OUTCOMES = {
    TransferState.OPEN: N_("*The offer has expired.*"),
    TransferState.ACCEPTED: N_("*You accepted: it is yours.*"),
    TransferState.DECLINED: N_("*You declined.*"),
    TransferState.WITHDRAWN: N_("*The offer was withdrawn.*"),
    TransferState.EXPIRED: N_("*The offer has expired.*"),
}


def _node(row: Row, site: Site, now: datetime, reader: Reader) -> Message | None:
    """The living message about a drain in the operators' channel."""
    drain = look.get_drain(site, _number(row))
    if drain.state is DrainState.RESUMED or not drain.is_active(now):
        return _living(message(reader.text(N_("*{node}* is back in service."), node=drain.node)))
    said = reader.text(
        N_("{actor} took *{node}* out of service {until}{because}"),
        actor=phrases.actor_name(reader, drain.actor),
        node=drain.node,
        until=_until(reader, drain.end),
        because=phrases.because_of_drain(reader, drain),
    )
    resume = button(reader.plain(N_("Resume {node}"), node=drain.node), ActionId.RESUME, drain.node)
    return _living(message(said, actions(resume)))


def _away(row: Row, _site: Site, _now: datetime, reader: Reader) -> Message | None:
    """To the operators, after a time in which nobody was served."""
    since, until = (datetime.fromisoformat(row.data[name]) for name in ("since", "until"))
    return Message(
        reader.text(
            N_(
                "gpubot was away from {since} to {until} ({length}). What was due meanwhile is "
                "done now, late; offers and questions that nobody could answer start anew."
            ),
            since=since,
            until=until,
            length=(until - since) // _MINUTE * _MINUTE,
        )
    )


def _outage(row: Row, _site: Site, _now: datetime, reader: Reader) -> Message:
    """The operators' living message about a server on which not all can be done, or a clock."""
    since, until = datetime.fromisoformat(row.data["since"]), row.data["until"]
    name = row.data["server"]
    is_clock = name.startswith(CLOCK)
    begun, over = _CLOCK_WORDS if is_clock else _SERVER_WORDS
    server = name.removeprefix(CLOCK) if is_clock else name.capitalize()
    fields = {"server": server, "since": since, "why": row.data["why"]}
    if until is None:
        return _living(message(reader.text(begun, **fields)))
    if row.data.get("unwatched"):
        over = _NO_LONGER_THERE if is_clock else _NO_LONGER_WATCHED
    return _living(message(reader.text(over, **fields, until=datetime.fromisoformat(until))))


_SERVER_WORDS = (
    N_(
        ":warning: Since {since} gpubot has not been able to see or do everything on *{server}*: "
        "{why}. It tries again. What runs there goes on; what is to begin or end may be late."
    ),
    N_(
        ":white_check_mark: gpubot can see and do everything on *{server}* again. It could not "
        "{since} – {until}."
    ),
)
_NO_LONGER_WATCHED = N_(
    ":heavy_minus_sign: gpubot no longer watches *{server}*, which was taken out of its "
    "configuration. Not everything could be seen or done there since {since}."
)
_CLOCK_WORDS = (
    N_(
        ":warning: The clock of *{server}* has jumped by {why}. gpubot there goes by its own count "
        "of the time; it begins and ends nothing until the clock is back, Slack's clock settles "
        "it, or it has stayed so for five minutes and Slack's does not contradict it. Please set "
        "it right."
    ),
    N_(
        ":white_check_mark: gpubot believes the clock of *{server}* again. It did not "
        "{since} – {until}."
    ),
)
_NO_LONGER_THERE = N_(
    ":heavy_minus_sign: gpubot no longer runs on *{server}*, so nobody watches the clock there. It "
    "was not believed from {since} on."
)


def _until(reader: Reader, end: datetime | None) -> Mrkdwn:
    if end is None:
        return reader.text(N_("until it is resumed"))
    return reader.text(N_("until {end}"), end=end)


def _number(row: Row) -> int:
    return int(row.subject.partition(":")[2])


def _living(reply: Reply) -> Message:
    return Message(reply.text, reply.blocks, living=True)


def _plain(reply: Reply) -> Message:
    return Message(reply.text, reply.blocks)


TOPICS: Mapping[str, Callable[[Row, Site, datetime, Reader], Message | None]] = {
    "card": _card,
    "event": _event,
    "notice": _notice,
    "transfer": _transfer,
    "node": _node,
    "away": _away,
    "offer": offers.offer_message,
    "entry": offers.entry_message,
    "warning": preemptions.told_to_preemptee,
    "moved": preemptions.told_to_preemptee,
    "reminder": reminders.reminder,
    "idle": reminders.idle,
    "digest": digests.digest,
    "weekly": digests.weekly,
    "pipeline_waits": pipelines.pipeline_waits,
    "gpu_alert": gpu_alerts.gpu_alert,
    "left_team": memberships.left_team,
    "directory": memberships.trouble,
    "run": runs.told_to_owner,
    "outage": _outage,
}
