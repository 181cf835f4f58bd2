"""A report: how a cluster was used in a period, as a whole and by model, team and node."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.cluster import Cluster, Node
from bot.domain.report_course import Course
from bot.domain.report_definitions import FigureName
from bot.domain.report_facts import Facts
from bot.domain.report_figures import Figure, Figures, figures, heat_figures
from bot.domain.report_heat import HeatMap, Hours, Piece, merged, outside
from bot.domain.report_period import Period
from bot.domain.report_shortage import Shortage, shortages, wants
from bot.domain.window import Window


class ScopeKind(StrEnum):
    """What a part of a report is about."""

    CLUSTER = "cluster"
    MODEL = "model"
    TEAM = "team"
    NODE = "node"


@dataclass(frozen=True, slots=True)
class Scope:
    """The figures of one team, node or model, or of the whole cluster.

    Nodes and models have those of their heat map alone: a booking is no one node's.
    """

    kind: ScopeKind
    name: str
    figures: Figures
    #: The same for the period before.
    before: Figures
    heat: HeatMap

    def value(self, name: FigureName) -> float | None:
        """A figure's value; None where there is nothing to reckon it from."""
        return self.figures.get(name, NO_FIGURE).value

    def cases(self, name: FigureName) -> int:
        """How much a figure rests on."""
        return self.figures.get(name, NO_FIGURE).cases

    def was(self, name: FigureName) -> Figure:
        """The figure of the period before; none where there is nothing to compare with.

        Where most of that time lies before there was a gpubot, or with the nodes out of service,
        a comparison would only mislead.
        """
        there = self.before.get(FigureName.IN_SERVICE, NO_FIGURE).cases
        if there < COMPARABLE * self.cases(FigureName.IN_SERVICE):
            return NO_FIGURE
        return self.before.get(name, NO_FIGURE)


NO_FIGURE = Figure(None, 0)
#: What a team held of a node.
_Held = tuple[str, str, Piece]

#: Which part of a period's GPU-hours in service the one before must have had.
COMPARABLE = 0.5


@dataclass(frozen=True, slots=True)
class Report:
    """How a cluster was used in a period. Parts are in the order of the configuration."""

    period: Period
    zone_name: str
    cluster: Scope
    models: tuple[Scope, ...]
    teams: tuple[Scope, ...]
    nodes: tuple[Scope, ...]
    shortages: tuple[Shortage, ...]

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """All parts, the cluster first."""
        return (self.cluster, *self.models, *self.teams, *self.nodes)

    def scope(self, kind: str, name: str) -> Scope | None:
        """One part, its name in any case; None when there is none."""
        if kind == ScopeKind.CLUSTER:
            return self.cluster
        wanted = name.casefold()
        return next(
            (s for s in self.scopes if s.kind == kind and s.name.casefold() == wanted), None
        )


def make_report(facts: Facts, period: Period) -> Report:
    """Reckon everything; pure, so that the same facts give the same report."""
    cluster = facts.cluster
    pieces = _pieces(facts)
    now, before = _Maps.of(facts, pieces, period.window), _Maps.of(facts, pieces, period.before)
    courses = _courses_by_team(facts)

    def scope(kind: ScopeKind, name: str, heat: HeatMap, heat_before: HeatMap) -> Scope:
        if kind not in (ScopeKind.CLUSTER, ScopeKind.TEAM):
            return Scope(kind, name, heat_figures(heat), heat_figures(heat_before), heat)
        team = name if kind is ScopeKind.TEAM else None
        return Scope(
            kind,
            name,
            figures(facts, courses[team], heat, period.window, team),
            figures(facts, courses[team], heat_before, period.before, team),
            heat,
        )

    def scopes(
        kind: ScopeKind, maps: Mapping[str, HeatMap], earlier: Mapping[str, HeatMap]
    ) -> tuple[Scope, ...]:
        return tuple(scope(kind, name, heat, earlier[name]) for name, heat in maps.items())

    return Report(
        period=period,
        zone_name=cluster.zone_name,
        cluster=scope(ScopeKind.CLUSTER, cluster.name, now.cluster, before.cluster),
        models=scopes(ScopeKind.MODEL, now.models, before.models),
        teams=scopes(ScopeKind.TEAM, now.teams, before.teams),
        nodes=scopes(ScopeKind.NODE, now.nodes, before.nodes),
        shortages=_shortages(facts, pieces, period.window),
    )


