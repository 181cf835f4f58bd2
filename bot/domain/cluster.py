"""The cluster as its operators describe it: nodes, teams, roles and policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta, tzinfo
from enum import StrEnum

from bot.domain.booking import Priority, Share
from bot.domain.job import JobTemplate
from bot.domain.pipelines import Trigger
from bot.domain.run_rules import RunRules
from bot.domain.window import Grid


@dataclass(frozen=True, slots=True)
class Node:
    """A server with `gpus` identical GPUs of one `model`."""

    name: str
    gpus: int
    model: str


@dataclass(frozen=True, slots=True)
class Team:
    """People who book together and read announcements in one channel."""

    name: str
    channel: str
    color: str = "#64748b"
    members: frozenset[str] = frozenset()
    leads: frozenset[str] = frozenset()
    usergroup: str | None = None
    ldap_group: str | None = None
    ldap_leads_group: str | None = None

    def __contains__(self, user: str) -> bool:
        return user in self.members or user in self.leads


@dataclass(frozen=True, slots=True)
class Quota:
    """Bounds on what one person or team may hold; None means no bound."""

    #: GPU-hours booked within the seven days ahead.
    gpu_hours_per_week: float | None = None
    #: GPUs held at any one instant.
    concurrent_gpus: int | None = None
    #: Bookings that have not ended.
    open_bookings: int | None = None

    @property
    def is_set(self) -> bool:
        """Whether there is any bound to check."""
        bounds = (self.gpu_hours_per_week, self.concurrent_gpus, self.open_bookings)
        return bounds != (None, None, None)


@dataclass(frozen=True, slots=True)
class Size:
    """How many GPUs some nodes have."""

    #: Over all of them.
    gpus: int
    #: On the largest of them.
    largest: int


class Notify(StrEnum):
    """Where warnings and offers go."""

    BOTH = "both"
    CHANNEL = "channel"
    DIRECT = "direct"


class NoShow(StrEnum):
    """What happens to a booking that nobody uses."""

    ASK = "ask"
    RELEASE = "release"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules that operators may set; the defaults are the contract's."""

    slot: timedelta = timedelta(hours=2)
    horizon: timedelta = timedelta(days=90)
    max_length: Mapping[Priority, timedelta] = field(
        default_factory=lambda: dict.fromkeys(Priority, timedelta(days=7))
    )
    warning: timedelta = timedelta(minutes=30)
    notify: Notify = Notify.BOTH
    overrun: float = 0.10
    offer_expires: timedelta = timedelta(minutes=15)
    no_show: NoShow = NoShow.ASK
    no_show_after: timedelta = timedelta(minutes=30)
    #: After so long without any work on its GPUs, where that is measured, a booking that was used
    #: is asked about again; None: never.
    idle_after: timedelta | None = timedelta(hours=2)
    #: What *Need 10 more minutes* adds to a preemptee's time, once; zero: there is no such button.
    extra_time: timedelta = timedelta(minutes=10)
    #: When team channels get their digest, on the cluster's wall clock; None: never.
    digest: time | None = time(9)
    #: From when to when direct messages that can wait are held back, on the reader's own clock;
    #: may span midnight; None: they never are.
    quiet_hours: tuple[time, time] | None = None
    #: Whether people who did not sign in may look at the calendar; they see neither names nor
    #: purposes.
    public_calendar: bool = False
    #: Folders of the nodes that jobs may use, with everything in them.
    host_paths: tuple[str, ...] = ()
    user_quota: Quota = Quota()
    team_quota: Quota = Quota()


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster: everything the rules need to know about it."""

    name: str
    zone: tzinfo
    zone_name: str
    nodes: tuple[Node, ...]
    teams: tuple[Team, ...]
    policy: Policy = Policy()
    admins: frozenset[str] = frozenset()
    urgent: frozenset[str] = frozenset()
    language: str = "en"
    ops_channel: str | None = None
    #: Which runs on GitHub book GPUs.
    github: tuple[Trigger, ...] = ()
    #: What people can have run on their bookings by a name.
    jobs: tuple[JobTemplate, ...] = ()
    runs: RunRules = field(default_factory=RunRules)
    #: What follows from the above and is looked up by every request.
    _known: _Known = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_known", _Known.of(self))

    @property
    def grid(self) -> Grid:
        """The slot grid, on the cluster's wall clock."""
        return self._known.grid

    @property
    def gpus(self) -> int:
        """GPUs over all nodes."""
        return self._known.sizes[None].gpus

    @property
    def node_names(self) -> tuple[str, ...]:
        """The names of its nodes, in their order."""
        return self._known.node_names

    @property
    def models(self) -> tuple[str, ...]:
        """GPU models, in the order in which the nodes first name them."""
        return self._known.models

    def size(self, model: str | None = None) -> Size:
        """How many GPUs of a model, as the nodes spell it, there are; None: of any model."""
        return self._known.sizes[model]

    def node(self, name: str) -> Node | None:
        """The node called `name`, in any case; None when there is none."""
        known = self._known
        return known.nodes.get(name) or known.folded_nodes.get(name.casefold())

    def model(self, name: str) -> str | None:
        """The model called `name`, in any case, as the nodes spell it; None when there is none."""
        return next((m for m in self.models if m.casefold() == name.casefold()), None)

    def model_asked(self, model: str | None, node: str | None) -> str | None:
        """The model that somebody asks for, by its name or by its node; None: any."""
        found = None if node is None else self.node(node)
        return model if found is None else found.model

    def models_of(self, shares: Iterable[Share]) -> str:
        """As in "4 × V100", "2 × V100 + 4 × A100"."""
        counts: dict[str, int] = {}
        for share in shares:
            node = self.node(share.node)
            model = "GPU" if node is None else node.model
            counts[model] = counts.get(model, 0) + share.gpus
        return " + ".join(f"{count} × {model}" for model, count in counts.items())

    def team(self, name: str) -> Team | None:
        """The team called `name`, in any case; None when there is none."""
        return self._known.teams.get(name.casefold())

    def job(self, name: str) -> JobTemplate | None:
        """The template called `name`, in any case; None when there is none."""
        return next((j for j in self.jobs if j.name.casefold() == name.casefold()), None)

    def teams_of(self, user: str) -> tuple[Team, ...]:
        """The teams that `user` belongs to, in the order of the configuration."""
        return self._known.teams_of.get(user, ())

    def is_admin(self, user: str) -> bool:
        """Whether `user` may change everybody's bookings and the nodes."""
        return user in self.admins


