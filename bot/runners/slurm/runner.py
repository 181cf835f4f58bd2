"""The Slurm runner. Every run is a batch job named by its key, and a folder that all nodes see.

gpubot may be restarted at any time, and the controller too: what is wanted of a run stands in its
folder (`stop`), what becomes of it is written there by the job itself, and found again by key.
"""

from __future__ import annotations

import fcntl
import logging
import os
import pwd
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path

from bot.domain.booking import booking_label
from bot.domain.run import Observation, RunState, WorkOrder
from bot.domain.window import Window
from bot.runners.protocol import Hold, Refused, RunnerError, Unreachable
from bot.runners.secret_files import read_secrets
from bot.runners.slurm.commands import JobRow, Slurm
from bot.runners.slurm.observing import is_beginning, is_over, is_waiting, observation, outcome_of
from bot.runners.slurm.reservations import (
    Reservation,
    changes,
    reservation_name,
    wanted_reservations,
)
from bot.runners.slurm.script import (
    check_order,
    private_files,
    sbatch_words,
    shared_files,
    written_by_job,
)
from bot.runners.slurm.settings import SlurmSettings, SubmitAs
from bot.runners.slurm.traces import RunFolder

log = logging.getLogger(__name__)

_KEY = re.compile(r"gpubot-b([0-9]+)-[0-9]+")
#: Seconds after the grace at which Slurm itself ends a run that was asked to stop, should its
#: script not have done so. Slurm counts time limits in minutes.
_LAST_RESORT_S = 60
#: A job's end is moved when it is that many seconds away from where it should be.
_END_TOLERANCE_S = 90


def slurm_runner(
    settings: SlurmSettings,
    folder: Path,
    secrets: Path | None = None,
    now: Callable[[], datetime] | None = None,
) -> SlurmRunner:
    """The runner of a Slurm cluster.

    `folder` is where runs are kept, under the same path on this host and on all nodes. `secrets`
    is where secrets are read; None: there are none. `now` is gpubot's clock; None: this host's.
    Nothing is asked of Slurm yet.
    """
    return SlurmRunner(settings, folder, secrets, now or _wall)


