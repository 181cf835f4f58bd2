"""What people look for: `free` and `status`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo

from bot.domain.booking import Priority, Shape
from bot.domain.booking_request import check_length, check_start
from bot.domain.cluster import Cluster, Policy
from bot.domain.errors import Missing
from bot.domain.fitting import ROUNDED
from bot.domain.notes import Note
from bot.domain.options import MISSING_COUNT, Options, read_options
from bot.domain.shape_rules import check_shape
from bot.domain.timephrase import Moment, read_moment
from bot.domain.timevalues import Context
from bot.domain.when import When
from bot.domain.words import Text

FREE_EXAMPLE = "/gpu free 4 20h tomorrow 22:00"
STATUS_EXAMPLE = "/gpu status tomorrow 22:00"


@dataclass(frozen=True, slots=True)
class FreeRequest:
    """Where and when to look for free GPUs."""

    gpus: int
    #: Whole slots; one slot unless asked otherwise.
    length: timedelta
    #: The earliest start; None: now.
    not_before: datetime | None = None
    model: str | None = None
    node: str | None = None
    spread: bool = False
    notes: tuple[Note, ...] = field(default=(), compare=False)

    @property
    def shape(self) -> Shape:
        """Which GPUs are looked for."""
        return Shape(self.gpus, self.node, self.model, self.spread)


def parse_free(
    text: str, *, now: datetime, zone: tzinfo, cluster: Cluster, month_first: bool = True
) -> FreeRequest:
    """Read `[N] [LENGTH] [WHEN] [model M] [on NODE] [spread]`; a day means from its beginning."""
    context = Context(now, zone, month_first, FREE_EXAMPLE, f"/gpu free {Text.of(text).typed}")
    said = read_options(text, cluster, context)
    when = said.when.finish(whole_day=True)
    shape = _shape_of(said, cluster, gpus=1)
    length, notes = whole_slots(_length_of(when, now) or cluster.policy.slot, cluster.policy)
    not_before = _not_before(when, now, cluster)
    check_length(length, now, None, priority=most_patient(cluster.policy), cluster=cluster)
    return FreeRequest(
        gpus=shape.gpus,
        length=length,
        not_before=not_before,
        model=shape.model,
        node=shape.node,
        spread=shape.spread,
        notes=when.notes + notes,
    )


def _shape_of(said: Options, cluster: Cluster, gpus: int | None = None) -> Shape:
    """The GPUs asked for; `gpus` where no count was given."""
    count = gpus if said.gpus is None else said.gpus
    if count is None:
        raise Missing(what=MISSING_COUNT, example=said.when.context.example, form_field="gpus")
    spread = bool(said.spread)
    return check_shape(cluster, count, node=said.node, model=said.model, spread=spread)


def _length_of(when: When, now: datetime) -> timedelta | None:
    """The length, as such or as what lies between start and end."""
    if when.end is None:
        return when.length
    return when.end.instant - (when.start.instant if when.start else now)


def whole_slots(length: timedelta, policy: Policy) -> tuple[timedelta, tuple[Note, ...]]:
    """`length` rounded up to whole slots, and a note where that changed it."""
    rounded = -(-length // policy.slot) * policy.slot
    return rounded, () if rounded == length else (Note(ROUNDED, {"length": rounded}),)


def _not_before(when: When, now: datetime, cluster: Cluster) -> datetime | None:
    """The earliest start; None for now, which the beginning of today is too."""
    start = when.start
    if start is None or start.is_now or (start.is_day and start.instant <= now):
        return None
    check_start(start.instant, now=now, cluster=cluster)
    return max(start.instant, now)


def most_patient(policy: Policy) -> Priority:
    """The priority with the longest bookings: looking is not yet booking."""
    return max(policy.max_length, key=lambda priority: (policy.max_length[priority], priority))


def parse_day_or_moment(
    text: str,
    *,
    now: datetime,
    zone: tzinfo,
    month_first: bool = True,
    example: str = STATUS_EXAMPLE,
) -> Moment:
    """Read the WHEN of `status [WHEN]` and `calendar [WHEN]`, which may have passed.

    Nothing means now; a day means its beginning, in `zone` (`is_day` is set). `example` is shown
    to who writes something else.
    """
    context = Context(now, zone, month_first, example)
    if not Text.of(text).plain.strip():
        return Moment(now, is_now=True)
    return read_moment(text, context, whole_day=True)
