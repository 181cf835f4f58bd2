"""Secrets of the installation, made when they are first needed and kept in the database."""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from bot.services.site import Site
from bot.store import models


def site_secret(site: Site, name: str) -> str:
    """The secret called `name`, 64 hexadecimal digits; the same for every process and restart."""
    with site.database.snapshot() as connection:
        known = _known(connection, name)
    if known is not None:
        return known
    made = secrets.token_hex(32)
    try:
        with site.database.transaction() as connection:
            known = _known(connection, name)
            if known is None:
                connection.execute(insert(models.Memory).values(name=name, value=made))
    except IntegrityError:
        # Another process was first; the one secret is the one that is kept.
        return site_secret(site, name)
    return known or made


def _known(connection: Connection, name: str) -> str | None:
    memory = models.Memory
    statement = select(col(memory.value)).where(col(memory.name) == name)
    found = connection.execute(statement).scalar_one_or_none()
    return None if found is None else str(found)
