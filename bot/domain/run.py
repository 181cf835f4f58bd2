"""A run: the workload that was started for a booking, what is wanted of it, and what is seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.booking import Booking, Priority, Share, booking_label
from bot.domain.job import Job, JobOrder, checkpoint_file, checkpoint_folder, words_to_run


class RunState(StrEnum):
    """How far a run has come."""

    #: It is to be started; the runner has not taken it yet.
    WANTED = "wanted"
    #: The runner has it, and waits for something: all its pods together, an image, a node.
    PENDING = "pending"
    RUNNING = "running"
    #: It was asked to end and has its grace to do so.
    STOPPING = "stopping"
    #: It ended by itself, well.
    SUCCEEDED = "succeeded"
    #: It ended by itself, badly; or it could not be started at all.
    FAILED = "failed"
    #: It was ended because its GPUs are needed or its time was over.
    STOPPED = "stopped"
    #: The runner does not know it any more: a node that died, or somebody else's hand.
    LOST = "lost"

    @property
    def is_over(self) -> bool:
        """Whether nothing of it uses a GPU any more."""
        return self in (RunState.SUCCEEDED, RunState.FAILED, RunState.STOPPED, RunState.LOST)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A file that a run can resume from."""

    path: str
    #: When it was written.
    at: datetime


@dataclass(frozen=True, slots=True)
class Observation:
    """What a runner sees of one run."""

    #: PENDING, RUNNING, STOPPING, or how it ended. STOPPED where the runner ended it.
    state: RunState
    #: What is worth telling in one line: "image pull failed: …", "waiting for 2 more pods".
    note: str = ""
    #: Whether `note` is a trouble that somebody has to do something about.
    is_trouble: bool = False
    exit_code: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    #: The newest checkpoint, where the runner can see it.
    checkpoint: Checkpoint | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A run as the store has it: what is wanted of it, and what was last seen."""

    id: int
    key: str
    booking: int
    #: Which of the booking's runs it is, from 1.
    number: int
    state: RunState
    created_at: datetime
    #: What was last worth telling, and whether it is a trouble.
    note: str = ""
    is_trouble: bool = False
    exit_code: int | None = None
    #: When the runner was first asked to take it; None: it was not, and nothing can run yet.
    submitted_at: datetime | None = None
    #: What it runs, as its booking had it then.
    job: JobOrder | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    #: When it was asked to end; None: it was not.
    stop_asked_at: datetime | None = None
    #: The instant it was last warned about, and when that was.
    warned_for: datetime | None = None
    warned_at: datetime | None = None
    #: The newest checkpoint that was written down, by the clock of the server that has it.
    checkpoint: Checkpoint | None = None
    #: When that was, by gpubot's clock.
    saved_at: datetime | None = None
    #: When it saved one because it was warned; None: not since the last warning.
    answered_at: datetime | None = None
    #: Since when its runner answers, but does not know it.
    missing_since: datetime | None = None
    #: Where its log is kept; empty: nowhere yet.
    log: str = ""
    #: When its log was kept, or given up; None: there is still something to do about it.
    settled_at: datetime | None = None

    @property
    def is_untouched(self) -> bool:
        """Whether no runner was asked for it yet."""
        return self.state is RunState.WANTED and self.submitted_at is None


@dataclass(frozen=True, slots=True)
class Worker:
    """One process group of a run, on one node, with its GPUs by index."""

    index: int
    node: str
    gpu_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """Everything a runner needs to start a run. Starting it twice starts it once."""

    #: Names everything the runner makes for it: "gpubot-b142-1". Unique in the installation,
    #: lower case, letters, digits and hyphens, at most 40 characters.
    key: str
    booking: int
    #: The booking whose work it goes on with; its own where there is none.
    first: int
    owner: str
    #: The owner's account on the servers (Unix, Slurm); empty: unknown.
    account: str
    team: str
    priority: Priority
    preemptible: bool
    job: Job
    workers: tuple[Worker, ...]
    ends_at: datetime
    #: How long ahead a run is warned before its GPUs are reclaimed.
    warning: timedelta
    #: How it reaches gpubot: GPUBOT_NOTICE, GPUBOT_TOKEN and the like.
    env: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def label(self) -> str:
        """The booking, as people say it."""
        return booking_label(self.booking)

    def places(self, worker: Worker) -> dict[str, str]:
        """What the places in the job's words mean to `worker`; see bot.domain.job.PLACES."""
        return {
            "booking": self.label,
            "first": booking_label(self.first),
            "owner": self.account or self.owner,
            "team": self.team,
            "gpus": str(len(worker.gpu_ids)),
            "devices": ",".join(str(number) for number in range(len(worker.gpu_ids))),
            "worker": str(worker.index),
            "workers": str(len(self.workers)),
        }

    def words(self, worker: Worker) -> tuple[str, ...]:
        """The command of `worker`, ready to run."""
        return words_to_run(self.job, self.places(worker))

    def variables(self, worker: Worker) -> dict[str, str]:
        """The environment of `worker`, but for secrets and what the runner itself sets."""
        places = self.places(worker)
        folder = checkpoint_folder(self.job, places)
        known = {
            "GPUBOT_BOOKING": self.label,
            "GPUBOT_TEAM": self.team,
            "GPUBOT_ENDS_AT": self.ends_at.isoformat(),
            "GPUBOT_GPUS": places["gpus"],
            "GPUBOT_WORKER": places["worker"],
            "GPUBOT_WORKERS": places["workers"],
            "NODE_RANK": places["worker"],
            "NNODES": places["workers"],
        }
        if folder:
            known["GPUBOT_CHECKPOINTS"] = folder
        return {**dict(self.job.env), **known, **dict(self.env)}

    def checkpoint_path(self) -> str:
        """The file that shows how far the first worker has come; empty: there is none."""
        return checkpoint_file(self.job, self.places(self.workers[0]))


def run_key(booking: int, number: int) -> str:
    """The name of a booking's `number`-th run, from 1."""
    return f"gpubot-b{booking}-{number}"


def can_share(shares: Iterable[Share], workers: int) -> bool:
    """Whether so many workers can each have as many of those GPUs, on one node."""
    counts = [share.gpus for share in shares]
    each, rest = divmod(sum(counts), workers)
    return bool(each) and not rest and not any(count % each for count in counts)


def workers_of(booking: Booking, count: int | None) -> tuple[Worker, ...]:
    """How a booking's GPUs are shared among `count` workers; None: one a node.

    Each worker's GPUs are of one node. Empty when the GPUs cannot be shared out evenly like that.
    """
    ids = dict(booking.gpu_ids)
    gpus = {share.node: ids.get(share.node, tuple(range(share.gpus))) for share in booking.shares}
    if count is None:
        return tuple(Worker(index, node, taken) for index, (node, taken) in enumerate(gpus.items()))
    # A node that lost GPUs has fewer for the booking than it promised.
    if not can_share((Share(node, len(taken)) for node, taken in gpus.items()), count):
        return ()
    each = sum(map(len, gpus.values())) // count
    parts = [
        (node, taken[first : first + each])
        for node, taken in gpus.items()
        for first in range(0, len(taken), each)
    ]
    return tuple(Worker(index, node, taken) for index, (node, taken) in enumerate(parts))
