"""How a writing transaction of a use-case begins and ends."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from bot.domain.booking import booking_label
from bot.domain.window import check_aware
from bot.services.change import Change
from bot.services.serve_waitlist import serve_waitlist
from bot.services.site import Site
from bot.store.ahead import Ahead, Question
from bot.store.calendars import WHICH_VERSION, CachedCalendar
from bot.store.prepared import Inserting

log = logging.getLogger(__name__)


@contextmanager
def changing(
    site: Site,
    now: datetime,
    *,
    asking: Iterable[Question] | None = None,
    numbering: Sequence[Inserting] = (),
) -> Iterator[Change]:
    """A writing transaction with a calendar; on commit the calendar becomes the shared one.

    Inside it time has whole seconds and is UTC, whatever the caller's clock gives. Whatever it
    gave up is offered to those who wait before it commits (design: "Waitlist").

    `asking` is what will be asked first, and `numbering` are rows that will be inserted first, for
    those that are in a hurry: PostgreSQL then answers all of it in one message.
    """
    now = check_aware(now).replace(microsecond=0)
    site.calendars.prepare(site.database, now)
    ahead = None if asking is None else Ahead((WHICH_VERSION, *asking), numbering)
    with site.database.transaction(ahead=ahead) as connection:
        known = site.known
        cached = known.calendars.fresh(connection, now, latest=True)
        change = Change(known.cluster, connection, cached, now)
        yield change
        if change.grown is not None:
            serve_waitlist(change, *change.grown)
        made = cached
        if change.version != cached.version:
            made = CachedCalendar(change.calendar, change.revisions, change.version, cached.origin)
        known.calendars.leave(connection, made)
    if made is not cached:
        known.calendars.adopt(made)
    if log.isEnabledFor(logging.INFO):
        for values in change.recorded:
            _log(values)


@contextmanager
def trying(site: Site, now: datetime) -> Iterator[Change]:
    """The same on a snapshot, for those who only work out what they would do: it locks nobody out.

    Nothing may be written.
    """
    with site.database.snapshot() as connection:
        yield trying_on(site, connection, now)


def trying_on(site: Site, connection: Connection, now: datetime) -> Change:
    """The same on a snapshot that there is already."""
    now, known = check_aware(now).replace(microsecond=0), site.known
    return Change(known.cluster, connection, known.calendars.fresh(connection, now), now)


def _log(values: Mapping[str, Any]) -> None:
    """Say what was committed; what people wrote stands in the audit log alone."""
    booking = None if values["booking"] is None else booking_label(values["booking"])
    subject = booking or values["node"] or "gpubot"
    about = {
        "booking": booking, "node": values["node"], "user": values["actor"],
        "action": values["action"], "audit": values["seq"],
    }  # fmt: skip
    log.info("%s: %s by %s", subject, values["action"], values["actor"], extra=about)
