"""Nodes that are learnt from the servers themselves, instead of the configuration file.

What was learnt last is in the table of nodes, so that gpubot can start while nobody can be asked.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlmodel import col

from bot.domain.cluster import Node
from bot.services.nodes import sync_nodes
from bot.services.site import Site
from bot.store import models, queries


def recall_nodes(site: Site) -> None:
    """Go on with the nodes that were learnt last; call at a start, before `sync_nodes`."""
    table = models.Node
    statement = queries.columns(table).where(~col(table.retired)).order_by(col(table.position))
    with site.database.snapshot() as connection:
        rows = connection.execute(statement).all()
    nodes = tuple(Node(row.name, row.gpus, row.model) for row in rows)
    site.adopt(replace(site.cluster, nodes=nodes))


def learn_nodes(site: Site, nodes: tuple[Node, ...], *, now: datetime) -> bool:
    """Go on with these nodes; whether there was anything new about them.

    They are known when all is done that follows from them: what fails is tried again then, and
    nobody books what a drained node has got before the drain holds it.
    """
    if site.cluster.nodes == nodes:
        return False
    sync_nodes(Site.open(site.database, replace(site.cluster, nodes=nodes)), now=now)
    site.adopt(replace(site.cluster, nodes=nodes))
    return True


def nodes_in_use(site: Site, *, now: datetime) -> frozenset[str]:
    """Nodes on which anything is booked from now on."""
    with site.database.snapshot() as connection:
        open_bookings = queries.open_bookings(connection, after=now)
    return frozenset(name for booking in open_bookings for name in booking.nodes)
