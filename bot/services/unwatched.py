"""What was told of servers that were taken out of the configuration, or of nodes that are gone.

Nobody asks them any more, so nobody would see that they are back, and the operators' messages would
stand as they are for ever: they are brought to an end at the next start.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from bot.domain.membership import Source
from bot.services import directory, gpu_alert_rows, outages
from bot.services.changing import changing
from bot.services.site import Site


def settle_unwatched(
    site: Site,
    *,
    servers: Collection[str],
    directories: Collection[Source],
    monitored: bool,
    now: datetime,
) -> int:
    """End what nobody watches any more; return how much that was.

    `servers` and `directories` are those that are asked from now on; `monitored`: so are the GPUs.
    """
    with site.database.snapshot() as connection:
        if not (
            outages.unwatched(connection, servers)
            or directory.unwatched(connection, directories)
            or gpu_alert_rows.unwatched(connection, monitored=monitored)
        ):
            return 0
    with changing(site, now) as change:
        servers_left = outages.unwatched(change.connection, servers)
        for outage in servers_left:
            outages.give_up(change, outage)
        unread = directory.unwatched(change.connection, directories)
        for state in unread:
            directory.give_up(change, state)
        alerts = gpu_alert_rows.unwatched(change.connection, monitored=monitored)
        for row in alerts:
            gpu_alert_rows.give_up(change, row)
    return len(servers_left) + len(unread) + len(alerts)
