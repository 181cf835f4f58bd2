"""What every use-case works on: a cluster, its database, and the calendar kept in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from bot.domain.cluster import Cluster
from bot.store.calendars import CalendarCache
from bot.store.database import Database


def _nowhere() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Known:
    """The cluster as it is known at one instant, and the calendars of exactly that cluster."""

    cluster: Cluster
    calendars: CalendarCache


class Site:
    """A cluster, its database, and its calendars.

    Who is in which team, and which nodes there are, may be learnt from elsewhere (LDAP, Slack,
    Kubernetes) while gpubot runs: `adopt` makes it known to everything that asks from then on.
    """

    __slots__ = ("_known", "address", "database", "open_id")

    def __init__(
        self,
        database: Database,
        cluster: Cluster,
        address: Callable[[], str] = _nowhere,
        *,
        open_id: bool = False,
    ) -> None:
        """A site over `database`; see `open`."""
        self.database = database
        self.address = address
        self.open_id = open_id
        self._known = Known(cluster, CalendarCache(cluster))

    @classmethod
    def open(
        cls,
        database: Database,
        cluster: Cluster,
        address: Callable[[], str] = _nowhere,
        *,
        open_id: bool = False,
    ) -> Site:
        """A site over `database`, whose schema is already migrated.

        `address` says where its web side is reached, without a slash at the end; empty: nowhere
        (yet). `open_id`: Slack says who somebody is on the page; else links sign them in.
        """
        return cls(database, cluster, address, open_id=open_id)

    @property
    def known(self) -> Known:
        """The cluster and its calendars, which belong together."""
        return self._known

    @property
    def cluster(self) -> Cluster:
        """The cluster as it is known now."""
        return self._known.cluster

    @property
    def calendars(self) -> CalendarCache:
        """The calendars of that cluster."""
        return self._known.calendars

    def adopt(self, cluster: Cluster) -> None:
        """Go on with what is known about the cluster by now; calendars stay where nodes do."""
        known = self._known
        same = cluster.nodes == known.cluster.nodes and cluster.grid == known.cluster.grid
        self._known = (
            replace(known, cluster=cluster) if same else Known(cluster, CalendarCache(cluster))
        )
