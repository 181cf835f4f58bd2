"""Making the table of nodes follow the configuration, at each start."""

from __future__ import annotations

import logging
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update
from sqlmodel import col

from bot.domain.booking import Booking
from bot.domain.cluster import Node
from bot.services.change import OPEN_END
from bot.services.changing import changing
from bot.services.serve_waitlist import serve_waitlist
from bot.services.site import Site
from bot.store import models, queries

log = logging.getLogger(__name__)


def sync_nodes(site: Site, *, now: datetime) -> None:
    """Write new and changed nodes; those left out of the configuration are kept as retired.

    Promises on nodes that shrank or left are kept in the books, and named in the log.
    """
    with site.database.transaction() as connection:
        _write_nodes(connection, site.cluster.nodes)
    _settle(site, now)
    with site.database.snapshot() as connection:
        _warn_of_broken_promises(site, connection, now)


def _write_nodes(connection: Connection, nodes: tuple[Node, ...]) -> None:
    """Have the table hold exactly these nodes; others are kept as retired."""
    table = models.Node
    known = {row.name: row for row in connection.execute(queries.columns(table))}
    for position, node in enumerate(nodes):
        values = {"gpus": node.gpus, "model": node.model, "position": position, "retired": False}
        row = known.get(node.name)
        if row is not None and all(getattr(row, name) == values[name] for name in values):
            continue
        if row is not None:
            connection.execute(update(table).where(col(table.name) == node.name).values(values))
        else:
            connection.execute(insert(table).values(name=node.name, revision=0, **values))
    left_out = known.keys() - {node.name for node in nodes}
    connection.execute(update(table).where(col(table.name).in_(left_out)).values(retired=True))


def _settle(site: Site, now: datetime) -> None:
    """A drain holds all GPUs of its node, also those that it got since; who waits gets the rest."""
    with changing(site, now) as change:
        for found in queries.open_drains(change.connection).values():
            node = site.cluster.node(found.node)
            if node is not None and (found.end is None or found.end > now):
                change.close_node(found.id, node, found.start, found.end)
        # Nodes may be new or larger, and quotas higher.
        serve_waitlist(change, int(change.now.timestamp()), OPEN_END)


def _warn_of_broken_promises(site: Site, connection: Connection, now: datetime) -> None:
    sizes = {node.name: node.gpus for node in site.cluster.nodes}
    for booking in _with_broken_promises(connection, now):
        for share in booking.shares:
            if share.gpus > sizes.get(share.node, 0):
                log.warning(
                    "B%d of %s holds %d GPUs of %s, which has %d by the configuration",
                    booking.id, booking.owner, share.gpus, share.node, sizes.get(share.node, 0),
                )  # fmt: skip


def _with_broken_promises(connection: Connection, now: datetime) -> list[Booking]:
    """Live bookings that claim more of a node than it has, by start."""
    claim, holders = models.Claim, set[int]()
    for node, gpus in _overfull(connection, now):
        too_large = select(col(claim.holder)).where(
            col(claim.node) == node,
            col(claim.gone).is_(None),
            col(claim.end_s) > int(now.timestamp()),
            col(claim.gpus) > gpus,
            col(claim.kind) == "booking",
        )
        holders.update(connection.execute(too_large).scalars())
    bookings = [
        booking
        for part in queries.in_chunks(sorted(holders))
        for booking in queries.bookings_by_id(connection, part).values()
        if booking.state.is_live and booking.window.end > now
    ]
    return sorted(bookings, key=lambda booking: (booking.window.start, booking.id))


def _overfull(connection: Connection, now: datetime) -> list[tuple[str, int]]:
    """The nodes of which a claim takes more than there is, and how many GPUs that are."""
    claim, node = models.Claim, models.Node
    # By each node's own part of an index; a join would be made by reading the claims of all time.
    largest = (
        select(func.max(col(claim.gpus)))
        .where(
            col(claim.node) == col(node.name),
            col(claim.gone).is_(None),
            col(claim.end_s) > int(now.timestamp()),
        )
        .scalar_subquery()
    )
    found = connection.execute(
        select(col(node.name), col(node.gpus), col(node.retired), largest.label("largest"))
    )
    there = [(row.name, 0 if row.retired else row.gpus, row.largest or 0) for row in found]
    return [(name, gpus) for name, gpus, most in there if most > gpus]
