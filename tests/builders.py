"""Values that tests share: a small cluster, its people, and requests for bookings."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.domain.actor import Actor
from bot.domain.booking import Priority, Shape
from bot.domain.cluster import Cluster, Node, Policy, Team
from bot.domain.request import BookingRequest
from bot.domain.window import Window

ALICE, BOB, CHEN, DANA, ADMIN = "U0ALICE", "U0BOB", "U0CHEN", "U0DANA", "U0ADMIN"
STRANGER = "U0STRANGER"

#: Wednesday 25 November 2026, 10:37 in Shanghai.
NOW = datetime(2026, 11, 25, 2, 37, tzinfo=UTC)
#: The same day, 22:00 in Shanghai: a line of the grid.
TONIGHT = datetime(2026, 11, 25, 14, 0, tzinfo=UTC)

NODES = (
    Node("gpu-01", 4, "V100"),
    Node("gpu-02", 4, "V100"),
    Node("gpu-03", 8, "A100"),
)


def cluster(*, nodes: tuple[Node, ...] = NODES, **policy: object) -> Cluster:
    """Two V100 nodes and an A100 node; vision (alice leads, bob) and nlp (chen leads)."""
    return Cluster(
        name="Vision Lab",
        zone=ZoneInfo("Asia/Shanghai"),
        zone_name="Asia/Shanghai",
        nodes=nodes,
        teams=(
            Team("vision", "C0VISION", members=frozenset({BOB}), leads=frozenset({ALICE})),
            Team("nlp", "C0NLP", members=frozenset({DANA}), leads=frozenset({CHEN})),
        ),
        policy=replace(Policy(), **policy),
        admins=frozenset({ADMIN}),
        urgent=frozenset({ALICE}),
        ops_channel="C0OPS",
    )


def actor(user: str) -> Actor:
    """That person, acting."""
    return Actor(user)


def window(start: datetime = TONIGHT, hours: float = 8) -> Window:
    """A window of `hours` from `start`."""
    return Window(start, start + timedelta(minutes=round(hours * 60)))


def request(
    gpus: int = 4,
    start: datetime = TONIGHT,
    hours: float = 8,
    *,
    node: str | None = None,
    model: str | None = None,
    spread: bool = False,
    priority: Priority = Priority.P2,
    team: str | None = None,
    purpose: str = "",
) -> BookingRequest:
    """A request for `gpus` GPUs from `start`, for `hours`."""
    return BookingRequest(
        shape=Shape(gpus, node, model, spread),
        window=window(start, hours),
        priority=priority,
        preemptible=priority.preemptible_by_default,
        team=team,
        purpose=purpose,
    )
