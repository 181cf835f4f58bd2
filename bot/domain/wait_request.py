"""What people wait for: GPUs for a length of time, somewhere between two instants.

See the design, "Waitlist". How the words are read stands in `bot.domain.wait_words`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.domain.booking import Priority, Shape
from bot.domain.booking_request import check_length, check_start
from bot.domain.cluster import Cluster
from bot.domain.errors import (
    N_,
    BadLength,
    EndBeforeStart,
    InputError,
    InThePast,
    PastHorizon,
    TooShort,
    WindowTooSmall,
)
from bot.domain.fitting import ENDS_AT, ROUNDED
from bot.domain.job import JobOrder
from bot.domain.job_templates import check_order
from bot.domain.notes import Note
from bot.domain.retelling import retold
from bot.domain.shape_rules import check_shape, known_team
from bot.domain.window import GRACE, Grid, check_aware
from bot.domain.words import clean_text

#: How far after the earliest start a wish may begin when no end was given.
DEFAULT_WAIT = timedelta(days=7)

WAIT_EXAMPLE = "/gpu wait 4 20h by fri 18:00"

FROM_LINE = N_("From {start}, the beginning of that slot.")
FROM_NOW = N_("That slot has already begun, so this counts from now on.")


@dataclass(frozen=True, slots=True)
class WaitRequest:
    """A wish for GPUs between two instants: within bounds, and on the grid."""

    shape: Shape
    #: Whole slots.
    length: timedelta
    #: The earliest start, a line of the grid; None: from now on.
    earliest: datetime | None
    #: The latest end, a line of the grid; None: see `default_latest`.
    latest: datetime | None
    priority: Priority
    preemptible: bool
    #: None: the asker's own team, when there is exactly one.
    team: str | None
    purpose: str
    #: How the words were read and rounded, for the asker; no part of what is asked.
    notes: tuple[Note, ...] = field(default=(), compare=False)
    #: What runs on the booking that comes of it, and whose work that goes on with.
    job: JobOrder | None = None
    continues: int | None = None


def default_latest(
    earliest: datetime | None, now: datetime, length: timedelta = timedelta()
) -> datetime:
    """The latest end of a wish without one: it begins within DEFAULT_WAIT and lasts `length`.

    Without `length` even a wish of a week's length would have to begin at once.
    """
    return (earliest or now) + DEFAULT_WAIT + length


def build_wait(
    *,
    gpus: int,
    length: timedelta,
    earliest: datetime | None,
    latest: datetime | None,
    now: datetime,
    cluster: Cluster,
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
) -> WaitRequest:
    """A wish with every bound and name checked; text, forms and the API all come through here.

    The length and the latest end are rounded up to the grid; the earliest start goes down to its
    slot's beginning, or is now when that has passed. `preemptible` None: as the priority has it.
    `notes` say how words were read; those about rounding are added. Raises InputError.
    """
    with told_for_waiting():
        shape = check_shape(cluster, gpus, node=node, model=model, spread=spread)
        request = WaitRequest(
            shape=shape,
            length=length,
            earliest=earliest,
            latest=latest,
            priority=priority,
            preemptible=priority.preemptible_by_default if preemptible is None else preemptible,
            team=known_team(cluster, team) if team else None,
            purpose=clean_text(purpose),
            notes=notes,
            job=None if job is None else check_order(cluster, job, shape),
            continues=continues,
        )
        _check_bounds(request, now, cluster)
        fitted = _on_grid(request, now, cluster.grid)
        _check_room(fitted, request, now)
        return fitted


@contextmanager
def told_for_waiting() -> Iterator[None]:
    """Have errors within name the fields of this form, and show examples of this command."""
    with retold("/gpu wait", _example_of, {"start": "earliest"}):
        yield


def _example_of(error: InputError) -> str:
    """An example with the moment that the error suggests, if it is about a moment."""
    word = {"earliest": "from", "latest": "by"}.get(error.form_field or "")
    suggested = str(error.fields["example"])
    if word is None or suggested.startswith("/gpu "):
        return WAIT_EXAMPLE
    return f"/gpu wait 4 20h {word} {suggested}"


def _check_bounds(request: WaitRequest, now: datetime, cluster: Cluster) -> None:
    """Refuse lengths that no booking has, and moments at which none could start or end."""
    slot, length = cluster.policy.slot, request.length
    if length <= timedelta():
        raise BadLength(word=length, example=WAIT_EXAMPLE)
    check_length(length, now, None, priority=request.priority, cluster=cluster)
    if length < slot:
        raise TooShort(length=length, slot=slot)
    check_start(request.earliest, now=now, cluster=cluster)
    if request.latest is not None:
        _check_latest(request.latest, request, now, cluster)


def _check_latest(latest: datetime, request: WaitRequest, now: datetime, cluster: Cluster) -> None:
    """Refuse an end that has passed, or before which only starts past the horizon make sense."""
    if check_aware(latest) <= now:
        raise InThePast(start=latest, now=now, form_field="latest")
    if request.earliest is not None and latest <= request.earliest:
        raise EndBeforeStart(start=request.earliest, end=latest, form_field="latest")
    horizon = cluster.policy.horizon
    if latest > now + horizon + request.length:
        last = cluster.grid.floor(now + horizon)
        raise PastHorizon(start=latest, horizon=horizon, latest=last, form_field="latest")


def _on_grid(request: WaitRequest, now: datetime, grid: Grid) -> WaitRequest:
    """The wish rounded outward, with a note for everything that changed."""
    length = max(1, -((GRACE - request.length) // grid.slot)) * grid.slot
    earliest, notes = _round_start(request.earliest, now, grid)
    latest = None if request.latest is None else grid.round_end(check_aware(request.latest))
    if length > request.length:
        notes = (Note(ROUNDED, {"length": length}), *notes)
    if latest is not None and request.latest is not None and latest > request.latest:
        notes = (*notes, Note(ENDS_AT, {"end": latest}))
    notes = request.notes + notes
    return replace(request, length=length, earliest=earliest, latest=latest, notes=notes)


def _round_start(
    earliest: datetime | None, now: datetime, grid: Grid
) -> tuple[datetime | None, tuple[Note, ...]]:
    """The beginning of the slot that `earliest` lies in; None when that has passed."""
    if earliest is None:
        return None, ()
    asked, line = check_aware(earliest), grid.floor(earliest)
    moved = asked - max(line, now) > GRACE
    if line <= now:
        return None, (Note(FROM_NOW),) if moved else ()
    return line, (Note(FROM_LINE, {"start": line}),) if moved else ()


def _check_room(fitted: WaitRequest, asked: WaitRequest, now: datetime) -> None:
    """Refuse less time than is needed; up to GRACE is not missed, as with any end."""
    if fitted.latest is None or asked.latest is None:
        return
    if fitted.length > fitted.latest - (fitted.earliest or now) + GRACE:
        window = asked.latest - max(asked.earliest or now, now)
        raise WindowTooSmall(length=fitted.length, window=window, example=WAIT_EXAMPLE)
