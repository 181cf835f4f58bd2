"""What people ask for, read from the words of a command or built from a form.

Text is taken as Slack sends it: with `&`, `<` and `>` escaped. Everything raised is an InputError,
so that the asker learns which word or bound it was and what to type instead.
"""

from __future__ import annotations

from datetime import datetime, tzinfo

from bot.domain.booking import Priority
from bot.domain.booking_request import BookingRequest, build_request
from bot.domain.change_request import (
    DrainRequest,
    parse_cancel,
    parse_drain,
    parse_extend,
    parse_id_and_rest,
    parse_move,
    parse_release,
    parse_transfer,
)
from bot.domain.cluster import Cluster
from bot.domain.errors import Missing
from bot.domain.lengths import MISSING_LENGTH
from bot.domain.options import MISSING_COUNT, Options, read_options
from bot.domain.queue_request import QueueRequest, build_queue
from bot.domain.queue_words import parse_queue
from bot.domain.search_request import (
    FreeRequest,
    parse_day_or_moment,
    parse_free,
)
from bot.domain.timephrase import MISSING_START, Moment
from bot.domain.timevalues import Context
from bot.domain.wait_request import WaitRequest, build_wait, default_latest
from bot.domain.wait_words import parse_wait
from bot.domain.when import When
from bot.domain.words import Text

__all__ = [
    "BookingRequest",
    "DrainRequest",
    "FreeRequest",
    "QueueRequest",
    "WaitRequest",
    "build_queue",
    "build_request",
    "build_wait",
    "default_latest",
    "parse_cancel",
    "parse_day_or_moment",
    "parse_drain",
    "parse_extend",
    "parse_free",
    "parse_id_and_rest",
    "parse_move",
    "parse_queue",
    "parse_release",
    "parse_reserve",
    "parse_transfer",
    "parse_wait",
]

EXAMPLE = "/gpu reserve 4 tomorrow 22:00 20h"


def parse_reserve(
    text: str, *, now: datetime, zone: tzinfo, cluster: Cluster, month_first: bool = True
) -> BookingRequest:
    """Read `N WHEN LENGTH [p0|p1|p2] [on NODE] [model M] [spread] … ["purpose"]`, in any order.

    Times are on the wall clock of `zone`, the asker's; `month_first` is how `12/1` is read.
    """
    context = Context(now, zone, month_first, EXAMPLE, f"/gpu reserve {Text.of(text).typed}")
    said = read_options(text, cluster, context)
    when = said.when.finish()
    gpus, start = _check_complete(said, when)
    return build_request(
        gpus=gpus,
        start=None if start.is_now else start.instant,
        length=when.length,
        end=when.end.instant if when.end else None,
        node=said.node,
        model=said.model,
        spread=bool(said.spread),
        priority=Priority.P2 if said.priority is None else said.priority,
        preemptible=said.preemptible,
        team=said.team,
        purpose=said.purpose or "",
        job=said.order(),
        now=now,
        cluster=cluster,
        notes=when.notes,
    )


def _check_complete(said: Options, when: When) -> tuple[int, Moment]:
    """The count and the start; a missing part is asked for with the others as typed."""
    if said.gpus is not None and when.start is not None and (when.length or when.end):
        return said.gpus, when.start
    length = when.length_phrase or "20h"
    if when.end:
        length = f"until {said.when.end.phrase}"
    example = f"/gpu reserve {said.gpus or 4} {when.start_phrase or 'tomorrow 22:00'} {length}"
    if said.gpus is None:
        raise Missing(what=MISSING_COUNT, example=example, form_field="gpus")
    if when.start is None:
        raise Missing(what=MISSING_START, example=example, form_field="start")
    raise Missing(what=MISSING_LENGTH, example=example, form_field="length")
