"""What buttons carry: requests and small references, packed into a value and checked on return.

A value may come back hours later, or altered by whoever sent it; what is unpacked here is
therefore judged again like anything that was typed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.domain.booking import Priority, Shape
from bot.domain.cluster import Cluster
from bot.domain.errors import N_, InputError
from bot.domain.job import JobOrder
from bot.domain.job_json import fits_button, pack_order, unpack_order
from bot.domain.queue_request import QueueRequest, build_queue
from bot.domain.request import BookingRequest, build_request
from bot.domain.wait_request import WaitRequest, build_wait
from bot.domain.window import GRACE, Window, asked_length

#: No calendar reaches further, and no `datetime` overflows.
LATEST_STAMP = 4_102_444_800
#: No booking is made longer by more than this at once.
LONGEST = timedelta(days=400)
#: Ids have no more digits, and so fit into any database's integers.
ID_DIGITS = 9


class StaleButton(InputError):
    """A button whose value means nothing (any more)."""

    code = "stale_button"
    template = N_("This button is out of date. Start afresh with `/gpu reserve` or `/gpu mine`.")


def pack_requests(requests: Iterable[BookingRequest], *, at_once: bool = False) -> str:
    """Requests that differ in their windows only, as a button's value.

    With `at_once` the button says "now", and goes on meaning it.
    """
    requests = tuple(requests)
    first = requests[0]
    return _pack(
        **_shape_fields(first.shape),
        w=[[_stamp(r.window.start), _stamp(r.window.end)] for r in requests],
        p=int(first.priority),
        e=int(first.preemptible),
        t=first.team,
        u=first.purpose,
        now=int(at_once),
        j=_order(first.job),
        c=first.continues,
    )


def _shape_fields(shape: Shape) -> dict[str, Any]:
    return {"n": shape.gpus, "on": shape.node, "m": shape.model, "s": int(shape.spread)}


def _pack(**fields: Any) -> str:
    kept = {name: value for name, value in fields.items() if value not in (None, "", 0)}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


def unpack_requests(value: str, *, now: datetime, cluster: Cluster) -> tuple[BookingRequest, ...]:
    """The requests in a button's value, within today's bounds.

    Raises InputError: InThePast for a start that has passed, unless the button said "now". It then
    means the same length from now on.
    """
    packed = _unpack(value)
    return tuple(
        build_request(
            **common,
            **_times(window, now, cluster, at_once=at_once and len(packed) == 1),
            now=now,
            cluster=cluster,
        )
        for common, window, at_once in packed
    )


def _unpack(value: str) -> list[tuple[dict[str, Any], Window, bool]]:
    """What is asked for besides the time, the window, and whether "now" was said. Unchecked."""
    fields = _object(value)
    try:
        windows = [Window(_instant(start), _instant(end)) for start, end in fields["w"]]
        common, at_once = _common(fields), bool(fields.get("now"))
    except (KeyError, TypeError, ValueError) as error:
        raise StaleButton from error
    if not 1 <= len(windows) <= 2:
        raise StaleButton
    return [(common, window, at_once) for window in windows]


def _common(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "gpus": _whole(fields["n"]),
        "node": _name(fields.get("on")),
        "model": _name(fields.get("m")),
        "spread": bool(fields.get("s")),
        "priority": Priority(_whole(fields.get("p", 0))),
        "preemptible": bool(fields.get("e")),
        "team": _name(fields.get("t")),
        "purpose": _name(fields.get("u")) or "",
        "job": None if fields.get("j") is None else unpack_order(fields["j"]),
        "continues": None if fields.get("c") is None else _booking_id(fields["c"]),
    }


def _times(window: Window, now: datetime, cluster: Cluster, *, at_once: bool) -> dict[str, Any]:
    """How the window is asked for now; one that lies in the past is left for others to refuse."""
    if at_once and window.start < now - GRACE:
        return {"start": None, "length": asked_length(window, cluster.grid)}
    just_begun = window.start <= now < window.start + GRACE
    return {"start": None if just_begun else window.start, "end": window.end}


def sketch(value: str) -> tuple[BookingRequest, ...]:
    """The requests in a value as they were packed, to begin anew with; empty: nothing usable."""
    try:
        packed = _unpack(value)
    except InputError:
        return ()
    return tuple(_sketched(common, window) for common, window, _ in packed)


def _sketched(common: dict[str, Any], window: Window) -> BookingRequest:
    shape = Shape(common["gpus"], common["node"], common["model"], common["spread"])
    names = ("priority", "preemptible", "team", "purpose", "job", "continues")
    return BookingRequest(shape, window, **{name: common[name] for name in names})


def pack_wish(wish: WaitRequest) -> str:
    """A wish for GPUs between two instants, as a button's value."""
    return _pack(
        **_shape_fields(wish.shape),
        l=int(wish.length.total_seconds()),
        a=None if wish.earliest is None else _stamp(wish.earliest),
        b=None if wish.latest is None else _stamp(wish.latest),
        p=int(wish.priority),
        e=int(wish.preemptible),
        t=wish.team,
        u=wish.purpose,
        j=_order(wish.job),
        c=wish.continues,
    )


