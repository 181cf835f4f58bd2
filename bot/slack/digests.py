"""The digests in a team's channel: its day in the morning, and its week on Mondays.

They name people without mentions: nobody is called to read them. One whose turn comes on another
day is stale, and skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from bot.domain.booking import Booking
from bot.domain.cluster import Team
from bot.domain.errors import N_
from bot.domain.window import Window
from bot.services.digest import day_of
from bot.services.site import Site
from bot.services.week import Thanks, Week, week_of
from bot.slack import phrases
from bot.slack.blocks.build import context, sections, told
from bot.slack.blocks.history import dated
from bot.slack.calendar_picture import DAY, WEEK, calendar_picture, midnight
from bot.slack.context import Message, Picture
from bot.slack.reader import Mrkdwn, Reader

if TYPE_CHECKING:
    from bot.slack.announcements import Row

#: How many bookings and changes are told one by one.
SHOWN_BOOKINGS, SHOWN_CHANGES = 15, 10
SHOWN_PURPOSE = 60


def digest(row: Row, site: Site, now: datetime, reader: Reader) -> Message | None:
    """What the team has booked today, and what changed since yesterday."""
    team, day = _about(row, site)
    if team is None or _is_stale(site, day, now):
        return None
    found = day_of(site, team, day)
    title = reader.text(N_("*Team {team}, {day}*"), team=team.name, day=day)
    lines: list[str] = [title, *_booked(reader, site, found.bookings)]
    if found.changes:
        lines.append(reader.text(N_("*Since yesterday*")))
        # The latest are told: what came before may be overtaken by them.
        more = _and_more(reader, len(found.changes) - SHOWN_CHANGES)
        lines += [*more, *(dated(reader, record) for record in found.changes[-SHOWN_CHANGES:])]
    told = _message(title, lines, reader.text(N_("`/gpu free` shows what is free now.")))
    return replace(told, picture=_day(site, reader, now))


def weekly(row: Row, site: Site, now: datetime, reader: Reader) -> Message | None:
    """What the team booked and used last week, and thanks to those who gave back early."""
    team, day = _about(row, site)
    if team is None or _is_stale(site, day, now):
        return None
    week = week_of(site, team, day)
    title = reader.text(
        N_("*Team {team}, the week of {first} – {last}*"),
        team=team.name,
        first=day - timedelta(days=7),
        last=day - timedelta(days=1),
    )
    lines = [
        title,
        _hours(reader, week),
        *_measured(reader, week),
        *_counts(reader, week),
        *_thanks(reader, week.thanks),
    ]
    note = N_("GPU-hours are counted from Monday to Monday on the clock of {zone}.")
    told = _message(title, lines, reader.text(note, zone=site.cluster.zone_name))
    return replace(told, picture=_week(site, reader, now))


def _day(site: Site, reader: Reader, now: datetime) -> Picture:
    """The cluster's day, as it lies ahead."""
    start = midnight(now, reader)
    return calendar_picture(site, reader, Window(start, start + DAY), now=now)


def _week(site: Site, reader: Reader, now: datetime) -> Picture:
    """The week that the message looks back on."""
    end = midnight(now, reader)
    return calendar_picture(site, reader, Window(end - WEEK, end), now=now)


def _about(row: Row, site: Site) -> tuple[Team | None, date]:
    name = row.subject.partition(":")[2]
    return site.cluster.team(name), date.fromisoformat(str(row.data["day"]))


def _is_stale(site: Site, day: date, now: datetime) -> bool:
    return now.astimezone(site.cluster.zone).date() != day


def _booked(reader: Reader, site: Site, bookings: Sequence[Booking]) -> list[Mrkdwn]:
    if not bookings:
        return [reader.text(N_("Nothing is booked for today."))]
    shown = [_line(reader, site, booking) for booking in bookings[:SHOWN_BOOKINGS]]
    return [*shown, *_and_more(reader, len(bookings) - SHOWN_BOOKINGS)]


def _line(reader: Reader, site: Site, booking: Booking) -> Mrkdwn:
    line = reader.text(
        N_("• *{label}* · {owner} · {held}, {window}"),
        label=phrases.label(booking),
        owner=phrases.person(reader, booking.owner),
        held=phrases.held(reader, site.cluster, booking.shares),
        window=booking.window,
    )
    return phrases.joined(line, phrases.purpose(reader, booking.purpose, SHOWN_PURPOSE))


def _and_more(reader: Reader, number: int) -> list[Mrkdwn]:
    return [reader.text(N_("… and {n} more"), n=number)] if number > 0 else []


def _hours(reader: Reader, week: Week) -> Mrkdwn:
    booked, used = round(week.booked, 1), round(week.used, 1)
    if not booked:
        return reader.text(N_("• {used} GPU-hours were used."), used=used)
    return reader.text(
        N_("• {booked} GPU-hours were booked, {used} were used ({share} %)."),
        booked=booked,
        used=used,
        share=round(100 * week.used / week.booked),
    )


def _measured(reader: Reader, week: Week) -> list[Mrkdwn]:
    """How much of that the GPUs really worked, where that is measured."""
    use = week.measured
    if use is None:
        return []
    said = N_("• Of {hours} measured GPU-hours, the GPUs worked {share} %.")
    share = round(100 * use.busy / use.watched)
    return [reader.text(said, hours=round(use.watched, 1), share=share)]


def _counts(reader: Reader, week: Week) -> list[Mrkdwn]:
    cancelled = reader.many(
        "• {n} booking was cancelled before it started.",
        "• {n} bookings were cancelled before they started.",
        week.cancelled,
    )
    no_shows = reader.many(
        "• {n} booking was released because nobody used it.",
        "• {n} bookings were released because nobody used them.",
        week.no_shows,
    )
    served = reader.many(
        "• {n} wish from the waitlist came true.",
        "• {n} wishes from the waitlist came true.",
        week.served,
    )
    lines = ((week.cancelled, cancelled), (week.no_shows, no_shows), (week.served, served))
    return [line for number, line in lines if number]


def _thanks(reader: Reader, thanks: Sequence[Thanks]) -> list[Mrkdwn]:
    if not thanks:
        return []
    people = [
        reader.text(
            N_("{person} ({hours} GPU-hours)"),
            person=phrases.person(reader, one.user),
            hours=round(one.gpu_hours, 1),
        )
        for one in thanks
    ]
    return [reader.text(N_("Thank you for giving back early: {people}."), people=people)]


def _message(title: str, lines: Sequence[str], note: str) -> Message:
    reply = told(title, *sections(lines), context(note))
    return Message(reply.text, reply.blocks)
