"""Delivering the outbox to Slack: at least once, in order for each recipient.

- A recipient whose message cannot be sent now holds up only itself. Slack's `Retry-After` is
  honoured by trying that row again later, never by sleeping.
- What Slack may take later (429, 5xx, timeouts, broken connections, answers that are no JSON) is
  tried again with growing pauses, for ever: an outage loses nothing.
- What Slack refuses for good is marked failed and logged, and the next row has its turn.
- Before sending, a row is rendered anew; None means that it no longer holds, and it is skipped.

A request that times out may have reached Slack all the same, and so may one after which the
process died or the database stayed away. It is sent again, so such a message can appear twice; the
Web API offers no key by which a second copy could be refused. Of two copies of a living message
later edits go to the one whose place was noted first.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from slack_sdk import WebClient
from sqlalchemy.exc import OperationalError

from bot import logs
from bot.clock import Clock
from bot.domain.booking import booking_label
from bot.services import delivery as box
from bot.services.delivery import Delivery, Lost, Outcome, Place
from bot.services.site import Site
from bot.slack.context import Message
from bot.slack.pictures import Pictures
from bot.slack.sending import Sender
from bot.slack.verdicts import Refused, TryLater
from bot.slack.workers import Workers
from bot.store.errors import Busy

log = logging.getLogger(__name__)

Render = Callable[[Delivery, datetime], Message | None]

#: About one post per second per channel is what Slack allows.
PACE = timedelta(seconds=1)
#: How long a claimed row stays with the process that claimed it, and how much of that has to be
#: left when Slack is called: the call takes its time, and may have to be noted more than once.
LEASE, LEFT_FOR_A_CALL = timedelta(seconds=30), timedelta(seconds=20)
#: First pause before another try; it doubles with each try up to LONGEST_PAUSE.
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=60)
#: A message that waits longer than this is worth a warning.
LATE = timedelta(minutes=15)
#: How often, and how many seconds apart, it is tried to note that Slack has taken a message.
SETTLE_TRIES, SETTLE_PAUSE_S = 10, 2.0
#: How long the loop sleeps when nothing wakes it, and when the database cannot be written.
IDLE = timedelta(seconds=5)
#: How often within the pace due rows are looked for: every commit wakes the loop, and the answer to
#: whoever caused it should have left before their message is prepared.
LOOKS_A_PACE = 20
#: How often somebody who waits for an idle outbox looks again when nobody tells them, in seconds.
LOOK_AGAIN_S = 0.05

#: Kinds of subjects that are named by their booking's number.
ABOUT_BOOKINGS = frozenset({"booking", "reminder", "idle"})


class Deliverer:
    """Sends pending rows of the outbox.

    `client` has a timeout and no retry handlers (they would sleep). `render` makes the message
    of a row, given the bot's now. `clock` is the bot's; `wall` tells the real time, aware UTC,
    for pauses and pacing. `pace` is the least time between two calls about one recipient; it may
    be changed at any time. `chance` spreads retries, so that many rows do not come back at one
    instant. Without `pictures` messages have none.
    """

    def __init__(
        self,
        site: Site,
        client: WebClient,
        render: Render,
        clock: Clock,
        *,
        wall: Callable[[], datetime],
        pace: timedelta = PACE,
        chance: random.Random | None = None,
        pictures: Pictures | None = None,
    ) -> None:
        self._site = site
        self._sender = Sender(site, client, pictures, self._before_call)
        self._render = render
        self._clock = clock
        self._wall = wall
        self.pace = pace
        self._chance = chance or random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._called_at: dict[str, datetime] = {}
        self._busy: set[str] = set()
        #: What the database has yet to be told of a delivery, by its recipient.
        self._owed: dict[str, Callable[[], None]] = {}
        #: What is claimed was claimed by a process before this one.
        self._inherits = site.database.is_of_one_process
        #: Until when nothing is begun, in monotonic seconds: the database cannot be written.
        self._resting_until = 0.0
        self._lock = threading.Lock()
        self._awake = threading.Event()
        self._freed = threading.Event()
        self._stopping = threading.Event()
        self._workers = Workers("outbox", threads=4, capacity=1000)
        self._loop = threading.Thread(target=self._run, name="outbox", daemon=True)

    def start(self) -> None:
        """Deliver in the background from now on."""
        self._workers.start()
        self._loop.start()

    def wake(self) -> None:
        """Look for due rows now; called after each commit and by a tick."""
        self._awake.set()

    def stop(self, timeout: float) -> None:
        """Finish the calls that are under way, for at most `timeout` seconds; rows stay."""
        self._stopping.set()
        self._awake.set()
        self._workers.drop_waiting()
        self._workers.stop(timeout)
        if self._loop.is_alive():
            self._loop.join(1)

    def wait_until_idle(self, timeout: float) -> bool:
        """Wait until nothing more can be sent now; False when `timeout` seconds were not enough.

        What Slack wants to have later is not waited for.
        """
        deadline = time.monotonic() + timeout
        while self._is_sending():
            left = deadline - time.monotonic()
            if left <= 0 or self._stopping.is_set():
                return False
            self._freed.wait(min(left, LOOK_AGAIN_S))
            self._freed.clear()
        return True

    def _is_sending(self) -> bool:
        # In this order: a row that is claimed after the first look is busy at the second.
        heads = box.heads(self._site, now=self._clock.now())
        wall = self._wall()
        if any(box.is_due(retry_at, wall) for retry_at in heads.values()):
            return True
        with self._lock:
            return bool(self._busy)

    def run_once(self) -> int:
        """Try the due head of each recipient, one after another; return how many were tried."""
        due, _ = self._due()
        return sum(self.deliver_to(recipient) for recipient in due)

    def deliver_to(self, recipient: str) -> bool:
        """Try the head of one recipient's queue; False when there was nothing to try."""
        try:
            self._pay(recipient)
            delivery = box.claim(
                self._site, recipient, now=self._clock.now(), wall=self._wall(), lease=LEASE,
                pace=self.pace,
            )  # fmt: skip
            if delivery is not None:
                self._try(delivery)
        except box.TooSoon as early:
            with self._lock:
                self._called_at[recipient] = early.at
            return False
        except (OperationalError, Busy) as error:
            # Its own log tells what is the matter with it, once.
            log.debug("outbox to %s: the database did not answer: %s", recipient, error)
            self._resting_until = time.monotonic() + IDLE.total_seconds()
            return False
        return delivery is not None

    def _try(self, delivery: Delivery) -> None:
        logs.note(outbox=delivery.ids[0], booking=_booking(delivery.subject))
        try:
            self._deliver(delivery)
        except (OperationalError, Busy):
            # Where nothing was sent yet it need not wait until the claim runs out.
            release = self._released(delivery)
            self._owed.setdefault(delivery.recipient, release)
            raise
        except TryLater as error:
            self._postpone(delivery, error)
        except Lost:
            log.warning("outbox %s to %s: another process has it", delivery.ids, delivery.recipient)
        except Refused as error:
            recipient = delivery.recipient
            log.error("outbox %s to %s: Slack refused: %s", delivery.ids, recipient, error)
            self._fail(delivery, str(error))
        except Exception as error:
            log.exception("outbox %s to %s cannot be sent", delivery.ids, delivery.recipient)
            self._fail(delivery, repr(error))

    def _deliver(self, delivery: Delivery) -> None:
        message = self._render(delivery, self._clock.now())
        if message is None:
            self._settle(delivery, Outcome.SKIPPED)
        else:
            self._settle(delivery, Outcome.SENT, self._sender.send(delivery, message))

    def _settle(self, delivery: Delivery, outcome: Outcome, place: Place | None = None) -> None:
        """Note what became of a delivery; what Slack has taken must not be sent once more."""
        write = partial(
            box.settle, self._site, delivery, outcome, now=self._clock.now(), place=place,
            called_at=self._last_call(delivery),
        )  # fmt: skip
        for left in reversed(range(SETTLE_TRIES)):
            try:
                self._note(delivery, write)
            except (OperationalError, Busy) as error:
                log.debug("outbox %s: the database did not answer: %s", delivery.ids, error)
                if not left or self._stopping.wait(SETTLE_PAUSE_S):
                    raise
            else:
                log.debug("%s to %s", outcome, delivery.recipient)
                return

    def _fail(self, delivery: Delivery, error: str) -> None:
        write = partial(
            box.settle, self._site, delivery, Outcome.FAILED, now=self._clock.now(), error=error,
            called_at=self._last_call(delivery),
        )  # fmt: skip
        self._note(delivery, write)

    def _note(self, delivery: Delivery, write: Callable[[], None]) -> None:
        """Tell the database of a delivery; what it cannot take now it is told before the next."""
        self._owed[delivery.recipient] = write
        self._pay(delivery.recipient)

    def _pay(self, recipient: str) -> None:
        """Tell the database what it is owed: what Slack has taken must not be sent once more."""
        owed = self._owed.get(recipient)
        if owed is not None:
            owed()
            del self._owed[recipient]

    def _released(self, delivery: Delivery) -> Callable[[], None]:
        """Gives a claim back, as long as it is ours."""

        def release() -> None:
            box.postpone(self._site, delivery, until=self._wall(), error="Busy")

        return release

    def _before_call(self, delivery: Delivery) -> None:
        """Slack is called about that delivery now. Raises Lost when it is no longer ours."""
        wall = self._wall()
        if delivery.until - wall < LEFT_FOR_A_CALL:
            box.prolong(self._site, delivery, until=wall + LEASE)
        with self._lock:
            self._called_at[delivery.recipient] = wall

    def _last_call(self, delivery: Delivery) -> datetime | None:
        """When Slack was called about the recipient, if any process has to wait for it."""
        return self._called_at.get(delivery.recipient) if self.pace else None

    def _postpone(self, delivery: Delivery, error: TryLater) -> None:
        pause = error.pause or self._pause_after(delivery.attempts)
        waiting = self._clock.now() - delivery.created_at
        level = logging.WARNING if waiting > LATE else logging.INFO
        log.log(
            level,
            "outbox %s to %s waits %.1f s after try %d (%s)",
            delivery.ids, delivery.recipient, pause.total_seconds(), delivery.attempts, error,
        )  # fmt: skip
        until = self._wall() + pause
        write = partial(
            box.postpone, self._site, delivery, until=until, error=str(error),
            called_at=self._last_call(delivery),
        )  # fmt: skip
        self._note(delivery, write)

    def _pause_after(self, attempts: int) -> timedelta:
        doubled = FIRST_PAUSE * 2 ** min(attempts - 1, 10)
        spread: float = self._chance.uniform(0.5, 1.0)
        capped: timedelta = min(doubled, LONGEST_PAUSE)
        return capped * spread

    def _due(self) -> tuple[list[str], datetime]:
        """Recipients to try now, and when to look again."""
        wall = self._wall()
        due, look_again = [], wall + IDLE
        for recipient, retry_at in box.heads(self._site, now=self._clock.now()).items():
            with self._lock:
                if recipient in self._busy:
                    continue
                called_at = self._called_at.get(recipient)
            at = wall if retry_at is None or box.is_due(retry_at, wall) else retry_at
            # A call of the future was noted before the clock was set back.
            if called_at is not None and called_at <= wall:
                at = max(at, called_at + self.pace)
            if at <= wall or recipient in self._owed:
                due.append(recipient)
            else:
                look_again = min(look_again, at)
        return due, look_again

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._awake.clear()
            pause = IDLE
            try:
                self._inherit()
                due, look_again = self._due()
                pause = look_again - self._wall()
                for recipient in due:
                    self._hand_out(recipient)
            except Busy as error:
                log.debug("the outbox cannot be read at present: %s", error)
            except Exception:
                log.exception("the outbox cannot be read; trying again")
            self._awake.wait(max(pause.total_seconds(), 0.05))
            self._stopping.wait(self.pace.total_seconds() / LOOKS_A_PACE)
            # Commits and ends of other work wake it in vain as long as nothing can be noted.
            self._stopping.wait(self._resting_until - time.monotonic())

    def _inherit(self) -> None:
        """Take over what a process was sending that died; others than this one there are none."""
        if self._inherits and (released := box.release_claims(self._site)):
            log.info("%d messages were being sent when gpubot ended: they are sent again", released)
        self._inherits = False

    def _hand_out(self, recipient: str) -> None:
        with self._lock:
            self._busy.add(recipient)
        if not self._workers.submit(lambda: self._work(recipient)):
            self._free(recipient)

    def _work(self, recipient: str) -> None:
        try:
            with logs.about(request=logs.request_id()):
                self.deliver_to(recipient)
        finally:
            self._free(recipient)
            self.wake()

    def _free(self, recipient: str) -> None:
        with self._lock:
            self._busy.discard(recipient)
        self._freed.set()


def _booking(subject: str) -> str | None:
    """The booking that a row is about, as people call it."""
    kind, _, number = subject.partition(":")
    return booking_label(int(number)) if kind in ABOUT_BOOKINGS and number.isdigit() else None
