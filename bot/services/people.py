"""What gpubot remembers of people: their profile, and whether their App Home is up to date."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlmodel import col

from bot.domain.actor import Person
from bot.services.site import Site
from bot.store import models, queries


def get_person(site: Site, user: str) -> Person | None:
    """What is remembered of that user; None when nothing is."""
    with site.database.snapshot() as connection:
        return queries.find_person(connection, user)


def names_of(site: Site, users: Iterable[str]) -> dict[str, str]:
    """What people are called, by user id; the id itself of whom nothing is remembered."""
    table, asked = models.Person, sorted(set(users))
    statement = select(col(table.user), col(table.name)).where(col(table.user).in_(asked))
    with site.database.snapshot() as connection:
        known = dict(connection.execute(statement).all())
    return {user: known.get(user) or user for user in asked}


def remember_person(site: Site, person: Person) -> None:
    """Keep a profile that was just read."""
    table = models.Person
    values = asdict(person)
    with site.database.transaction() as connection:
        changed = connection.execute(
            update(table).where(col(table.user) == person.user).values(**values)
        )
        if changed.rowcount == 0:
            connection.execute(insert(table).values(home_stale=False, **values))


def home_opened(site: Site, user: str, *, now: datetime) -> None:
    """Note that `user` looks at their App Home, so that it is kept up to date."""
    _set_home(site, user, home_opened_at=now, home_stale=False)


def home_published(site: Site, user: str) -> bool:
    """Note that the App Home of `user` shows the present state; False when it did before.

    Call it before drawing: a change that comes while the home is drawn marks it stale again. Of
    several processes that are about to draw it one gets True.
    """
    table = models.Person
    stale = (col(table.user) == user, col(table.home_stale).is_(True))
    # With the lock of all writers: who changes something passes over homes that are stale already.
    with site.database.transaction() as connection:
        return bool(
            connection.execute(update(table).where(*stale).values(home_stale=False)).rowcount
        )


def stale_homes(site: Site, *, limit: int = 20) -> tuple[str, ...]:
    """Users whose App Home shows something that has changed since."""
    table = models.Person
    statement = select(col(table.user)).where(col(table.home_stale).is_(True)).limit(limit)
    with site.database.snapshot() as connection:
        return tuple(row.user for row in connection.execute(statement))


def mark_homes_stale(site: Site) -> None:
    """Have every App Home drawn again that was ever opened: what is free now has changed."""
    table = models.Person
    with site.database.transaction() as connection:
        connection.execute(
            update(table).where(col(table.home_opened_at).is_not(None)).values(home_stale=True)
        )


def _set_home(site: Site, user: str, **values: object) -> None:
    table = models.Person
    with site.database.transaction() as connection:
        connection.execute(update(table).where(col(table.user) == user).values(**values))
