"""The domain's values as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from bot.domain.booking import Booking, Placement, Priority, Shape, booking_label
from bot.domain.cluster import Cluster
from bot.domain.conflict import Alternative, Blocker
from bot.domain.request import BookingRequest
from bot.domain.window import Window, asked_length
from bot.services.change import OPEN_END
from bot.services.links import calendar_path
from bot.services.site import Site
from bot.web.access import Viewer
from bot.web.api.job_bodies import job_order, job_result
from bot.web.plain import Plain

Json = dict[str, Any]


def booking_result(site: Site, booking: Booking, names: Mapping[str, str], viewer: Viewer) -> Json:
    """A booking as `viewer` sees it."""
    return {
        "id": booking_label(booking.id),
        "number": booking.id,
        "owner": booking.owner,
        "owner_name": names.get(booking.owner, booking.owner),
        "team": booking.team,
        "start": booking.window.start,
        "end": booking.window.end,
        "gpus": booking.gpus,
        "shares": [(share.node, share.gpus) for share in booking.shares],
        "priority": booking.priority.name,
        "preemptible": booking.preemptible,
        "purpose": booking.purpose,
        "state": booking.state,
        "queued": booking.queued,
        "gpu_ids": [(node, list(ids)) for node, ids in booking.gpu_ids],
        "overrun_from": booking.overrun_from,
        "job": job_result(booking.job),
        "continues": None if booking.continues is None else booking_label(booking.continues),
        "created_at": booking.created_at,
        "may_change": viewer.may_change(site.cluster, booking),
        "links": {"page": site.address() + calendar_path(booking=booking.id)},
    }


def blocker_result(held: Blocker, names: Mapping[str, str], reader: Plain) -> Json:
    """Who is in the way, in the reader's words."""
    open_ended = held.window.end.timestamp() >= OPEN_END
    owner = held.owner
    return {
        "node": held.node,
        "gpus": held.gpus,
        "start": held.window.start,
        "end": None if open_ended else held.window.end,
        "booking": None if held.booking is None else booking_label(held.booking),
        "owner": owner,
        "owner_name": None if owner is None else names.get(owner, owner),
        "team": held.team,
        "priority": None if held.priority is None else Priority(held.priority).name,
        "reason": held.reason_in(reader.text),
        "held_until": held.held_until,
    }


def alternative_result(cluster: Cluster, found: Alternative, asked: BookingRequest | None) -> Json:
    """What is free instead, with the orders that book it where a booking was asked for."""
    return {
        "kind": found.kind,
        "gpus": found.shape.gpus,
        "parts": [part_result(part) for part in found.parts],
        "orders": [
            order_for(cluster, found.shape, part, asked)
            for part in found.parts
            if asked is not None
        ],
    }


def part_result(part: Placement) -> Json:
    """A window and where it lies."""
    nodes = [(share.node, share.gpus) for share in part.shares]
    return {"start": part.window.start, "end": part.window.end, "nodes": nodes}


def order_for(cluster: Cluster, shape: Shape, part: Placement, asked: BookingRequest) -> Json:
    """The body for `POST /bookings` that books `part`, with everything else as it was asked."""
    order = {
        "gpus": shape.gpus,
        "start": part.window.start.isoformat(),
        **_end(cluster, part.window, asked.priority),
        "node": shape.node,
        "model": shape.model,
        "spread": shape.spread,
        "priority": asked.priority.name,
        "preemptible": asked.preemptible,
        "team": asked.team,
        "purpose": asked.purpose,
        "job": job_order(asked.job),
    }
    return {name: value for name, value in order.items() if value is not None}


def _end(cluster: Cluster, window: Window, priority: Priority) -> Json:
    """The end of an order, or its length where rounding made the window longer than is allowed."""
    if window.length <= cluster.policy.max_length[priority]:
        return {"end": window.end.isoformat()}
    return {"length": f"{asked_length(window, cluster.grid) // timedelta(hours=1)}h"}
