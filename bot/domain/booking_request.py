"""What people ask for, complete, within bounds and on the grid."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from bot.domain.booking import Priority, Shape
from bot.domain.cluster import Cluster
from bot.domain.errors import InThePast, Missing, PastHorizon, TooLong, TooShort
from bot.domain.fitting import fit
from bot.domain.job import JobOrder
from bot.domain.job_templates import check_order
from bot.domain.lengths import MISSING_LENGTH
from bot.domain.notes import Note
from bot.domain.shape_rules import check_shape, known_team
from bot.domain.window import GRACE, Window, check_aware
from bot.domain.words import clean_text


@dataclass(frozen=True, slots=True)
class BookingRequest:
    """A booking that is asked for: complete, within bounds, and on the grid."""

    shape: Shape
    window: Window
    priority: Priority
    preemptible: bool
    #: None: the asker's own team, when there is exactly one.
    team: str | None
    purpose: str
    #: How the words were read and rounded, for the asker; no part of what is asked.
    notes: tuple[Note, ...] = field(default=(), compare=False)
    #: What runs on it; None: nothing by itself.
    job: JobOrder | None = None
    #: The booking whose work it goes on with; None: it is new work.
    continues: int | None = None


def build_request(
    *,
    gpus: int,
    start: datetime | None,
    now: datetime,
    cluster: Cluster,
    length: timedelta | None = None,
    end: datetime | None = None,
    node: str | None = None,
    model: str | None = None,
    spread: bool = False,
    priority: Priority = Priority.P2,
    preemptible: bool | None = None,
    team: str | None = None,
    purpose: str = "",
    notes: tuple[Note, ...] = (),
    job: JobOrder | None = None,
    continues: int | None = None,
) -> BookingRequest:
    """A request with every bound and name checked; text, forms and the API all come through here.

    `start` None means now. One of `length` and `end` is given (both: the end counts).
    `preemptible` None: as the priority has it. `notes` say how words were read; those about
    rounding are added. Raises InputError; TooShort carries the request rounded up to one slot.
    """
    shape = check_shape(cluster, gpus, node=node, model=model, spread=spread)
    asked = partial(
        BookingRequest,
        shape=shape,
        priority=priority,
        preemptible=priority.preemptible_by_default if preemptible is None else preemptible,
        team=known_team(cluster, team) if team else None,
        purpose=clean_text(purpose),
        job=None if job is None else check_order(cluster, job, shape),
        continues=continues,
    )
    if length is None and end is None:
        raise Missing(what=MISSING_LENGTH, example="20h", form_field="length")
    check_start(start, now=now, cluster=cluster)
    check_length(length, start or now, end, priority=priority, cluster=cluster)
    try:
        fitted = fit(start, length=length, end=end, grid=cluster.grid, now=now)
    except TooShort as error:
        fitted = fit(start, length=cluster.policy.slot, grid=cluster.grid, now=now)
        error.rounded = asked(window=fitted.window, notes=notes + fitted.notes)
        raise
    return asked(window=fitted.window, notes=notes + fitted.notes)


def check_start(start: datetime | None, *, now: datetime, cluster: Cluster) -> None:
    """Refuse a start that has passed or whose slot begins beyond the horizon."""
    if start is None:
        return
    asked, latest = check_aware(start), check_aware(now) + cluster.policy.horizon
    if asked < now - GRACE:
        raise InThePast(start=asked, now=now)
    # The first comparison keeps the grid from dates at the end of the calendar.
    if asked > latest + cluster.policy.slot * 2 or cluster.grid.floor(asked) > latest:
        raise PastHorizon(
            start=asked, horizon=cluster.policy.horizon, latest=cluster.grid.floor(latest)
        )


def check_length(
    length: timedelta | None,
    start: datetime,
    end: datetime | None,
    *,
    priority: Priority,
    cluster: Cluster,
) -> None:
    """Refuse what is longer, before rounding, than the priority may book."""
    asked = end - start if end is not None else length
    longest = cluster.policy.max_length[priority]
    if asked is not None and asked > longest:
        raise TooLong(length=asked, longest=longest, priority=priority.name)
