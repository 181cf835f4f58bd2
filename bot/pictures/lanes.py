"""How much of a cluster a picture shows one by one, so that it stays readable on a telephone.

A few GPUs have a lane each. Of more, each node has one lane, which fills with what is taken; of
very many, each model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from bot.domain.cluster import Cluster
from bot.pictures.marks import team_of
from bot.services.tracks import NodeTracks, Tracks

#: How many GPUs have a lane each, and how many nodes.
MOST_GPUS, MOST_NODES = 64, 24
#: The same in a compact picture.
COMPACT_GPUS, COMPACT_NODES = 32, 10
#: Pixels of a GPU's lane, by how many there are; of a node's lane and a model's.
GPU_HEIGHTS, NODE_HEIGHT, MODEL_HEIGHT = ((16, 42), (32, 26), (64, 20)), 56, 120
COMPACT_HEIGHTS = ((16, 28), (32, 18))
#: The least for a node, so that its name fits; between nodes, and before a heading.
LEAST, GAP, HEADING = 44, 12, 52


@dataclass(frozen=True, slots=True)
class Lane:
    """A strip of the picture: a node's GPUs one below the other, or what is taken of some nodes."""

    label: str
    top: int
    height: int
    nodes: tuple[NodeTracks, ...]
    #: Pixels for each GPU; 0: the lane fills with what is taken.
    row: int = 0

    @property
    def gpus(self) -> int:
        """GPUs of its nodes."""
        return sum(one.node.gpus for one in self.nodes)


@dataclass(frozen=True, slots=True)
class Heading:
    """A model's name above its nodes, at the height of its middle."""

    text: str
    middle: int


def arrange(
    nodes: Iterable[NodeTracks], top: int, *, compact: bool
) -> tuple[list[Lane], list[Heading], int]:
    """Lanes and headings from `top` on, and where they end."""
    shown = list(nodes)
    gpus = sum(one.node.gpus for one in shown)
    if gpus > (COMPACT_GPUS if compact else MOST_GPUS):
        if len(shown) > (COMPACT_NODES if compact else MOST_NODES):
            return _by_model(shown, top)
        return _by_node(shown, top, 0)
    heights = COMPACT_HEIGHTS if compact else GPU_HEIGHTS
    row = next(height for most, height in heights if gpus <= most)
    return _by_node(shown, top, row)


def _by_node(nodes: list[NodeTracks], top: int, row: int) -> tuple[list[Lane], list[Heading], int]:
    lanes: list[Lane] = []
    headings: list[Heading] = []
    for model, group in _models(nodes).items():
        headings.append(Heading(model, top + HEADING // 2))
        top += HEADING
        for one in group:
            height = max(one.node.gpus * row, LEAST) if row else NODE_HEIGHT
            lanes.append(Lane(one.node.name, top, height, (one,), row))
            top += height + GAP
    return lanes, headings, top


def _by_model(nodes: list[NodeTracks], top: int) -> tuple[list[Lane], list[Heading], int]:
    lanes = []
    for model, group in _models(nodes).items():
        lanes.append(Lane(model, top, MODEL_HEIGHT, tuple(group)))
        top += MODEL_HEIGHT + GAP
    return lanes, [], top


def _models(nodes: list[NodeTracks]) -> dict[str, list[NodeTracks]]:
    """The nodes by model, both in the order of the configuration."""
    models: dict[str, list[NodeTracks]] = {}
    for one in nodes:
        models.setdefault(one.node.model, []).append(one)
    return models


#: What is taken from one instant to the next: GPUs by team, and those out of service.
Taken = tuple[int, int, dict[str, int], int]


def taken_over_time(lane: Lane, tracks: Tracks, cluster: Cluster) -> Iterator[Taken]:
    """The spans of a lane in which nothing changes, in epoch seconds, where something is taken.

    GPUs of a node out of service count as out, less those that somebody still uses.
    """
    start, end = (int(at.timestamp()) for at in (tracks.window.start, tracks.window.end))
    order = {team.name: number for number, team in enumerate(cluster.teams)}
    changes: dict[int, dict[str, int]] = {start: {}, end: {}}
    for one in lane.nodes:
        for since, until, team, gpus in _held(one, tracks):
            since, until = max(since, start), min(until, end)  # noqa: PLW2901 - cut to the window
            if since < until:
                for at, change in ((since, gpus), (until, -gpus)):
                    here = changes.setdefault(at, {})
                    here[team] = here.get(team, 0) + change
    now: dict[str, int] = {}
    for since, until in pairwise(sorted(changes)):
        for team, change in changes[since].items():
            now[team] = now.get(team, 0) + change
        teams = sorted(
            (t for t in now if t != _OUT and now[t]), key=lambda t: (order.get(t, 99), t)
        )
        taken = {team: now[team] for team in teams}
        out = min(now.get(_OUT, 0), lane.gpus - sum(taken.values()))
        if taken or out > 0:
            yield since, until, taken, max(out, 0)


_OUT = "\0out"


def _held(one: NodeTracks, tracks: Tracks) -> Iterator[tuple[int, int, str, int]]:
    for bar in one.bars:
        yield bar.start, bar.end, team_of(tracks, bar), len(bar.gpus)
    if one.drain is not None:
        end = one.drain.end
        until = int((end or tracks.window.end).timestamp())
        yield int(one.drain.start.timestamp()), until, _OUT, one.node.gpus
