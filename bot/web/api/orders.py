"""Orders and wishes as the domain's requests; text and fields come through the same rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from bot.domain.booking import Priority
from bot.domain.errors import Missing
from bot.domain.job import JobOrder
from bot.domain.job_request import parse_order
from bot.domain.lengths import MISSING_LENGTH, parse_length
from bot.domain.options import MISSING_COUNT
from bot.domain.request import (
    BookingRequest,
    WaitRequest,
    build_request,
    build_wait,
    parse_reserve,
    parse_wait,
)
from bot.web.api.context import Api, Asker
from bot.web.api.job_bodies import read_job
from bot.web.api.schemas import JobBody, Order, Wanted, Wish
from bot.web.problems import Problem

Request = TypeVar("Request", BookingRequest, WaitRequest)


def read_order(api: Api, asker: Asker, order: Order, now: datetime) -> BookingRequest:
    """What an order asks for. Raises InputError, or Problem for a team that is not the token's."""
    if order.text is not None:
        _check_alone(order)
        return _for_team(asker, parse_reserve(_escaped(order.text), **_reading(api, asker, now)))
    return build_request(
        **_common(asker, order),
        start=order.start,
        length=None if order.length is None else parse_length(_escaped(order.length)),
        end=order.end,
        now=now,
        cluster=api.site.cluster,
    )


def read_wish(api: Api, asker: Asker, wish: Wish, now: datetime) -> WaitRequest:
    """What a wish asks for. Raises InputError, or Problem for a team that is not the token's."""
    if wish.text is not None:
        _check_alone(wish)
        return _for_team(asker, parse_wait(_escaped(wish.text), **_reading(api, asker, now)))
    if wish.length is None:
        raise Missing(what=MISSING_LENGTH, example="20h", form_field="length")
    return build_wait(
        **_common(asker, wish),
        length=parse_length(_escaped(wish.length)),
        earliest=wish.earliest,
        latest=wish.latest,
        now=now,
        cluster=api.site.cluster,
    )


def _common(asker: Asker, wanted: Wanted) -> dict[str, Any]:
    if wanted.gpus is None:
        raise Missing(what=MISSING_COUNT, example="4", form_field="gpus")
    return {
        "gpus": wanted.gpus,
        "node": wanted.node,
        "model": wanted.model,
        "spread": wanted.spread,
        "priority": Priority[wanted.priority],
        "preemptible": wanted.preemptible,
        "team": asker.own_team(wanted.team),
        "purpose": wanted.purpose,
        "job": _job(wanted.job),
    }


def _job(said: JobBody | str | None) -> JobOrder | None:
    if said is None:
        return None
    return parse_order(_escaped(said)) if isinstance(said, str) else read_job(said)


def _for_team(asker: Asker, request: Request) -> Request:
    return replace(request, team=asker.own_team(request.team))


def _reading(api: Api, asker: Asker, now: datetime) -> dict[str, Any]:
    return {
        "now": now,
        "zone": asker.reader.zone,
        "cluster": api.site.cluster,
        "month_first": asker.reader.month_first,
    }


def _check_alone(asked: Wanted) -> None:
    if asked.model_fields_set - {"within"} != {"text"}:
        raise Problem(422, "text_alone", "Give `text` alone, or the other fields without it.")


def _escaped(text: str) -> str:
    """As Slack would send it, which is what the readers of commands expect."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
