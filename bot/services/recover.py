"""After a time away: whoever could not answer gets their time again.

While gpubot was down, buttons did nothing. Offers and questions that ran out meanwhile, or almost,
start anew; whatever else was due is done late by the ordinary steps.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlmodel import col

from bot.domain.booking import BookingState
from bot.domain.waitlist import OfferState, answer_until
from bot.services.change import Change
from bot.services.changing import changing
from bot.services.record import post, tell_owner
from bot.services.site import Site
from bot.services.wait_rows import load_entry, update_offer
from bot.store import models, queries, wait_queries

log = logging.getLogger(__name__)

#: Name of the fact in the table of memories: when gpubot last was alive, ISO 8601.
ALIVE = "alive_at"
#: Name of another: when gpubot last came back after having been away, ISO 8601.
BACK = "back_at"
#: A pause of less is no absence: a restart, an upgrade.
AWAY = timedelta(minutes=2)


def note_alive(site: Site, *, now: datetime) -> None:
    """Remember that gpubot is alive."""
    with site.database.transaction() as connection:
        _remember(connection, ALIVE, now)


def recover(site: Site, *, now: datetime) -> timedelta | None:
    """Call at a start, before anything due is done: how long gpubot was away, if it was."""
    with site.database.snapshot() as connection:
        last = _recall(connection, ALIVE)
    if last is None or now - last < AWAY:
        note_alive(site, now=now)
        return None
    log.warning("gpubot was away from %s to %s", last.isoformat(), now.isoformat())
    with changing(site, now) as change:
        expires = site.cluster.policy.offer_expires
        table = models.Offer
        open_offers = queries.columns(table).where(col(table.state) == OfferState.OPEN.value)
        for row in change.connection.execute(open_offers).all():
            offer = wait_queries.to_offer(row)
            if offer.window.end > now:
                entry = load_entry(change, offer.entry)
                until = answer_until(entry, offer.window, change.now, expires)
                update_offer(change, offer, expires_at=max(offer.expires_at, until))
        _ask_anew(change)
        _remember(change.connection, BACK, now)
        _tell_operators(change, last)
    # Last, so that whoever is killed before it finds at the next start that all of it is to do.
    note_alive(site, now=now)
    return now - last


def _tell_operators(change: Change, last: datetime) -> None:
    channel = change.cluster.ops_channel
    if channel is not None:
        subject = f"away:{int(last.timestamp())}"
        instants = {"since": last.isoformat(), "until": change.now.isoformat()}
        post(change, "away", channel, subject, subject, **instants)


def back_since(connection: Connection) -> datetime | None:
    """Since when gpubot has been there without a pause; None: always, as far as is known."""
    return _recall(connection, BACK)


def _ask_anew(change: Change) -> None:
    """Give those who were asked whether they need their GPUs their time again."""
    table = models.Booking
    asked = (col(table.state) == BookingState.ACTIVE.value) & col(table.asked_at).is_not(None)
    rows = change.connection.execute(queries.columns(table).where(asked)).all()
    change.connection.execute(update(table).where(asked).values(asked_at=change.now))
    for row in rows:
        state = f"asked-anew:{int(change.now.timestamp())}"
        tell_owner(change, "idle", f"idle:{row.id}", state, row.team, row.owner)


def _remember(connection: Connection, name: str, instant: datetime) -> None:
    table = models.Memory
    connection.execute(delete(table).where(col(table.name) == name))
    connection.execute(insert(table).values(name=name, value=instant.isoformat()))


_MEMORY = select(col(models.Memory.value)).where(col(models.Memory.name) == bindparam("memory"))


def _recall(connection: Connection, name: str) -> datetime | None:
    found = connection.execute(_MEMORY, {"memory": name}).scalar_one_or_none()
    return None if found is None else datetime.fromisoformat(found)
