"""What people want when GPUs are taken: to wait for them, to queue, or to take them."""

from __future__ import annotations

from datetime import datetime, timedelta

from builders import ALICE, TONIGHT, actor, request
from delivering import deliver

from bot.domain.booking import Priority, Shape
from bot.domain.queue_request import QueueRequest
from bot.domain.request import BookingRequest
from bot.domain.wait_request import WaitRequest
from bot.services import look
from bot.services.preempt import Preempted, preempt
from bot.services.site import Site

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)

#: An hour into what begins tonight: half a slot.
LATER = TONIGHT + HOUR
#: When somebody who is warned then has to be gone.
GONE = LATER + 30 * MINUTE


def urgent(
    gpus: int = 4, start: datetime = LATER, hours: float | None = None, **where: str
) -> BookingRequest:
    """Urgent work, as a slot's length from LATER or from a line is rounded."""
    usual = 3 if start == LATER else 2
    return request(gpus, start, hours or usual, priority=Priority.P0, **where)


def take(
    site: Site,
    asked: BookingRequest,
    *,
    now: datetime = LATER,
    user: str = ALICE,
    reason: str = "customer demo",
    expected: range | set[int] = range(1000),
    key: str | None = None,
    heard: bool = True,
) -> Preempted:
    """Alice takes GPUs for urgent work, whoever has to go, and they hear of it at once."""
    done = preempt(site, actor(user), asked, reason=reason, expected=expected, now=now, key=key)
    if heard:
        deliver(site, now)
    return done


def wish(
    gpus: int = 4,
    hours: float = 4,
    *,
    earliest: datetime | None = None,
    latest: datetime | None = TONIGHT + 12 * HOUR,
    priority: Priority = Priority.P2,
    node: str | None = "gpu-01",
    model: str | None = None,
) -> WaitRequest:
    """A wish for GPUs of gpu-01 until tomorrow morning."""
    return WaitRequest(
        shape=Shape(gpus, node, model),
        length=timedelta(hours=hours),
        earliest=earliest,
        latest=latest,
        priority=priority,
        preemptible=priority.preemptible_by_default,
        team=None,
        purpose="",
    )


def short(
    gpus: int = 4, minutes: int = 45, command: str = "make", *, node: str | None = "gpu-01"
) -> QueueRequest:
    """Short work on gpu-01."""
    return QueueRequest(Shape(gpus, node), minutes * MINUTE, Priority.P2, None, command)


def actions(site: Site, booking: int | None = None) -> list[str]:
    """What was done, in order; to one booking where given."""
    return [record.action for record in look.history(site, booking)]
