"""`POST /hooks/github`: a workflow that succeeded books GPUs, as the configuration says.

GitHub signs each delivery with the webhook's secret; what is not signed by it is refused before it
is read. What is signed but sets nothing off is answered with the reason, which GitHub shows in the
webhook's list of deliveries.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from bot.domain.booking import booking_label
from bot.domain.errors import BookingError
from bot.domain.pipelines import Trigger, WorkflowRun
from bot.domain.waitlist import entry_label
from bot.services.github_run import Launched, book_for_run, triggers_for
from bot.services.site import Site
from bot.web.problems import Problem, to_problem

log = logging.getLogger(__name__)

#: A run that ended longer ago books nothing: GitHub delivers again for three days at most, and
#: whoever has copied an old delivery should not be able to use it for ever.
STALE = timedelta(days=3)
SIGNED = "sha256="

Text = Annotated[str, Field(max_length=300)]
Number = Annotated[int, Field(ge=1, le=2**63 - 1)]


class Repository(BaseModel):
    """A repository, as far as it matters here."""

    full_name: Text
    default_branch: Text = ""


class Login(BaseModel):
    """Somebody on GitHub."""

    login: Text


class Run(BaseModel):
    """A run of a workflow, as far as it matters here."""

    id: Number
    name: Text | None = None
    path: Text = ""
    head_branch: Text | None = None
    head_repository: Repository | None = None
    run_number: Number
    run_attempt: Number = 1
    conclusion: Text | None = None
    updated_at: AwareDatetime
    triggering_actor: Login | None = None


class Delivery(BaseModel):
    """The body of a `workflow_run` event."""

    action: Text
    workflow_run: Run
    repository: Repository


async def _read(request: Request) -> bytes:
    """The body as it was signed. Its length is bounded before (`bot.web.headers`)."""
    return await request.body()


def hook_routes(site: Site, now: Callable[[], datetime], secret: str) -> APIRouter:
    """The route; `secret` is the webhook's, empty: there is none. `now` is aware UTC."""
    router = APIRouter(prefix="/hooks", include_in_schema=False)

    @router.post("/github")
    def github(
        body: Annotated[bytes, Depends(_read)],
        x_hub_signature_256: Annotated[str, Header()] = "",
        x_github_event: Annotated[str, Header()] = "",
        x_github_delivery: Annotated[str, Header()] = "",
    ) -> Response:
        _check_signature(secret, body, x_hub_signature_256)
        log.info("GitHub delivered %.40r: %.60r", x_github_event, x_github_delivery)
        if x_github_event == "ping":
            return JSONResponse({"status": "pong"})
        if x_github_event != "workflow_run":
            return _ignored(f"only workflow_run events book, not {x_github_event[:40] or 'none'}")
        return _answer(site, _delivery(body), now())

    return router


def _check_signature(secret: str, body: bytes, given: str) -> None:
    """Raise Problem 404 without a secret, 401 unless `given` is its signature of `body`."""
    if not secret:
        raise Problem(404, "not_configured", "GPUBOT_GITHUB_SECRET is not set.")
    signature = SIGNED + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(signature.encode(), given.encode()):
        raise Problem(401, "bad_signature", "This is not signed with the webhook's secret.")


def _delivery(body: bytes) -> Delivery:
    """What the body says. Raises Problem 400 for no JSON, 422 for JSON that says something else."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        detail = "The body is not JSON; choose the content type application/json for the webhook."
        raise Problem(400, "no_json", detail) from None
    try:
        return Delivery.model_validate(content)
    except ValidationError as error:
        where = "; ".join(".".join(map(str, one["loc"])) for one in error.errors()[:5])
        raise Problem(422, "bad_input", f"This is not a workflow_run event: {where}.") from None


def _answer(site: Site, delivery: Delivery, now: datetime) -> Response:
    run = _run(delivery)
    if (why := _why_not(delivery, run, now)) is not None:
        return _ignored(why)
    found = triggers_for(site.cluster, run)
    if not found:
        return _ignored(f"no [[github]] is for {run.repository}, {run.workflow}, {run.branch}")
    made, refused = _book_all(site, run, found, now)
    told = _told(made)
    if refused is not None:
        raise to_problem(refused, None, **told) from refused
    return JSONResponse({"status": "booked" if told["bookings"] else "waiting", **told}, 201)


def _book_all(
    site: Site, run: WorkflowRun, found: Sequence[tuple[int, Trigger]], now: datetime
) -> tuple[list[Launched], BookingError | None]:
    """What all triggers of a run led to, and the first refusal: it is no other trigger's fault."""
    made: list[Launched] = []
    refused: BookingError | None = None
    for place, trigger in found:
        try:
            made.append(book_for_run(site, trigger, run, place=place, now=now))
        except BookingError as error:
            refused = refused or error
    return made, refused


def _why_not(delivery: Delivery, run: WorkflowRun, now: datetime) -> str | None:
    """Why no run like this books anything; None: it may."""
    if delivery.action != "completed":
        return f"the run is {delivery.action}, not completed"
    if run.conclusion != "success":
        return f"the run ended with {run.conclusion or 'nothing'}, not with success"
    if run.is_of_a_fork:
        return "the run is of a fork, whose code anybody may have written"
    if run.ended_at < now - STALE:
        return f"the run ended more than {STALE.days} days ago"
    return None


def _run(delivery: Delivery) -> WorkflowRun:
    told, repository = delivery.workflow_run, delivery.repository
    head = told.head_repository
    return WorkflowRun(
        repository=repository.full_name,
        default_branch=repository.default_branch,
        head_repository="" if head is None else head.full_name,
        branch=told.head_branch or "",
        workflow=told.name or "",
        # After the file there may be the branch that it was read from.
        file=told.path.partition("@")[0].rpartition("/")[2],
        id=told.id,
        attempt=told.run_attempt,
        number=told.run_number,
        by=told.triggering_actor.login if told.triggering_actor else "somebody",
        conclusion=told.conclusion or "",
        ended_at=told.updated_at,
    )


def _told(made: Sequence[Launched]) -> dict[str, list[str]]:
    booked = [booking_label(one.booking.id) for one in made if one.booking is not None]
    waiting = [entry_label(one.entry.id) for one in made if one.entry is not None]
    return {"bookings": booked, "wishes": waiting}


def _ignored(why: str) -> Response:
    return JSONResponse({"status": "ignored", "why": why}, 202)