def unpack_wish(value: str, *, now: datetime, cluster: Cluster) -> WaitRequest:
    """The wish in a button's value, within today's bounds; what has begun counts from now on.

    Raises InputError: InThePast or WindowTooSmall when too little of its time is left.
    """
    fields = _wish_fields(value)
    earliest = fields.pop("earliest")
    begun = earliest is None or earliest <= now
    return build_wait(**fields, earliest=None if begun else earliest, now=now, cluster=cluster)


def sketch_wish(value: str) -> WaitRequest | None:
    """The wish in a value as it was packed, to begin anew with; None: nothing usable."""
    try:
        fields = _wish_fields(value)
    except InputError:
        return None
    shape = Shape(*(fields.pop(name) for name in ("gpus", "node", "model", "spread")))
    return WaitRequest(shape=shape, **fields)


def _wish_fields(value: str) -> dict[str, Any]:
    fields = _object(value)
    try:
        return {
            **_common(fields),
            "length": _span(fields["l"]),
            "earliest": None if fields.get("a") is None else _instant(fields["a"]),
            "latest": None if fields.get("b") is None else _instant(fields["b"]),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise StaleButton from error


def pack_queued(work: QueueRequest) -> str:
    """Short work for a gap, as a button's value."""
    return _pack(
        **_shape_fields(work.shape),
        l=int(work.length.total_seconds()),
        p=int(work.priority),
        t=work.team,
        u=work.command,
        j=None if work.command else _order(work.job),
    )


def _order(order: JobOrder | None) -> dict[str, Any] | None:
    """The order, where it may stand in a button; else it is found by the booking it goes on with.

    What is in the environment of somebody's own job is for no button.
    """
    if order is None or (order.own is not None and order.own.env):
        return None
    packed = pack_order(order)
    return packed if fits_button(packed) else None


def unpack_queued(value: str, *, cluster: Cluster) -> QueueRequest:
    """The short work in a button's value, within today's bounds. Raises InputError."""
    fields = _object(value)
    try:
        length, common = _span(fields["l"]), _common(fields)
    except (KeyError, TypeError, ValueError) as error:
        raise StaleButton from error
    names = ("gpus", "node", "model", "priority", "team", "job")
    return build_queue(
        **{name: common[name] for name in names},
        length=length,
        command=common["purpose"],
        cluster=cluster,
    )


def pack(booking: int, what: datetime | timedelta | None = None) -> str:
    """A booking, and maybe an instant or a length, as a button's value."""
    if what is None:
        return str(booking)
    number = _stamp(what) if isinstance(what, datetime) else int(what.total_seconds())
    return f"{booking}:{number}"


def unpack_id(value: str) -> int:
    """The id of a booking, transfer, waitlist entry or offer. Raises StaleButton."""
    if len(value) > ID_DIGITS:
        raise StaleButton
    return _digits(value)


def unpack_moment(value: str) -> tuple[int, datetime]:
    """A booking's id and an instant. Raises StaleButton."""
    booking, _, stamp = value.partition(":")
    return unpack_id(booking), _instant(_digits(stamp))


def unpack_length(value: str) -> tuple[int, timedelta]:
    """A booking's id and a length. Raises StaleButton."""
    booking, _, seconds = value.partition(":")
    length = timedelta(seconds=_digits(seconds))
    if length > LONGEST:
        raise StaleButton
    return unpack_id(booking), length


def pack_page(page: int, at: datetime | None = None) -> str:
    """A page of a list, maybe as it is at an instant."""
    return f"{page}:{'' if at is None else _stamp(at)}"


def unpack_page(value: str) -> tuple[int, datetime | None]:
    """A page of a list, and the instant it shows (None: now). Raises StaleButton."""
    page, _, stamp = value.partition(":")
    return _digits(page), _instant(_digits(stamp)) if stamp else None


def _object(value: str) -> dict[str, Any]:
    try:
        fields = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise StaleButton from error
    if not isinstance(fields, dict):
        raise StaleButton
    return fields


def _digits(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise StaleButton
    return int(text)


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(value)
    return value


def _booking_id(value: object) -> int:
    number = _whole(value)
    if not 0 < number < 10**ID_DIGITS:
        raise StaleButton
    return number


def _name(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(value)
    return value


def _span(seconds: object) -> timedelta:
    length = timedelta(seconds=min(max(_whole(seconds), 0), LATEST_STAMP))
    if length > LONGEST:
        raise StaleButton
    return length


def _stamp(instant: datetime) -> int:
    return int(instant.timestamp())


def _instant(stamp: object) -> datetime:
    number = _whole(stamp)
    if not 0 <= number <= LATEST_STAMP:
        raise StaleButton
    return datetime.fromtimestamp(number, UTC)