@dataclass(frozen=True, slots=True)
class _Known:
    """What follows from a cluster's nodes and teams."""

    grid: Grid
    nodes: Mapping[str, Node]
    #: By their names as they are compared; of names that differ only in case, the first counts.
    folded_nodes: Mapping[str, Node]
    node_names: tuple[str, ...]
    teams: Mapping[str, Team]
    #: The teams of each person.
    teams_of: Mapping[str, tuple[Team, ...]]
    models: tuple[str, ...]
    #: By model, and of all nodes.
    sizes: Mapping[str | None, Size]

    @classmethod
    def of(cls, cluster: Cluster) -> _Known:
        """What follows from this cluster."""
        nodes, teams = cluster.nodes, cluster.teams
        models = tuple(dict.fromkeys(node.model for node in nodes))
        teams_of: dict[str, tuple[Team, ...]] = {}
        for team in teams:
            for user in team.members | team.leads:
                teams_of[user] = (*teams_of.get(user, ()), team)
        return cls(
            grid=Grid(cluster.policy.slot, cluster.zone),
            nodes={node.name: node for node in reversed(nodes)},
            folded_nodes={node.name.casefold(): node for node in reversed(nodes)},
            node_names=tuple(node.name for node in nodes),
            teams={team.name.casefold(): team for team in reversed(teams)},
            teams_of=teams_of,
            models=models,
            sizes={None: _size_of(nodes)}
            | {model: _size_of(n for n in nodes if n.model == model) for model in models},
        )


def _size_of(nodes: Iterable[Node]) -> Size:
    gpus = [node.gpus for node in nodes]
    return Size(sum(gpus), max(gpus, default=0))
