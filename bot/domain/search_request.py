"""What people look for or wait for: `free`, `wait`, `queue`, `status`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from bot.domain.booking import Priority, Shape
from bot.domain.booking_request import check_length, check_start
from bot.domain.cluster import Cluster, Policy
from bot.domain.errors import Contradiction, Missing
from bot.domain.fitting import ROUNDED
from bot.domain.lengths import MISSING_LENGTH
from bot.domain.notes import Note
from bot.domain.options import MISSING_COUNT, Options, read_count, read_options
from bot.domain.scanning import skip
from bot.domain.shape_rules import check_shape, known_team
from bot.domain.timephrase import Moment, read_moment
from bot.domain.timevalues import Context
from bot.domain.when import When, read_bare_length
from bot.domain.words import Text, clean_text

FREE_EXAMPLE = "/gpu free 4 20h tomorrow 22:00"
WAIT_EXAMPLE = "/gpu wait 4 20h from tomorrow 08:00 by fri 18:00"
QUEUE_EXAMPLE = "/gpu queue 1 45m python train.py"
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


@dataclass(frozen=True, slots=True)
class WaitRequest:
    """A wish for the waitlist: GPUs for `length`, wholly between two instants."""

    shape: Shape
    #: Whole slots.
    length: timedelta
    #: The earliest start; None: now.
    not_before: datetime | None
    #: The latest end; None: as late as bookings may be.
    by: datetime | None
    priority: Priority
    preemptible: bool
    team: str | None
    purpose: str
    notes: tuple[Note, ...] = field(default=(), compare=False)


class QueueRequest(NamedTuple):
    """A short run; `command` is what was typed after the length, maybe nothing."""

    gpus: int
    length: timedelta
    command: str


def parse_free(
    text: str, *, now: datetime, zone: tzinfo, cluster: Cluster, month_first: bool = True
) -> FreeRequest:
    """Read `[N] [LENGTH] [WHEN] [model M] [on NODE] [spread]`; a day means from its beginning."""
    context = Context(now, zone, month_first, FREE_EXAMPLE, f"/gpu free {Text.of(text).typed}")
    said = read_options(text, cluster, context)
    when = said.when.finish(whole_day=True)
    shape = _shape_of(said, cluster, gpus=1)
    length, notes = _whole_slots(_length_of(when, now) or cluster.policy.slot, cluster.policy)
    not_before = _not_before(when, now, cluster)
    check_length(length, now, None, priority=_most_patient(cluster.policy), cluster=cluster)
    return FreeRequest(
        gpus=shape.gpus,
        length=length,
        not_before=not_before,
        model=shape.model,
        node=shape.node,
        spread=shape.spread,
        notes=when.notes + notes,
    )


def parse_wait(
    text: str, *, now: datetime, zone: tzinfo, cluster: Cluster, month_first: bool = True
) -> WaitRequest:
    """Read `N LENGTH [from WHEN] [by WHEN]` and the other words of a booking."""
    context = Context(now, zone, month_first, WAIT_EXAMPLE, f"/gpu wait {Text.of(text).typed}")
    said = read_options(text, cluster, context)
    when = said.when.finish(whole_day=True, agree=False)
    priority = Priority.P2 if said.priority is None else said.priority
    shape = _shape_of(said, cluster)
    length, notes = _whole_slots(_needed_length(when), cluster.policy)
    check_length(length, now, None, priority=priority, cluster=cluster)
    not_before = _not_before(when, now, cluster)
    by = when.end.instant if when.end else None
    if by is not None and by - (not_before or now) < length:
        raise Contradiction(
            first=when.length_phrase, second=said.when.end.phrase, example=WAIT_EXAMPLE
        )
    return WaitRequest(
        shape=shape,
        length=length,
        not_before=not_before,
        by=by,
        priority=priority,
        preemptible=said.preemptible_at(priority),
        team=known_team(cluster, said.team) if said.team else None,
        purpose=clean_text(said.purpose or ""),
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


def _needed_length(when: When) -> timedelta:
    if when.length is None:
        raise Missing(what=MISSING_LENGTH, example=WAIT_EXAMPLE, form_field="length")
    return when.length


def _whole_slots(length: timedelta, policy: Policy) -> tuple[timedelta, tuple[Note, ...]]:
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


def _most_patient(policy: Policy) -> Priority:
    """The priority with the longest bookings: looking is not yet booking."""
    return max(policy.max_length, key=policy.max_length.__getitem__)


def parse_queue(text: str, *, cluster: Cluster) -> QueueRequest:
    """Read `N LENGTH [command or job]`; the command is kept as typed."""
    words = Text.of(text)
    count = read_count(words, skip(words, 0))
    if count is None:
        raise Missing(what=MISSING_COUNT, example=QUEUE_EXAMPLE, form_field="gpus")
    length = read_bare_length(words, skip(words, count[1]))
    if length is None:
        raise Missing(what=MISSING_LENGTH, example=QUEUE_EXAMPLE, form_field="length")
    shape = check_shape(cluster, count[0])
    return QueueRequest(shape.gpus, length[0], words.typed[length[1] :].strip())


def parse_day_or_moment(
    text: str, *, now: datetime, zone: tzinfo, month_first: bool = True
) -> Moment:
    """Read the WHEN of `status [WHEN]` and `calendar [WHEN]`, which may have passed.

    Nothing means now; a day means its beginning, in `zone` (`is_day` is set).
    """
    context = Context(now, zone, month_first, STATUS_EXAMPLE)
    if not Text.of(text).plain.strip():
        return Moment(now, is_now=True)
    return read_moment(text, context, whole_day=True)
