"""Which proof opens which route: `docs/security.md` shows it, `test_doors.py` tries every pair."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Proof(StrEnum):
    """What somebody shows to be let in."""

    NOTHING = "nothing"
    MADE_UP = "a made-up token"
    READ = "token: read"
    BOOK = "token: book"
    AUDIT = "token: audit"
    REPORT = "token: report"
    FEED = "a feed's address"
    PIPELINE = "the team's pipeline"
    OTHER_PIPELINE = "another team's pipeline"
    BOOKING = "the booking's token"
    SESSION = "a session"
    NO_CSRF = "a session without its secret"
    SLACK = "Slack's signature"
    OLD_SLACK = "an old signature"
    GITHUB = "GitHub's signature"
    ALERTS = "Alertmanager's token"


P = Proof
EVERYBODY = frozenset(Proof)
#: A token that is none is refused also where nobody needs one.
BAD_TOKENS = frozenset({P.MADE_UP, P.BOOKING, P.ALERTS})
PAGE = frozenset({P.SESSION, P.NO_CSRF})
READERS = PAGE | {P.READ, P.PIPELINE, P.OTHER_PIPELINE}
OF_THE_TEAM = READERS - {P.OTHER_PIPELINE}
BOOKERS = frozenset({P.BOOK, P.PIPELINE, P.OTHER_PIPELINE, P.SESSION})
CHANGERS = BOOKERS - {P.OTHER_PIPELINE}
#: A look that is a POST: the page repeats its secret with it all the same.
CHECKERS = frozenset({P.READ, P.PIPELINE, P.OTHER_PIPELINE, P.SESSION})

#: Every route, and the proofs that open it.
DOORS: Mapping[str, frozenset[Proof]] = {
    "GET /": READERS,
    "GET /report": PAGE | {P.REPORT},
    "GET /runs/{key}/log": OF_THE_TEAM,
    "GET /healthz": EVERYBODY,
    "GET /readyz": EVERYBODY,
    "GET /metrics": EVERYBODY,
    "GET /api/docs": EVERYBODY - BAD_TOKENS,
    "GET /api/openapi.json": EVERYBODY,
    "GET /calendar.ics": frozenset({P.FEED}),
    "POST /slack/events": frozenset({P.SLACK}),
    "POST /hooks/github": frozenset({P.GITHUB}),
    "POST /alerts": frozenset({P.ALERTS}),
    "GET /api/v1/bookings": READERS,
    "GET /api/v1/bookings/{booking}": READERS,
    "GET /api/v1/bookings/{booking}/notice": OF_THE_TEAM | {P.BOOKING},
    "POST /api/v1/bookings/{booking}/checkpoint": frozenset({P.BOOKING}),
    "GET /api/v1/bookings/{booking}/log": OF_THE_TEAM,
    "POST /api/v1/bookings/check": CHECKERS,
    "POST /api/v1/bookings": BOOKERS,
    "POST /api/v1/bookings/together": BOOKERS,
    "POST /api/v1/bookings/{booking}/extend": CHANGERS,
    "POST /api/v1/bookings/{booking}/move": CHANGERS,
    "POST /api/v1/bookings/{booking}/release": CHANGERS,
    "POST /api/v1/bookings/{booking}/cancel": CHANGERS,
    "PUT /api/v1/bookings/{booking}/job": CHANGERS,
    "DELETE /api/v1/bookings/{booking}/job": CHANGERS,
    "GET /api/v1/free": READERS,
    "GET /api/v1/nodes": READERS,
    "GET /api/v1/waitlist": READERS,
    "GET /api/v1/waitlist/{wish}": READERS,
    "POST /api/v1/waitlist": BOOKERS,
    "DELETE /api/v1/waitlist/{wish}": CHANGERS,
    "GET /api/v1/offers": READERS,
    "POST /api/v1/offers/{offer}/accept": CHANGERS,
    "POST /api/v1/offers/{offer}/decline": CHANGERS,
    "GET /api/v1/notices": READERS,
    "GET /api/v1/audit": PAGE | {P.AUDIT},
    "GET /api/v1/me": READERS,
    "GET /api/v1/calendar": READERS,
    "GET /api/v1/events": READERS,
    "GET /api/v1/reports": PAGE | {P.REPORT},
    "GET /api/v1/reports.csv": PAGE | {P.REPORT},
}
#: Steps of signing in and out, each with proofs of its own: `tests/web/test_sign_in.py`.
SIGNING_IN = frozenset({"GET /sign-in", "POST /sign-in", "GET /sign-in/callback", "POST /sign-out"})
#: What is sent to routes that want something; where it is nothing that can be done, that is told
#: to those alone who are let in.
BODIES: Mapping[str, object] = {
    "POST /slack/events": {"type": "url_verification", "challenge": "x"},
    "POST /alerts": {"version": "4", "alerts": []},
    "POST /api/v1/bookings/{booking}/checkpoint": {"path": "last.pt"},
    "POST /api/v1/bookings/{booking}/extend": {"length": "900h"},
    "POST /api/v1/bookings/{booking}/move": {"start": "2020-01-01T00:00Z"},
    "POST /api/v1/bookings/{booking}/cancel": {"reason": "x" * 301},
    "POST /api/v1/bookings/{booking}/release": {"gpus": 99},
    "PUT /api/v1/bookings/{booking}/job": {"template": "no-such-job"},
    "POST /api/v1/waitlist": {"gpus": 1, "length": "900h"},
    "POST /api/v1/bookings": {"gpus": 1, "length": "900h"},
    "POST /api/v1/bookings/check": {"gpus": 1, "length": "2h"},
    "POST /api/v1/bookings/together": {"orders": [{"gpus": 1, "length": "900h"}]},
}
