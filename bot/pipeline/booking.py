"""What a pipeline does with a booking: make it, wait until it has begun, give it back."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.errors import InputError
from bot.domain.lengths import parse_length
from bot.pipeline.client import Client, Failed, Json
from bot.pipeline.exits import Exit
from bot.pipeline.showing import instant, line_of, shown
from bot.pipeline.signals import Interrupted

#: Seconds between two looks at a booking that has not begun: the first, and the longest.
FIRST_LOOK_S, LONGEST_LOOK_S = 3.0, 30.0
#: What tells this job from every other one, where a CI says so. Trying a step again is the same
#: job; running the whole job again is another one.
JOBS = (
    ("CI_JOB_ID",),
    ("GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB", "RUNNER_TRACKING_ID"),
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a pipeline wants."""

    #: The words after `/gpu reserve`.
    text: str
    #: How long it may take to begin; None: do not wait.
    wait: str | None = None
    #: Whether the booking stays when the command is interrupted.
    keep: bool = False


def worded(arguments: Sequence[str], purpose: str = "") -> str:
    """The words as one text. What the shell took the quotes from gets them back."""
    if len(arguments) == 1:
        words = list(arguments)
    else:
        words = [_word(one) if any(map(str.isspace, one)) else one for one in arguments]
    return " ".join([*words, *([_quoted(purpose)] if purpose else [])])


def _word(argument: str) -> str:
    """The argument in quotes; of a job's parameter only the value: `data="my data.yaml"`."""
    name, equals, value = argument.partition("=")
    if equals and name.replace("_", "").isalnum():
        return f"{name}={_quoted(value)}"
    return _quoted(argument)


def _quoted(text: str) -> str:
    if text[:1] in "\"“«「'" and len(text) > 1:
        return text
    return f"«{text}»" if '"' in text else f'"{text}"'


def job_key(environment: Mapping[str, str], text: str, more: str = "") -> str:
    """The key by which a step that is tried again books once; random outside of a CI.

    `more` tells apart what the CI does not, such as the jobs of a matrix.
    """
    for names in JOBS:
        if environment.get(names[0]):
            parts = [environment.get(name, "") for name in names]
            named = "\0".join([*parts, text, more]).encode("utf-8", "surrogateescape")
            return hashlib.sha256(named).hexdigest()[:32]
    return uuid.uuid4().hex


class Pipeline:
    """Books by `client`; `tell` is for people, `sleep` (seconds) waits between two looks."""

    def __init__(
        self,
        client: Client,
        tell: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client, self._tell, self._sleep = client, tell, sleep

    def book(self, wish: Wish, key: str) -> Json:
        """Book, and with a wait stay until it has begun. Raises Failed, or lets Interrupted rise.

        Interrupted, it gives back what it has booked, unless the wish says to keep it.
        """
        body = {"text": wish.text, **({"within": wish.wait} if wish.wait else {})}
        longest = None if wish.wait is None else _length(wish.wait)
        try:
            booking = self._client.post("/bookings", body, key)
            self._tell(f"Booked {line_of(booking)}")
            for note in booking.get("notes") or ():
                self._tell(str(note))
            if longest is not None:
                booking = self._begun(booking, longest, keep=wish.keep)
            return _not_over(booking)
        except Interrupted:
            if not wish.keep:
                self._undo(body, key)
            raise

    def give_back(self, label: str, reason: str = "") -> Json:
        """Release what runs, cancel what has not begun, leave alone what is over."""
        booking = self._client.get(f"/bookings/{label}")
        for act in _ways_out(str(booking.get("state"))):
            with _suppress_wrong_state():
                after = self._client.post(f"/bookings/{label}/{act}", _because(reason))
                self._tell(f"{after['id']}: {after['state']}")
                return after
        after = self._client.get(f"/bookings/{label}")
        self._tell(f"{after['id']} is over already: {after['state']}")
        return after

    def cancel(self, label: str, reason: str = "") -> Json:
        """Cancel what has not begun; anything else is refused."""
        # A key, or trying again after an answer that was lost would be refused.
        after = self._client.post(f"/bookings/{label}/cancel", _because(reason), uuid.uuid4().hex)
        self._tell(f"{after['id']}: {after['state']}")
        return after

    def _begun(self, booking: Json, longest: timedelta, *, keep: bool) -> Json:
        """The booking once it has begun."""
        latest = max(instant(booking["created_at"]) + longest, instant(booking["start"]))
        pause = FIRST_LOOK_S
        while booking["state"] == "reserved":
            self._sleep(pause)
            pause = min(pause * 1.5, LONGEST_LOOK_S)
            before, booking = booking, self._client.get(f"/bookings/{booking['id']}")
            if booking["start"] != before["start"]:
                self._tell(f"Moved: {line_of(booking)}")
                self._check_in_time(booking, latest, keep=keep)
        self._tell(f"Begun: {line_of(_not_over(booking))}")
        return booking

    def _check_in_time(self, booking: Json, latest: datetime, *, keep: bool) -> None:
        if instant(booking["start"]) <= latest:
            return
        if not keep:
            self.give_back(booking["id"], "it would begin too late for its pipeline")
        said = f"{booking['id']} was moved to {shown(booking['start'])}, later than you would wait"
        raise Failed(Exit.LOST, said, booking)

    def _undo(self, body: Json, key: str) -> None:
        """Give back what was booked; the same request again says what that was."""
        self._client.hurry()
        with suppress(Failed):
            booking = self._client.post("/bookings", body, key)
            self.give_back(booking["id"], "its pipeline was interrupted")


@contextmanager
def _suppress_wrong_state() -> Iterator[None]:
    """Go on where a booking has begun or ended meanwhile."""
    try:
        yield
    except Failed as error:
        if error.problem.get("code") != "wrong_state":
            raise


def _not_over(booking: Json) -> Json:
    """The booking, unless it is over, as one that the same key made earlier may be."""
    if booking["state"] not in ("reserved", "active"):
        raise Failed(Exit.LOST, f"{booking['id']} was lost: {booking['state']}", booking)
    return booking


def _ways_out(state: str) -> tuple[str, ...]:
    """How to end a booking that was in that state a moment ago."""
    return {"reserved": ("cancel", "release"), "active": ("release",)}.get(state, ())


def _because(reason: str) -> Json:
    return {"reason": reason} if reason else {}


def _length(text: str) -> timedelta:
    try:
        return parse_length(text)
    except InputError as error:
        raise Failed(Exit.USAGE, str(error).replace("`", "")) from None
