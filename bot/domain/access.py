"""What a token may do, and for whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Scope(StrEnum):
    """One thing that a token allows."""

    #: Bookings, nodes, free windows, the waitlist, the calendar, one's own notices.
    READ = "read"
    #: Booking, and changing what its owner may change.
    BOOK = "book"
    #: The audit log.
    AUDIT = "audit"
    #: Reports.
    REPORT = "report"
    #: A calendar feed, and nothing else.
    FEED = "feed"


#: What somebody who signed in may do through the API, as on the page.
EVERYTHING = frozenset({Scope.READ, Scope.BOOK, Scope.AUDIT, Scope.REPORT})


class TokenKind(StrEnum):
    """What a token is for."""

    #: A person's own programs.
    PERSON = "person"
    #: A pipeline of one team; books for that team only.
    PIPELINE = "pipeline"
    #: A calendar that subscribes to `/calendar.ics`.
    FEED = "feed"


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is remembered: everything but its secret."""

    id: int
    kind: TokenKind
    name: str
    #: On whose behalf it acts.
    user: str
    #: The team it is bound to; None: whatever its owner may.
    team: str | None
    scopes: frozenset[Scope]
    #: What a feed shows: "person:U0ALICE", "team:vision", "node:gpu-01"; None for other kinds.
    target: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    used_at: datetime | None

    def is_good(self, now: datetime) -> bool:
        """Whether it opens anything at `now`."""
        expired = self.expires_at is not None and self.expires_at <= now
        return self.revoked_at is None and not expired

    @property
    def via(self) -> str:
        """How the audit names it: `token:7 nightly`, or `pipeline:7 nightly` for a team's own."""
        kind = "pipeline" if self.kind is TokenKind.PIPELINE else "token"
        return f"{kind}:{self.id} {self.name}"
