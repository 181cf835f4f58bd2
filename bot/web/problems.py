"""Errors as programs read them: problem details (RFC 9457), one shape for everything."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from bot import logs
from bot.domain.conflict import Conflict
from bot.domain.errors import (
    BookingError,
    InputError,
    NotAllowed,
    NotFound,
    QuotaExceeded,
    WrongState,
)
from bot.domain.notes import Note
from bot.domain.window import Window
from bot.services.join_waitlist import FreeAlready
from bot.store.errors import Busy, Uncertain
from bot.web.plain import Plain

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
#: So many mistakes of one request are told; a body can have more of them than it has lines.
MOST_MISTAKES = 20

#: The first class that fits decides.
STATUS: tuple[tuple[type[BookingError], int], ...] = (
    (NotFound, 404),
    (NotAllowed, 403),
    (QuotaExceeded, 403),
    (Conflict, 409),
    (FreeAlready, 409),
    (WrongState, 409),
    (Busy, 503),
    (InputError, 422),
    (BookingError, 422),
)


class Problem(Exception):
    """An answer that is an error. `more` are further members of its body."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **more: object,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.headers, self.more = dict(headers or {}), more

    def response(self) -> Response:
        """The problem as HTTP."""
        content = {
            "type": f"urn:gpubot:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            **self.more,
        }
        # What was sent may be repeated in it, and need not be text that can be written.
        body = json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")
        return Response(body, self.status, self.headers, media_type=MEDIA_TYPE)


def to_problem(error: BookingError, reader: Plain | None = None, **more: Any) -> Problem:
    """What a refusal of the services says over HTTP, in the reader's words; None: in English.

    `more` are further members of its body.
    """
    status = next(status for kind, status in STATUS if isinstance(error, kind))
    if error.form_field:
        more["field"] = error.form_field
    words = reader or Plain()
    fields = {name: _as_json(value, words) for name, value in error.fields.items()}
    if fields:
        more["fields"] = fields
    # Who tries again by themselves would book twice what may have been done.
    is_over_soon = status == 503 and not isinstance(error, Uncertain)
    headers = {"Retry-After": "2"} if is_over_soon else None
    return Problem(status, error.code, words.error(error), headers=headers, **more)


def of_http(error: HTTPException) -> Problem:
    """What an error that has a status says."""
    code = HTTPStatus(error.status_code).name.lower()
    headers = dict(error.headers or {})
    return Problem(error.status_code, code, str(error.detail), headers=headers)


def incident(method: str, path: str, error: Exception) -> Problem:
    """What is said of an error that nobody foresaw; the log has it under the same number."""
    number = secrets.token_hex(4)
    logs.note(incident=number)
    log.error("incident %s: %s %s", number, method, path, exc_info=error)
    detail = f"Something went wrong; the log has it under incident {number}."
    return Problem(500, "incident", detail, incident=number)


def install(web: FastAPI) -> None:
    """Have every error of `web` answered as a problem."""

    @web.exception_handler(Problem)
    def problem(_request: Request, error: Problem) -> Response:
        return error.response()

    @web.exception_handler(BookingError)
    def refused(request: Request, error: BookingError) -> Response:
        return to_problem(error, getattr(request.state, "reader", None)).response()

    @web.exception_handler(RequestValidationError)
    def invalid(_request: Request, error: RequestValidationError) -> Response:
        found = [
            {
                "at": ".".join(str(part) for part in one["loc"]),
                "why": one["msg"].removeprefix("Value error, "),
            }
            for one in error.errors()[:MOST_MISTAKES]
        ]
        detail = "; ".join(f"{one['at']}: {one['why']}" for one in found)
        return Problem(422, "bad_input", detail, errors=found).response()

    @web.exception_handler(HTTPException)
    def http(_request: Request, error: HTTPException) -> Response:
        return of_http(error).response()

    @web.exception_handler(Exception)
    def unknown(request: Request, error: Exception) -> Response:
        return incident(request.method, request.url.path, error).response()


def _as_json(value: object, words: Plain) -> object:
    match value:
        case Note():
            return words.note(value)
        case Window():
            return {"start": value.start.isoformat(), "end": value.end.isoformat()}
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case bool() | int() | float() | None:
            return value
        case tuple() | list():
            return [_as_json(item, words) for item in value]
        case _:
            return str(value)
