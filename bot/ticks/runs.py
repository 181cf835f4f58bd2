"""The reconciler of runs: what is wanted stands in the store, what is so at the runner.

Each tick reads what there is to do, asks the runner what it sees, and brings the two together.
Every step may be done twice, by two processes, or after a crash: runners know runs by their keys,
and facts are written once.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from bot import logs
from bot.domain.booking import booking_label
from bot.domain.errors import BookingError
from bot.domain.run import Observation, RunState
from bot.domain.run_course import KEEP_TRYING, must_warn
from bot.runners.archive import Archive, ArchiveError
from bot.runners.protocol import Hold, Refused, Runner, Unreachable
from bot.runners.tails import tail
from bot.services import follow_run
from bot.services.activity import saw_uses
from bot.services.look_runs import settled_runs
from bot.services.notice import notice_of
from bot.services.outages import is_noted, note_outage
from bot.services.run_work import Work, accounts_of, live_bookings, open_work, refusal, work_order
from bot.services.site import Site

log = logging.getLogger(__name__)

#: Seconds of a tick in which logs are begun to be kept; the others' turn comes with the next tick.
KEEPING_S = 20.0
#: A note that tells no more than the exit status, which is told anyway.
_SAYS_NOTHING = re.compile(r"((worker \d+: )?exit (status|code) -?\d+)?")


class Copies(Protocol):
    """What a process copies of every run that it sees, whichever process attends to it."""

    def copied(self) -> Collection[str]:
        """The keys of the runs of which there are copies."""

    def drop(self, key: str) -> None:
        """Remove what is copied of a run."""


def drop_copies(site: Site, copies: Copies) -> None:
    """Remove copies of runs that another process has seen to the end, and keeps the logs of."""
    for key in settled_runs(site, copies.copied()):
        copies.drop(key)


class RunKeeper:
    """Keeps the runs of one site going on one runner."""

    def __init__(
        self,
        site: Site,
        runner: Runner,
        archive: Archive,
        now: Callable[[], datetime],
        hidden: Callable[[str], Collection[str]],
    ) -> None:
        """`now` is the bot's clock, aware UTC; `hidden` are a run's secret values, by its key."""
        self._site, self._runner, self._archive = site, runner, archive
        self._now, self._hidden = now, hidden
        #: The bookings whose runs this tick has seen at work.
        self._at_work: list[int] = []
        #: What this tick could not have done, or seen; None: nothing.
        self._trouble: str | None = None

    def tick(self) -> None:
        """Do what is to be done about every run; one that fails holds up no other."""
        work = open_work(self._site, now=self._now())
        # As long as nothing is to run, it is nobody's trouble that it could not.
        matters = bool(work) or is_noted(self._site, self._runner.name)
        problem = self._trouble = self._runner.problem() if matters else None
        seen = self._observed(work)
        failures: list[Exception] = []
        self._at_work = []
        # The logs of what is over can wait, also for an archive that answers slowly.
        until = time.monotonic() + KEEPING_S
        todo = sorted(work, key=lambda one: one.run.state.is_over)
        for place, one in enumerate(todo, start=1):
            if one.run.state.is_over and time.monotonic() >= until:
                break
            with logs.about(run=one.run.key, booking=booking_label(one.booking.id)):
                try:
                    self._bring_together(one, seen)
                except Unreachable as error:
                    log.warning("run %s: %s", one.run.key, error)
                    self._trouble = self._trouble or str(error)
                    if problem is not None:
                        # Nothing answers at present, and each of the others would take as long.
                        self._wait_all(todo[place:], str(error))
                        break
                except Exception as error:
                    log.exception("run %s could not be attended to", one.run.key)
                    failures.append(error)
        if self._at_work:
            saw_uses(self._site, self._at_work, now=self._now())
        if matters:
            note_outage(self._site, self._runner.name, self._trouble, now=self._now())
        if failures:
            raise failures[0]

    def hold(self, ahead: timedelta) -> None:
        """Have the servers' own scheduler keep the GPUs of what begins within `ahead`."""
        now = self._now()
        bookings = live_bookings(self._site, now=now, until=now + ahead)
        accounts = accounts_of(self._site, bookings)
        holds = [
            Hold(
                booking.id,
                accounts[booking.id],
                booking.window,
                tuple((share.node, share.gpus) for share in booking.shares),
            )
            for booking in bookings
        ]
        try:
            self._runner.hold(holds)
        except Unreachable as error:
            # It is told all of them again, and gpubot itself goes on.
            log.warning("bookings cannot be held there at present: %s", error)

    def _observed(self, work: Sequence[Work]) -> Mapping[str, Observation] | None:
        """What is seen of the runs that were started, by key; None: nothing is known."""
        keys = {one.run.key for one in work if one.run.state is not RunState.WANTED}
        try:
            return self._runner.observe(keys) if keys else {}
        except Unreachable as error:
            # What runs goes on.
            log.warning("runs cannot be seen at present: %s", error)
            self._trouble = self._trouble or str(error)
            return None

    def _bring_together(self, work: Work, seen: Mapping[str, Observation] | None) -> None:
        if work.run.state is RunState.WANTED and seen is None and not work.stop:
            # To make room for it could hide what runs: an empty folder in the place of one that is
            # away says that there are no runs.
            follow_run.waits(self._site, work.run, self._trouble or "", now=self._now())
        elif work.run.state is RunState.WANTED:
            self._begin(work)
        elif seen is not None:
            self._attend(work, seen.get(work.run.key))

    def _attend(self, work: Work, observed: Observation | None) -> None:
        if work.run.state.is_over:
            self._settle(work, observed)
        elif work.stop:
            self._stop(work, observed)
        else:
            self._follow(work, observed)

    def _wait_all(self, work: Sequence[Work], why: str) -> None:
        for one in work:
            if one.run.state is RunState.WANTED and not one.stop and not one.waits_for:
                follow_run.waits(self._site, one.run, why, now=self._now())

    def _begin(self, work: Work) -> None:
        """Start a run that is wanted; starting it twice, after a lost answer, does no harm."""
        now = self._now()
        if work.stop:
            # It may have been started all the same, by a call whose answer was lost.
            self._runner.stop(work.run.key, work.stop)
            follow_run.stop_asked(self._site, work.run, now=now)
            return
        if work.waits_for:
            follow_run.waits(self._site, work.run, follow_run.STILL_USED, now=now)
            return
        # It may have been changed, or given up, since the tick began.
        booking = follow_run.begins(self._site, work.run, now=now)
        if booking is None:
            return
        try:
            self._runner.start(work_order(self._site, replace(work, booking=booking)))
        except BookingError as error:
            follow_run.cannot_start(self._site, work.run, refusal(error), now=now)
        except Refused as error:
            follow_run.cannot_start(self._site, work.run, str(error), now=now)
        except Unreachable as error:
            follow_run.waits(self._site, work.run, str(error), now=now)
            raise
        else:
            follow_run.submitted(self._site, work.run, now=now)

    def _follow(self, work: Work, observed: Observation | None) -> None:
        now = self._now()
        if observed is None:
            follow_run.missed(self._site, work.run, now=now)
            return
        if follow_run.given_up(self._site, work.run, observed, now=now):
            return
        if observed.state is RunState.FAILED and _SAYS_NOTHING.fullmatch(observed.note):
            which = observed.note if observed.note.startswith("worker") else ""
            observed = replace(observed, note=self._last_words(work.run.key) or which)
        if follow_run.saw(self._site, work.run, observed, now=now):
            self._at_work.append(work.booking.id)
        # One that still waits could not hear it: it is warned when it has begun.
        if observed.state is RunState.RUNNING and must_warn(work.run, work.losing_at):
            self._warn(work, observed)

    def _last_words(self, key: str) -> str:
        """The last line that a run wrote, which often says why it failed."""
        hidden = self._hidden(key)
        try:
            lines = (tail(file, 1, hidden) for file in self._runner.logs(key))
            return next((line.strip() for line in lines if line.strip()), "")
        except OSError as error:
            # How it ended is told all the same.
            log.warning("the log of %s cannot be read: %s", key, error)
            return ""

    def _warn(self, work: Work, observed: Observation) -> None:
        assert work.losing_at is not None, "must_warn says so"
        notice = notice_of(self._site, work.booking.id, now=self._now())
        self._runner.warn(work.run.key, work.losing_at, notice.reason or "")
        follow_run.was_warned(
            self._site, work.run, work.losing_at, observed.checkpoint, now=self._now()
        )

    def _stop(self, work: Work, observed: Observation | None) -> None:
        run = work.run
        if run.stop_asked_at is None:
            # What it saved last is part of its story.
            if observed is not None and not observed.state.is_over:
                follow_run.saw(self._site, run, observed, now=self._now())
            if observed is None or not observed.state.is_over:
                self._runner.stop(run.key, work.stop)
                follow_run.stop_asked(self._site, run, now=self._now())
                return
            if observed.state is RunState.STOPPED:
                # By a call of ours that nobody lived to note, or that broke off.
                follow_run.stop_asked(self._site, run, now=self._now())
        elif observed is not None and observed.state in (RunState.PENDING, RunState.RUNNING):
            # It does not look asked: a start that was under way may have come after that.
            self._runner.stop(run.key, work.stop)
        if observed is None:
            follow_run.missed(self._site, run, now=self._now())
        else:
            follow_run.saw(self._site, run, observed, now=self._now())

    def _settle(self, work: Work, observed: Observation | None) -> None:
        """Keep the log of a run that is over, then let its runner forget it."""
        run, now = work.run, self._now()
        if observed is not None and not observed.state.is_over:
            self._runner.stop(run.key, "it is over")
            return
        gives_up = now - (run.ended_at or run.created_at) >= KEEP_TRYING
        try:
            if not run.log and (link := self._kept(run.key)):
                follow_run.log_kept(self._site, run, link, now=now)
        except ArchiveError as error:
            log.warning("the log of %s could not be kept: %s", run.key, error)
            if not gives_up:
                return
        try:
            self._runner.forget(run.key)
        except Unreachable:
            if not gives_up:
                raise
        follow_run.settled(self._site, run, now=now)

    def _kept(self, key: str) -> str:
        """Where the run's log is kept now; empty: it has none."""
        files = self._runner.logs(key)
        return self._archive.keep(key, files, self._hidden(key)) if files else ""
