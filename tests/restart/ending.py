"""What has to be so when the story is over, however often gpubot was killed on the way."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import datetime
from typing import Any

from restart.story import CLUSTER, END
from simulation.ahead import ahead
from simulation.books import Books

from bot.sandbox import Sandbox
from bot.services.audit import verify
from bot.services.delivery import LIVING_TOPICS
from bot.services.site import Site
from bot.store.database import Database

LIVING = ", ".join(f"'{topic}'" for topic in sorted(LIVING_TOPICS))

#: What can happen to a booking, an offer or a warning only once; by the prefix of its count.
ONCE = ("started", "ended", "reclaimed", "released", "cancelled", "no_show", "restored", "overran",
        "booked_again", "kept_new_time", "queued_run", "offer_accepted")  # fmt: skip

#: Messages that promise something for an instant, which has to lie ahead when they are sent.
PROMISES = (
    re.compile(r"reclaimed at <!date\^(\d+)\^.*Please save"),
    re.compile(r"Held until <!date\^(\d+)"),
    re.compile(r"Without an answer it is released at <!date\^(\d+)"),
    re.compile(r"starts (?:now|in [^:]*): .*?<!date\^(\d+)"),
    re.compile(r"ends in [^,]*, at <!date\^(\d+)"),
)


class Ending:
    """The books, the diary and Slack, when everything is over."""

    def __init__(self, url: str, diary: list[dict[str, Any]], slack: Sandbox) -> None:
        self._database = Database(url)
        self._site = Site.open(self._database, CLUSTER)
        self._books = Books(url)
        self._diary = diary
        self._slack = slack
        #: Of PROMISES, what was told to somebody.
        self.promised: set[re.Pattern[str]] = set()

    def close(self) -> None:
        self._books.close()
        self._database.close()

    def check(self) -> None:
        """Everything."""
        errors = [entry["error"] for entry in self._diary if "error" in entry]
        assert not errors, errors[0]
        verdict = verify(self._site)
        assert verdict.ok, verdict.why
        self._check_done()
        self._check_once()
        self._check_outbox()
        self._check_posts()
        self._check_living()
        self._check_promises()

    def _check_done(self) -> None:
        """Nothing that was due is left."""
        late = [due for due in ahead(self._books, END, CLUSTER.policy) if due.at < END]
        assert not late, f"left undone: {late}"

    def _check_once(self) -> None:
        """Each thing that happens once happened once."""
        rows = self._books.rows("SELECT action, booking, after FROM audit")
        counts = Counter((row["action"], row["booking"]) for row in rows)
        twice = {key: n for key, n in counts.items() if n > 1 and key[0] in ONCE}
        assert not twice, f"done twice: {twice}"
        booked = [row["booking"] for row in rows if row["action"] in ("reserved", "took")]
        receipts = self._books.rows("SELECT key, result FROM receipt")
        given = [number for row in receipts for number in _booked(row["key"], row["result"])]
        assert sorted(booked) == sorted(given), "a request was booked twice, or not at all"

    def _check_outbox(self) -> None:
        """Every message was sent, or skipped for a reason."""
        left = self._books.rows(
            "SELECT topic, subject, recipient, state, error FROM outbox"
            " WHERE state NOT IN ('sent', 'skipped')"
        )
        assert not left, f"not delivered: {[tuple(row) for row in left]}"

    def _check_posts(self) -> None:
        """No message stands in Slack twice but those that were under way at a kill."""
        posted = [c for c in self._slack.calls("chat.postMessage") if c.result["ok"]]
        living = self._books.one("SELECT count(*) FROM posted")
        plain = self._books.one(
            f"SELECT count(*) FROM outbox WHERE state = 'sent' AND topic NOT IN ({LIVING})"
        )
        unsure = sum(entry.get("in_flight") == "chat.postMessage" for entry in self._diary)
        told = f"{len(posted)} posts of {living} living and {plain} other messages, {unsure} unsure"
        assert living + plain <= len(posted) <= living + plain + unsure, told

    def _check_living(self) -> None:
        """Every living message shows what it was made to show last."""
        told = {
            (entry["subject"], entry["to"]): entry["told"]
            for entry in self._diary
            if entry.get("told") and entry["topic"] in LIVING_TOPICS
        }
        for row in self._books.rows("SELECT * FROM posted"):
            shown = self._slack.workspace.messages.get(row["channel"], row["ts"])
            assert shown is not None, f"the message about {row['subject']} is gone"
            last = told[row["subject"], row["recipient"]]
            assert shown.text == last, f"{row['subject']} shows {shown.text!r}, not {last!r}"

    def _check_promises(self) -> None:
        """Nobody was told of something to come when it was past."""
        for entry in self._diary:
            for promise in PROMISES if entry.get("told") else ():
                for found in promise.finditer(entry["told"]):
                    self.promised.add(promise)
                    at = datetime.fromisoformat(entry["at"])
                    assert int(found[1]) >= at.timestamp(), json.dumps(entry)


def _booked(key: str, result: str) -> list[int]:
    """The bookings that a request led to, by its receipt."""
    verb, found = key.split(":")[1], json.loads(result)
    return {"reserve": lambda: found, "preempt": lambda: found[:1]}.get(verb, list)()
