"""Which numbers of GPUs can be booked at all, and where (design: "Placement")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bot.domain.booking import Shape
from bot.domain.cluster import Cluster, Node, Size
from bot.domain.errors import (
    BadCount,
    Contradiction,
    NeedsSpread,
    NoNodes,
    NotWholeNodes,
    UnknownName,
)

EXAMPLE = "/gpu reserve 4 tomorrow 22:00 20h on gpu-01"


def check_shape(
    cluster: Cluster,
    gpus: int,
    *,
    node: str | None = None,
    model: str | None = None,
    spread: bool = False,
) -> Shape:
    """The shape with names as the cluster spells them.

    Raises UnknownName, Contradiction, BadCount, NoNodes where none is known, NeedsSpread for a
    count over all GPUs of one model, and NotWholeNodes for a count over one node's GPUs that no
    whole nodes of one model add up to.
    """
    chosen = known_node(cluster, node) if node else None
    named_model = known_model(cluster, model) if model else None
    if chosen:
        _check_one_node(chosen, model, named_model, spread=spread)
    size = Size(chosen.gpus, chosen.gpus) if chosen else cluster.size(named_model)
    if not 1 <= gpus <= size.gpus:
        where = chosen.name if chosen else named_model or cluster.name
        kind = BadCount if cluster.nodes else NoNodes
        raise kind(gpus=gpus, highest=size.gpus, where=where)
    # What one node has fits into one model.
    if not spread and gpus > size.largest:
        nodes = (chosen,) if chosen else _nodes_of(cluster, named_model)
        _check_one_model(gpus, nodes)
        _check_whole_nodes(gpus, nodes)
    return Shape(gpus, chosen.name if chosen else None, named_model, spread)


def known_node(cluster: Cluster, name: str) -> Node:
    """The node called `name`; raises UnknownName."""
    found = cluster.node(name)
    if found is None:
        raise _unknown("node", name, (node.name for node in cluster.nodes))
    return found


def known_model(cluster: Cluster, name: str) -> str:
    """The model called `name`, as the nodes spell it; raises UnknownName."""
    found = cluster.model(name)
    if found is None:
        raise _unknown("model", name, cluster.models)
    return found


def known_team(cluster: Cluster, name: str) -> str:
    """The team called `name`, as the configuration spells it; raises UnknownName."""
    found = cluster.team(name)
    if found is None:
        raise _unknown("team", name, (team.name for team in cluster.teams))
    return found.name


def whole_node_counts(nodes: Iterable[Node]) -> set[int]:
    """The numbers of GPUs that some of these nodes, taken whole, add up to; 0 included."""
    counts = {0}
    for node in nodes:
        counts |= {count + node.gpus for count in counts}
    return counts


def _unknown(kind: str, name: str, known: Iterable[str]) -> UnknownName:
    return UnknownName(kind=kind, name=name, known=", ".join(known), form_field=kind)


def _check_one_node(node: Node, typed: str | None, model: str | None, *, spread: bool) -> None:
    """Refuse `on NODE` together with another model, or with any nodes."""
    if model is not None and model != node.model:
        raise Contradiction(first=node.name, second=typed, example=EXAMPLE, form_field="model")
    if spread:
        raise Contradiction(first=node.name, second="spread", example=EXAMPLE, form_field="node")


def _nodes_of(cluster: Cluster, model: str | None) -> tuple[Node, ...]:
    if model is None:
        return cluster.nodes
    return tuple(node for node in cluster.nodes if node.model == model)


def _by_model(nodes: Iterable[Node]) -> Mapping[str, list[Node]]:
    models: dict[str, list[Node]] = {}
    for node in nodes:
        models.setdefault(node.model, []).append(node)
    return models


def _check_one_model(gpus: int, nodes: tuple[Node, ...]) -> None:
    """Refuse more GPUs than any one model has: a booking mixes models only when it is spread."""
    highest = max(sum(node.gpus for node in same) for same in _by_model(nodes).values())
    if gpus > highest:
        raise NeedsSpread(gpus=gpus, highest=highest)


def _check_whole_nodes(gpus: int, nodes: tuple[Node, ...]) -> None:
    """Refuse more than one node's GPUs that do not fill whole nodes of one model."""
    size = max(node.gpus for node in nodes)
    if gpus <= size:
        return
    counts = {size}.union(*(whole_node_counts(same) for same in _by_model(nodes).values()))
    if gpus not in counts:
        raise NotWholeNodes(
            gpus=gpus,
            node_size=size,
            lower=max(count for count in counts if count < gpus),
            upper=min(count for count in counts if count > gpus),
        )
