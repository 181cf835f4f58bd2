"""`POST /alerts`: Alertmanager's webhook.

Alertmanager tries again after an answer of 5xx and gives up after one of 4xx, so only what can
never be taken is refused. What it sends twice is taken once.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import logging
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import JSONResponse
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
)

from bot.domain.alert_notice import AlertNotice
from bot.monitoring.dcgm import NodeNames, gpu_index
from bot.services.alertmanager import take_notices
from bot.services.site import Site
from bot.web.api.schemas import FIRST_YEAR, LAST_YEAR
from bot.web.problems import Problem

log = logging.getLogger(__name__)

#: So many alerts of one webhook are taken; more would bury the operators' channel.
MOST_ALERTS = 50
#: Longer texts are cut: they are told to people.
LONGEST_TEXT, LONGEST_LABEL, MOST_LABELS = 1000, 200, 40


def _cut(value: object) -> object:
    """Text of a bearable length that every database can keep: JSON may say what is no text."""
    if not isinstance(value, str):
        return value
    return value[:LONGEST_TEXT].encode("utf-8", "replace").decode().replace("\0", "?")


Text = Annotated[str, BeforeValidator(_cut)]
Texts = Annotated[dict[Text, Text], Field(max_length=200)]


def _of_our_time(value: datetime) -> datetime:
    """In UTC. Instants outside of these years exist in no reader's zone, or not even in UTC."""
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValueError(f"the year must lie between {FIRST_YEAR} and {LAST_YEAR}")
    return value.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_of_our_time)]


class Alert(BaseModel):
    """One alert, as far as it matters here."""

    status: Literal["firing", "resolved"]
    labels: Texts
    annotations: Texts = {}
    startsAt: Instant  # noqa: N815 - Alertmanager's name
    fingerprint: Annotated[str, Field(pattern="^[0-9a-f]{1,64}$")]


class Webhook(BaseModel):
    """The body of a webhook of version 4."""

    version: Literal["4"]
    alerts: Annotated[list[Alert], Field(max_length=10_000)]


async def _read(request: Request) -> bytes:
    """The body; its length is bounded before (`bot.web.headers`)."""
    return await request.body()


def alert_routes(
    site: Site, now: Callable[[], datetime], token: str, node_label: str = ""
) -> APIRouter:
    """The route; without a `token` there is none. `node_label` names nodes; empty: the usual."""
    router = APIRouter(include_in_schema=False)

    @router.post("/alerts")
    def alerts(
        body: Annotated[bytes, Depends(_read)], authorization: Annotated[str, Header()] = ""
    ) -> Response:
        _check_token(token, authorization)
        webhook = _webhook(body)
        names = NodeNames(site.cluster.nodes, node_label)
        notices = [_notice(alert, names) for alert in webhook.alerts[:MOST_ALERTS]]
        left_out = len(webhook.alerts) - len(notices)
        if left_out:
            log.warning("Alertmanager sent %d alerts at once; %d left out", len(notices), left_out)
        taken = take_notices(site, notices, now=now())
        return JSONResponse(
            {"firing": taken.firing, "resolved": taken.resolved, "left_out": left_out}
        )

    return router


def _check_token(token: str, authorization: str) -> None:
    """Raise Problem 404 without a token, 401 unless it is given as bearer token or password."""
    if not token:
        raise Problem(404, "not_configured", "GPUBOT_ALERTS_TOKEN is not set.")
    if not hmac.compare_digest(token.encode(), _given(authorization).encode()):
        headers = {"WWW-Authenticate": "Bearer"}
        detail = "This needs the token that GPUBOT_ALERTS_TOKEN has."
        raise Problem(401, "bad_token", detail, headers=headers)


def _given(authorization: str) -> str:
    """The secret of the header, of either scheme; empty: none."""
    scheme, _, given = authorization.strip().partition(" ")
    if scheme.casefold() == "bearer":
        return given.strip()
    if scheme.casefold() != "basic":
        return ""
    try:
        user_and_password = base64.b64decode(given.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return user_and_password.partition(":")[2]


def _webhook(body: bytes) -> Webhook:
    """What the body says. Raises Problem 400 for no JSON, 422 for JSON that says something else."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise Problem(400, "no_json", "The body is not JSON.") from None
    try:
        return Webhook.model_validate(content)
    except ValidationError as error:
        where = "; ".join(".".join(map(str, one["loc"])) for one in error.errors()[:5])
        raise Problem(422, "bad_input", f"This is not Alertmanager's webhook: {where}.") from None


def _notice(alert: Alert, names: NodeNames) -> AlertNotice:
    labels, said = alert.labels, alert.annotations
    node = names.find(labels)
    gpu = gpu_index(labels.get("gpu", ""))
    return AlertNotice(
        fingerprint=alert.fingerprint,
        is_firing=alert.status == "firing",
        starts_at=alert.startsAt.replace(microsecond=0),
        name=labels.get("alertname", "")[:LONGEST_LABEL] or "(no name)",
        labels={
            key[:LONGEST_LABEL]: value[:LONGEST_LABEL]
            for key, value in sorted(labels.items())[:MOST_LABELS]
            if key != "alertname"
        },
        severity=labels.get("severity", ""),
        summary=said.get("summary", ""),
        description=said.get("description", "") or said.get("message", ""),
        runbook=said.get("runbook", ""),
        value=_number(said.get("value", "")),
        node=None if node is None else node.name,
        gpu=gpu if node is not None and gpu is not None and gpu < node.gpus else None,
    )


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