class SlurmRunner:
    """Starts, watches and ends runs as Slurm jobs, and reserves nodes for bookings."""

    name = "slurm"

    def __init__(
        self,
        settings: SlurmSettings,
        folder: Path,
        secrets: Path | None,
        now: Callable[[], datetime],
    ) -> None:
        self._settings, self._secrets, self._now = settings, secrets, now
        # Jobs look for it from elsewhere than here. What it is in is not made: where a shared file
        # system is not mounted, an empty folder would say that no run was ever started.
        self._folder = folder.absolute()
        with suppress(OSError):
            self._folder.mkdir(mode=0o755, exist_ok=True)
        self._slurm = Slurm(settings)
        self._refusals: Mapping[int, str] = {}

    def start(self, order: WorkOrder) -> None:
        """See Runner.start."""
        check_order(order)
        folder, account = self._of(order.key), self._account(order.account)
        with _told("cannot keep the run"), self._locked():
            if folder.exists and folder.trace().job is not None:
                return
            rows = self._slurm.jobs([order.key])
            if found := [row.id for row in rows if row.user == account.pw_name]:
                # The answer to an earlier sbatch was lost, or the run is forgotten here.
                if folder.exists:
                    folder.note("job", str(min(found)))
                return
            try:
                folder.note("job", str(self._submit(order, folder, account)))
            except Refused:
                folder.remove()
                raise

    def observe(self, keys: Collection[str]) -> Mapping[str, Observation]:
        """See Runner.observe."""
        with _told("cannot read how runs stand"):
            # A folder that is away is no sign that the runs are.
            next(self._folder.iterdir(), None) if keys else None
            known = {key: self._of(key) for key in keys if self._of(key).exists}
            traces = {key: folder.trace() for key, folder in known.items()}
            open_ones = [key for key, trace in traces.items() if trace.outcome is None]
            rows = self._rows({key: traces[key].job for key in open_ones})
            seen = {key: self._observe(folder, rows.get(key)) for key, folder in known.items()}
            return {key: found for key, found in seen.items() if found is not None}

    def warn(self, key: str, reclaim_at: datetime, reason: str) -> None:  # noqa: ARG002
        """See Runner.warn: SIGUSR1 for those processes that catch it."""
        row = self._open_row(key)
        if row is None or is_waiting(row):
            return
        with _told("cannot warn the run"):
            if is_beginning(row, self._of(key).trace()):
                # For Slurm a job runs before its script does, which the signal would end.
                raise Unreachable("it cannot be warned before its script has begun")
        self._slurm.signal(row.id, "USR1")

    def stop(self, key: str, reason: str) -> None:
        """See Runner.stop. The job's own script sees to the end, whatever becomes of gpubot."""
        folder = self._of(key)
        row = self._open_row(key)
        if row is None or folder.read("stop.told") is not None:
            return
        with _told("cannot stop the run"):
            folder.note("stop", reason)
            self._end(row, float(folder.order().get("grace", 0)))
            folder.note("stop.told", "")

    def logs(self, key: str) -> Sequence[Path]:
        """See Runner.logs. What Slurm itself says stands in the first worker's."""
        with _told("cannot read the logs"):
            return self._of(key).logs()

    def forget(self, key: str) -> None:
        """See Runner.forget. A run that is not over stays."""
        seen = self.observe([key]).get(key)
        if seen is None or seen.state.is_over:
            with _told("cannot remove the run"):
                self._of(key).remove()

    def hold(self, holds: Sequence[Hold]) -> None:
        """See Runner.hold: a reservation for each booking, and its jobs' time limits."""
        refusals: dict[int, str] = {}
        with _told("cannot read how runs stand"):
            if self._settings.reserve:
                with self._locked():
                    refusals |= self._reserve(holds)
            refusals |= self._move_ends({hold.booking: hold.window.end for hold in holds})
        for booking in refusals.keys() - self._refusals.keys():
            log.warning("%s: %s", booking_label(booking), refusals[booking])
        self._refusals = refusals

    def problem(self) -> str | None:
        """See Runner.problem."""
        return self._slurm.ping()

    @property
    def refusals(self) -> Mapping[int, str]:
        """What Slurm refused to do for a booking when it was told of them last, and why."""
        return self._refusals

    def close(self) -> None:
        """See Runner.close; there is nothing open."""

    def _of(self, key: str) -> RunFolder:
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} is no run's key")
        return RunFolder(self._folder / key)

    def _submit(self, order: WorkOrder, folder: RunFolder, account: pwd.struct_passwd) -> int:
        secrets = read_secrets(self._secrets, order.job.secrets)
        private = private_files(order, self._settings, secrets)
        owner = (account.pw_uid, account.pw_gid)
        shared = shared_files(order, account.pw_name)
        folder.prepare(shared, private, written_by_job(order), owner)
        reservation = self._reservation(order) if self._settings.reserve else ""
        left = (order.ends_at - self._now()).total_seconds()
        words = sbatch_words(order, self._settings, folder.path, left, reservation)
        as_owner = [f"--uid={owner[0]}", f"--gid={owner[1]}"] if self._as_owner else []
        return self._slurm.submit([*as_owner, *words])

    @property
    def _as_owner(self) -> bool:
        """Whether jobs are their owners'; Slurm lets root alone submit for others."""
        return self._settings.submit_as is SubmitAs.OWNER and os.geteuid() == 0

    def _account(self, name: str) -> pwd.struct_passwd:
        """The account that a job runs as."""
        if not self._as_owner:
            return pwd.getpwuid(os.geteuid())
        if not name:
            raise Refused("its owner's account on the servers is not known")
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            raise Refused(f"there is no account {name} here") from None
        if found.pw_uid == 0:
            raise Refused("runs are not started as root")
        return found

    def _reservation(self, order: WorkOrder) -> str:
        """The reservation that a job is to use, made now where it is not there; empty: none."""
        name = reservation_name(order.booking)
        if self._is_reserved(name):
            return name
        now = self._now()
        shares = tuple(dict.fromkeys((worker.node, 0) for worker in order.workers))
        window = Window(now, max(order.ends_at, now + timedelta(minutes=1)))
        hold = Hold(order.booking, order.account, window, shares)
        try:
            self._make(self._wanted([hold])[name])
        except Refused as error:
            log.warning("%s: %s", order.label, error)
        return name if self._is_reserved(name) else ""

    def _is_reserved(self, name: str) -> bool:
        return any(one.name == name for one in self._slurm.reservations())

    def _wanted(self, holds: Sequence[Hold]) -> Mapping[str, Reservation]:
        now = self._now()
        return wanted_reservations(holds, self._settings, self._users(), now, self._ahead(now))

    def _users(self) -> frozenset[str]:
        """Who may use every reservation."""
        own = () if self._as_owner else (pwd.getpwuid(os.geteuid()).pw_name,)
        return frozenset((*self._settings.users, *own))

    def _ahead(self, now: datetime) -> timedelta:
        """How far the servers' clock is ahead of gpubot's, which a demo or a test may set."""
        return _wall() - now

    def _reserve(self, holds: Sequence[Hold]) -> dict[int, str]:
        """Bring Slurm's reservations to what is wanted; what it refused, by booking."""
        bookings = {reservation_name(hold.booking): hold.booking for hold in holds}
        plan = changes(self._slurm.reservations(), self._wanted(holds), int(time.time()))
        refusals: dict[int, str] = {}
        for name in plan.delete:
            try:
                # While a job still uses it, it stays; the next call deletes it.
                self._slurm.unreserve(name)
            except Refused as error:
                log.warning("%s stays reserved: %s", name, error)
        for wanted, start in plan.change:
            with _noted(refusals, bookings[wanted.name]):
                self._slurm.change_reservation(wanted, start=start)
        for wanted in plan.create:
            with _noted(refusals, bookings[wanted.name]):
                self._make(wanted)
        return refusals

    def _make(self, wanted: Reservation) -> None:
        """Make a reservation; without the owner, if Slurm does not know that account."""
        if not wanted.users:
            raise Refused("its owner's account on the servers is not known")
        try:
            self._slurm.reserve(wanted)
        except Refused:
            others = wanted.users & self._users()
            if others and others != wanted.users:
                self._slurm.reserve(replace(wanted, users=others))
            raise

    def _move_ends(self, ends: Mapping[int, datetime]) -> dict[int, str]:
        """Have the jobs of bookings that were made longer or shorter end later or earlier."""
        ahead = self._ahead(self._now()) + self._settings.overtime
        refusals: dict[int, str] = {}
        for row in self._slurm.jobs():
            key = _KEY.fullmatch(row.name)
            booking = int(key[1]) if key else 0
            if booking not in ends or is_over(row) or is_waiting(row) or row.end is None:
                continue
            end = int((ends[booking] + ahead).timestamp())
            folder = self._of(row.name)
            if abs(end - row.end) <= _END_TOLERANCE_S or folder.user != row.user:
                continue
            if not folder.trace().stopped:
                with _noted(refusals, booking):
                    self._slurm.set_end(row.id, end)
        return refusals

    def _end(self, row: JobRow, grace: float) -> None:
        if is_waiting(row):
            self._slurm.cancel(row.id)
            return
        self._slurm.signal(row.id, "TERM")
        try:
            self._slurm.set_end(row.id, int(time.time()) + ceil(grace) + _LAST_RESORT_S)
        except Refused as error:
            # Without an operator's rights a job cannot be made longer; its script ends it.
            log.info("%s: its time limit stays: %s", row.name, error)

    def _open_row(self, key: str) -> JobRow | None:
        """The job of a run that is not over."""
        folder = self._of(key)
        with _told("cannot read how the run stands"):
            if not folder.exists or (trace := folder.trace()).outcome:
                return None
        row = self._rows({key: trace.job}).get(key)
        return row if row and not is_over(row) else None

    def _rows(self, jobs: Mapping[str, int | None]) -> Mapping[str, JobRow]:
        """What the controller says of runs, by key; their jobs' numbers are given if known."""
        if not jobs:
            return {}
        rows: dict[str, JobRow] = {}
        users = {key: self._of(key).user for key in jobs}
        for row in self._slurm.jobs(jobs.keys()):
            if row.user != users[row.name]:
                continue
            if row.name not in rows or row.id == jobs[row.name]:
                rows[row.name] = row
        return rows

    def _observe(self, folder: RunFolder, row: JobRow | None) -> Observation | None:
        # Read again: the job may have written its last words since.
        trace = folder.trace()
        if trace.outcome is None and (outcome := outcome_of(row, trace)):
            folder.keep(outcome)
            trace = replace(trace, outcome=outcome)
        seen = observation(row, trace)
        if seen is None:
            return None
        note = self._with_refusal(folder.path.name, seen)
        return replace(seen, note=note, checkpoint=folder.checkpoint())

    def _with_refusal(self, key: str, seen: Observation) -> str:
        """The note of a run, with why it may have to wait longer than it should."""
        found = _KEY.fullmatch(key)
        refusal = self._refusals.get(int(found[1])) if found else None
        if refusal is None or seen.state is not RunState.PENDING:
            return seen.note
        return f"{seen.note}; not reserved: {refusal}"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Starts go one by one, also those of another process."""
        self._folder.mkdir(mode=0o755, exist_ok=True)
        with (self._folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _wall() -> datetime:
    return datetime.now(UTC)


@contextmanager
def _noted(refusals: dict[int, str], booking: int) -> Iterator[None]:
    """Note a refusal, so that it is in nobody else's way."""
    try:
        yield
    except Refused as error:
        refusals[booking] = str(error)


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Turn what the disk says into words for people."""
    try:
        yield
    except RunnerError:
        raise
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise Unreachable(f"{what}: {where}{error.strerror or error}") from error
