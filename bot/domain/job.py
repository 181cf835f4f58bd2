"""What runs on a booking: a command, perhaps in a container, with its data and its checkpoints.

Words of a job may hold places such as `{devices}`, which are filled in when a run starts, because
only then is it known which GPUs it has: see `PLACES`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

#: What may stand in braces in a job's words, and what it means.
PLACES: Mapping[str, str] = {
    "booking": "the booking, as B142",
    "first": "the booking whose work it goes on with, through all preemptions; else itself",
    "owner": "the owner's account on the servers",
    "team": "the team's name",
    "gpus": "how many GPUs this worker has",
    "devices": "its GPUs as the program numbers them: 0,1,2,3",
    "worker": "which worker it is, from 0",
    "workers": "how many workers there are",
    "checkpoints": "the job's folder for checkpoints",
    "checkpoint": "the file to resume from",
}
_PLACE = re.compile(r"\{([a-z][a-z0-9_]*)\}")

#: How long a run may take to end after SIGTERM unless its job says otherwise.
GRACE = timedelta(seconds=30)


class VolumeKind(StrEnum):
    """Where data comes from."""

    #: A PersistentVolumeClaim of the cluster.
    CLAIM = "claim"
    #: A folder of the node; only where policy allows it.
    HOST = "host"
    #: A folder that a server exports.
    NFS = "nfs"


@dataclass(frozen=True, slots=True)
class Volume:
    """Data that a run finds at `mount`."""

    kind: VolumeKind
    #: The claim's name, the folder on the node, or the exported folder.
    source: str
    #: Absolute path inside the container. Without containers, the path itself has to be there.
    mount: str
    #: Host name or address, for NFS.
    server: str = ""
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """A program to run on a booking's GPUs, on one or several nodes."""

    #: The words of the command; empty: the image's own.
    command: tuple[str, ...] = ()
    #: The container image; runners without containers take no notice of it.
    image: str = ""
    #: The words to use instead when `checkpoint` exists; empty: the same command resumes.
    resume: tuple[str, ...] = ()
    #: Folder for checkpoints; empty: the job keeps none.
    checkpoints: str = ""
    #: The file whose presence means that there is something to resume from.
    checkpoint: str = ""
    #: Environment variables. Their values are nobody's business but the run's.
    env: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    #: Variables whose values are kept elsewhere: (variable, "secret/key").
    secrets: tuple[tuple[str, str], ...] = ()
    volumes: tuple[Volume, ...] = ()
    #: Processes that run together, one or more a node; None: one a node.
    workers: int | None = None
    #: Folder to start in; empty: the runner's choice.
    folder: str = ""
    grace: timedelta = GRACE


@dataclass(frozen=True, slots=True)
class JobOrder:
    """What somebody wants to run: one of the cluster's templates, or a job of their own."""

    #: The template's name; empty: `own` says it all.
    template: str = ""
    #: The parameters that were given, in the order given.
    parameters: tuple[tuple[str, str], ...] = ()
    own: Job | None = None
    #: How many processes run together; None: as the template or the own job has it.
    workers: int | None = None


@dataclass(frozen=True, slots=True)
class JobTemplate:
    """A job that operators describe once, with parameters that people fill in."""

    name: str
    job: Job
    #: Parameters and their values where none is given; None: it has to be given.
    parameters: tuple[tuple[str, str | None], ...] = ()
    summary: str = ""


def places_in(text: str) -> tuple[str, ...]:
    """The names that stand in braces in `text`."""
    return tuple(_PLACE.findall(text))


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with the places that `values` knows filled in; other braces stay as they are."""
    return _PLACE.sub(lambda found: values.get(found[1], found[0]), text)


def words_to_run(job: Job, values: Mapping[str, str]) -> tuple[str, ...]:
    """The words of the command with every place filled in; empty: the image's own command.

    Whether there is a checkpoint is decided where the run is, since only there the file can be
    seen: a shell looks, and becomes the one command or the other.
    """
    inside = {**values, **_checkpoint_places(job, values)}
    command = tuple(fill(word, inside) for word in job.command)
    if not (job.resume and job.checkpoint):
        return command
    resume = tuple(fill(word, inside) for word in job.resume)
    script = (
        f"if [ -e {shlex.quote(inside['checkpoint'])} ]; then exec {shlex.join(resume)}; "
        f"else exec {shlex.join(command)}; fi"
    )
    return ("/bin/sh", "-c", script)


def checkpoint_folder(job: Job, values: Mapping[str, str]) -> str:
    """The job's folder for checkpoints, with its places filled in; empty: it keeps none."""
    return fill(job.checkpoints, values)


def checkpoint_file(job: Job, values: Mapping[str, str]) -> str:
    """The file to resume from, with its places filled in; empty: there is never one."""
    return _checkpoint_places(job, values)["checkpoint"]


def _checkpoint_places(job: Job, values: Mapping[str, str]) -> dict[str, str]:
    folder = checkpoint_folder(job, values)
    return {
        "checkpoints": folder,
        "checkpoint": fill(job.checkpoint, {**values, "checkpoints": folder}),
    }