@dataclass(frozen=True, slots=True)
class _Maps:
    """The heat maps of a period."""

    cluster: HeatMap
    models: dict[str, HeatMap]
    teams: dict[str, HeatMap]
    nodes: dict[str, HeatMap]

    @classmethod
    def of(cls, facts: Facts, pieces: Sequence[_Held], window: Window) -> _Maps:
        hours = Hours.of(window, facts.cluster.zone)
        held, capacity = _held_by_node(facts, pieces), _capacity_by_node(facts, hours)
        # Most nodes are alike in what there is of them.
        alike = {tuple(pieces) for pieces in capacity.values()}
        there = {spans: hours.fold(hours.spread(spans)) for spans in alike}
        nodes = {
            node.name: HeatMap(
                hours.fold(hours.spread(held[node.name])), there[tuple(capacity[node.name])]
            )
            for node in facts.cluster.nodes
        }
        models = {
            model: merged([nodes[node.name] for node in _nodes_of(facts.cluster, model)])
            for model in facts.cluster.models
        }
        everything = merged(list(nodes.values()))
        return cls(everything, models, _team_maps(facts, pieces, hours, everything), nodes)


def _team_maps(
    facts: Facts, pieces: Sequence[_Held], hours: Hours, cluster: HeatMap
) -> dict[str, HeatMap]:
    """What each team held, as a share of the whole cluster."""
    held: dict[str, list[Piece]] = defaultdict(list)
    for team, _node, piece in pieces:
        held[team].append(piece)
    return {
        team.name: HeatMap(hours.fold(hours.spread(held[team.name])), cluster.in_service)
        for team in facts.cluster.teams
    }


def _courses_by_team(facts: Facts) -> Mapping[str | None, Sequence[Course]]:
    """The courses of each team's bookings; None: everybody's."""
    found: dict[str | None, list[Course]] = defaultdict(list)
    for course in facts.courses:
        found[course.team].append(course)
    found[None] = list(facts.courses)
    return found


def _shortages(facts: Facts, pieces: Sequence[_Held], window: Window) -> tuple[Shortage, ...]:
    hours = Hours.of(window, facts.cluster.zone)
    held, capacity = _held_by_node(facts, pieces), _capacity_by_node(facts, hours)
    cluster = facts.cluster
    by_model: dict[str | None, list[Node]] = {None: list(cluster.nodes)}
    by_model |= {model: _nodes_of(cluster, model) for model in cluster.models}

    def together(spans: Mapping[str, Sequence[Piece]], nodes: Sequence[Node]) -> list[float]:
        return hours.spread(span for node in nodes for span in spans[node.name])

    return shortages(
        hours,
        {model: together(held, nodes) for model, nodes in by_model.items()},
        {model: together(capacity, nodes) for model, nodes in by_model.items()},
        wants(facts, window),
    )


def _nodes_of(cluster: Cluster, model: str) -> list[Node]:
    return [node for node in cluster.nodes if node.model == model]


def _held_by_node(facts: Facts, pieces: Sequence[_Held]) -> dict[str, list[Piece]]:
    found: dict[str, list[Piece]] = {node.name: [] for node in facts.cluster.nodes}
    for _team, node, piece in pieces:
        found[node].append(piece)
    return found


def _pieces(facts: Facts) -> list[_Held]:
    """What was held of the nodes that there are, while they were in service."""
    gaps = _gaps(facts)
    known = {node.name for node in facts.cluster.nodes}
    return [
        (one.team, one.node, (start, end, one.gpus))
        for one in facts.held
        if one.node in known
        for start, end in outside(one.start, one.end, gaps[one.node])
    ]


def _capacity_by_node(facts: Facts, hours: Hours) -> dict[str, list[Piece]]:
    gaps = _gaps(facts)
    return {
        node.name: [
            (start, end, node.gpus)
            for start, end in outside(hours.start, hours.end, gaps[node.name])
        ]
        for node in facts.cluster.nodes
    }


def _gaps(facts: Facts) -> dict[str, list[tuple[int, int]]]:
    """When each node was out of service, in order and without overlaps."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for outage in sorted(facts.outages, key=lambda one: (one.start, one.end)):
        gaps = found[outage.node]
        if gaps and outage.start <= gaps[-1][1]:
            gaps[-1] = (gaps[-1][0], max(gaps[-1][1], outage.end))
        else:
            gaps.append((outage.start, outage.end))
    return found
