"""What a pipeline's run leads to: which runs book GPUs, for whom, and what for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.booking import Priority, Shape
from bot.domain.job import JobOrder
from bot.domain.words import LONGEST_TEXT


@dataclass(frozen=True, slots=True)
class Trigger:
    """GPUs to book when a workflow on GitHub has succeeded: a `[[github]]` of the configuration."""

    #: As in `lab/yolo`.
    repository: str
    #: The workflow's name, or its file's: `train`, `train.yml`.
    workflow: str
    team: str
    #: In whose name and with whose rights.
    user: str
    shape: Shape
    length: timedelta
    #: None: the repository's default branch.
    branch: str | None = None
    priority: Priority = Priority.P2
    #: None: as the priority has it.
    preemptible: bool | None = None
    purpose: str = ""
    #: How long after the run its booking may start.
    within: timedelta = timedelta(days=1)
    #: What runs on it; None: nothing by itself.
    job: JobOrder | None = None

    def fits(self, run: WorkflowRun) -> bool:
        """Whether this run is one to book for."""
        return (
            self.repository.casefold() == run.repository.casefold()
            and self.workflow in (run.workflow, run.file)
            and run.branch == (self.branch or run.default_branch)
        )


@dataclass(frozen=True, slots=True)
class WorkflowRun:
    """A run of a workflow, as GitHub tells of it."""

    repository: str
    default_branch: str
    #: Where the code came from: a fork's own name for a run of a pull request from one.
    head_repository: str
    branch: str
    workflow: str
    #: The name of the workflow's file, such as `train.yml`.
    file: str
    id: int
    attempt: int
    number: int
    #: Who started it.
    by: str
    conclusion: str
    ended_at: datetime

    @property
    def is_of_a_fork(self) -> bool:
        """Whether somebody who may not write to the repository could have written what ran."""
        return self.head_repository.casefold() != self.repository.casefold()

    @property
    def label(self) -> str:
        """As in `lab/yolo#123`."""
        return f"{self.repository}#{self.number}"


def purpose_of(trigger: Trigger, run: WorkflowRun) -> str:
    """What the booking is for, as the team's channel reads it; no longer than a purpose may be."""
    about = f"{run.repository}, workflow {run.workflow}, run {run.number} by {run.by}"
    said = f"{trigger.purpose} ({about})" if trigger.purpose else about
    return said if len(said) <= LONGEST_TEXT else f"{said[: LONGEST_TEXT - 1]}…"
