"""What a Kubernetes cluster says of its nodes: which there are, and which take no work.

A node that is not ready for a minute is taken out of service, and comes back once it has been
ready for as long; what people took out stays with them. When nobody can be asked, or every node
is said not to be ready, the fault is rather with who says so: nothing is done then.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from bot.domain.actor import GPUBOT
from bot.domain.cluster import Node
from bot.domain.drain import Drain
from bot.domain.errors import N_, BookingError
from bot.runners.protocol import Unreachable
from bot.services import look
from bot.services.drain import drain
from bot.services.learn_nodes import learn_nodes, nodes_in_use, recall_nodes
from bot.services.resume import resume
from bot.services.site import Site

if TYPE_CHECKING:
    from bot.runners.kubernetes.nodes import SeenNode

log = logging.getLogger(__name__)

#: How long a node has to be not ready, or ready again, until that is acted upon.
PATIENCE = timedelta(seconds=60)
#: Most GPUs of a node; the configuration file has the same bound.
MOST_GPUS = 64
#: What a node can be called, so that it can be typed in a command.
_NAME = re.compile(r"(?=.*[^\W\d_])[\w.+-]{1,63}")

NOT_READY = N_("Kubernetes says that the node is not ready")
MISSING = N_("Kubernetes does not know the node any more")
NO_GPUS = N_("Kubernetes sees no GPUs on the node")
READY = N_("Kubernetes says that the node is ready")


class Source(Protocol):
    """Who knows the nodes: the Kubernetes runner."""

    def nodes(self) -> tuple[SeenNode, ...]:
        """The nodes with GPUs. Raises Unreachable when they cannot be told."""


class ClusterNodes:
    """Has gpubot's nodes follow those of the cluster; `look` is the tick."""

    def __init__(self, site: Site, source: Source, *, learns: bool) -> None:
        """`learns`: nodes are the cluster's; else they are the file's, and only watched."""
        self._site, self._source, self._learns = site, source, learns
        #: Since when each node is said to be as it is: the trouble, empty for none.
        self._since: dict[str, tuple[str, datetime]] = {}

    def look(self, *, now: datetime) -> None:
        """Learn what is new, and take nodes out of service or back."""
        try:
            seen = self._source.nodes()
        except Unreachable as error:
            # Whatever was seen may have changed meanwhile: it is to be seen anew for as long.
            self._since.clear()
            log.info("the nodes cannot be seen: %s", error)
            return
        if self._learns and seen:
            learn_nodes(self._site, self._merged(seen, now), now=now)
        self._follow(self._troubles(seen), now)

    def follow(self) -> None:
        """Go on with the nodes that another process learns, which looks in this one's place."""
        # What this one saw may have changed meanwhile: should its turn come, it is seen anew.
        self._since.clear()
        if self._learns:
            recall_nodes(self._site)

    def _merged(self, seen: Iterable[SeenNode], now: datetime) -> tuple[Node, ...]:
        """The nodes as they are to be known: what shows no GPUs, or went, is not forgotten."""
        before = {node.name: node for node in self._site.cluster.nodes}
        found = [_node(one, before.get(one.name)) for one in seen]
        nodes = {node.name: node for node in found if node is not None}
        used = nodes_in_use(self._site, now=now) if before.keys() - nodes.keys() else frozenset()
        kept = [node for name, node in before.items() if name not in nodes and name in used]
        return (*nodes.values(), *kept)

    def _troubles(self, seen: Iterable[SeenNode]) -> dict[str, str]:
        """Why each of gpubot's nodes takes no work, by name; empty: it does."""
        of = {node.name.casefold(): node for node in seen}
        return {
            node.name: _trouble(of.get(node.name.casefold())) for node in self._site.cluster.nodes
        }

    def _follow(self, troubles: dict[str, str], now: datetime) -> None:
        if len(troubles) > 1 and all(troubles.values()):
            self._since.clear()
            log.warning("every node is said to be in trouble; none is taken out of service")
            return
        drains = look.drained_nodes(self._site)
        for name, trouble in troubles.items():
            if not self._lasts(name, trouble, now):
                continue
            if trouble and name not in drains:
                self._drain(name, trouble, now)
            elif not trouble and name in drains and _is_own(drains[name]):
                self._resume(name, now)

    def _lasts(self, name: str, trouble: str, now: datetime) -> bool:
        """Whether it has been like that for long enough."""
        before, since = self._since.get(name, ("", now))
        if name not in self._since or before != trouble:
            since = now
        self._since[name] = (trouble, since)
        return now - since >= PATIENCE

    def _drain(self, name: str, trouble: str, now: datetime) -> None:
        log.warning("%s: %s", name, trouble)
        try:
            drain(self._site, GPUBOT, name, until=None, reason=trouble, now=now)
        except BookingError as error:
            # Somebody else was faster.
            log.info("%s was not taken out of service: %s", name, error)

    def _resume(self, name: str, now: datetime) -> None:
        log.info("%s: %s", name, READY)
        try:
            resume(self._site, GPUBOT, name, reason=READY, now=now)
        except BookingError as error:
            log.info("%s was not taken back into service: %s", name, error)


def _node(seen: SeenNode, before: Node | None) -> Node | None:
    """The node as gpubot knows it; None when it cannot be booked."""
    if _NAME.fullmatch(seen.name) is None:
        log.warning("node %s cannot be booked: its name could not be typed", seen.name)
        return None
    if not seen.gpus:
        return before
    return Node(seen.name, min(seen.gpus, MOST_GPUS), seen.model)


def _is_own(drain: Drain) -> bool:
    """Whether this tick took the node out of service."""
    return drain.actor == GPUBOT.name and drain.reason in (NOT_READY, MISSING, NO_GPUS)


def _trouble(seen: SeenNode | None) -> str:
    if seen is None:
        return MISSING
    if seen.trouble:
        return NOT_READY
    return "" if seen.gpus else NO_GPUS
