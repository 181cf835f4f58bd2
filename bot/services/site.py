"""What every use-case works on: a cluster, its database, and the calendar kept in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.domain.cluster import Cluster
from bot.store.calendars import CalendarCache
from bot.store.database import Database


def _nowhere() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Site:
    """A cluster, its database, and its calendars."""

    database: Database
    cluster: Cluster
    calendars: CalendarCache
    #: Where its web side is reached, without a slash at the end; empty: nowhere (yet).
    address: Callable[[], str]
    #: Whether Slack says who somebody is on the page (OpenID Connect); else links sign them in.
    open_id: bool = False

    @classmethod
    def open(
        cls,
        database: Database,
        cluster: Cluster,
        address: Callable[[], str] = _nowhere,
        *,
        open_id: bool = False,
    ) -> Site:
        """A site over `database`, whose schema is already migrated."""
        return cls(database, cluster, CalendarCache(cluster), address, open_id)
