"""What a run becomes for Slurm: words for sbatch, and the files that its scripts read. Pure.

Everything that is particular to a run, its variables with their secrets and its command above
all, stands in files that only the job's account can read; the words for sbatch are everybody's
to see (`scontrol show job`), so nothing of that is among them.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import groupby
from json import dumps
from math import ceil
from pathlib import Path

from bot.domain.job import fill
from bot.domain.run import Worker, WorkOrder
from bot.runners.protocol import Refused
from bot.runners.slurm.settings import SlurmSettings

#: sbatch takes no longer warning than this, in seconds.
_LONGEST_WARNING = 65_000
#: The first of the ports on which workers of a run meet.
_FIRST_PORT = 20_000


def check_order(order: WorkOrder) -> None:
    """Raises Refused for what no Slurm job can be."""
    if not order.job.command or not order.job.command[0]:
        raise Refused("there is no command to run: Slurm runs programs, not images")
    if order.job.folder and not order.job.folder.startswith("/"):
        raise Refused(f"the folder {order.job.folder} has to be named from / on")
    if len(set(_gpus_by_node(order).values())) > 1:
        raise Refused(
            "Slurm gives a job the same number of GPUs on every node, and this booking has "
            + ", ".join(f"{gpus} on {node}" for node, gpus in _gpus_by_node(order).items())
        )


def sbatch_words(
    order: WorkOrder, settings: SlurmSettings, folder: Path, seconds: float, reservation: str
) -> Sequence[str]:
    """The words for sbatch; `seconds` until the booking's end, no `reservation` when empty."""
    gpus = _gpus_by_node(order)
    workers = Counter(worker.node for worker in order.workers)
    warning = min(int(order.warning.total_seconds()), _LONGEST_WARNING)
    limit = seconds + settings.overtime.total_seconds()
    named = {
        "--job-name": order.key,
        "--comment": f"gpubot {order.label}, team {order.team}",
        "--partition": settings.partition,
        "--account": settings.account,
        "--reservation": reservation,
        "--nodelist": ",".join(settings.node(node) for node in gpus),
        "--nodes": str(len(gpus)),
        "--ntasks-per-node": str(max(workers.values())),
        "--gres": f"gpu:{max(gpus.values())}",
        "--time": str(max(1, ceil(limit / 60))),
        "--signal": f"B:USR1@{warning}" if warning else "",
        "--output": str(folder / "worker-0.log"),
        "--open-mode": "append",
        "--chdir": str(folder),
        "--export": "NONE",
    }
    words = [f"{name}={value}" for name, value in named.items() if value]
    return [*words, "--requeue", *settings.arguments, *_job_words(order, settings, folder)]


def shared_files(order: WorkOrder, user: str) -> Mapping[str, str]:
    """Files for everybody, by name: the scripts, and what gpubot is to know of the order.

    `user` is the name of the account that the job runs as.
    """
    path = order.checkpoint_path()
    known = {
        "user": user,
        "checkpoint": str(Path(order.job.folder) / path) if path else "",
        "grace": order.job.grace.total_seconds(),
    }
    scripts = {name: _script(name) for name in ("job.sh", "worker.sh")}
    return {**scripts, "order.json": dumps(known)}


def private_files(
    order: WorkOrder, settings: SlurmSettings, secrets: Mapping[str, str]
) -> Mapping[str, str]:
    """Files for the job's account alone, by name; `secrets` are values by variable."""
    return {
        f"worker-{worker.index}.env": _worker_file(order, worker, settings, secrets)
        for worker in order.workers
    }


def written_by_job(order: WorkOrder) -> Sequence[str]:
    """The files that the job writes. They are made for it: it may make none in its folder."""
    kinds = ("log", "pid", "exit")
    of_workers = [f"worker-{w.index}.{kind}" for w in order.workers for kind in kinds]
    return ["status", "claim", *of_workers]


def _gpus_by_node(order: WorkOrder) -> Mapping[str, int]:
    counted: dict[str, int] = {}
    for worker in order.workers:
        counted[worker.node] = counted.get(worker.node, 0) + len(worker.gpu_ids)
    return counted


def _job_words(order: WorkOrder, settings: SlurmSettings, folder: Path) -> Sequence[str]:
    """The batch script and its arguments; see there."""
    places = [
        (node, [worker.index for worker in workers])
        for node, workers in groupby(order.workers, lambda worker: worker.node)
    ]
    grace = ceil(order.job.grace.total_seconds())
    share = len(order.workers[0].gpu_ids) if any(len(found) > 1 for _, found in places) else 0
    return [
        str(folder / "job.sh"),
        str(folder),
        str(grace),
        str(share),
        *(f"{settings.node(node)}:{found[0]}:{len(found)}" for node, found in places),
    ]


def _script(name: str) -> str:
    return files("bot.runners.slurm").joinpath(name).read_text(encoding="utf-8")


def _worker_file(
    order: WorkOrder, worker: Worker, settings: SlurmSettings, secrets: Mapping[str, str]
) -> str:
    """What worker.sh sources: variables, the folder, and the command at the end."""
    variables = {
        **_meeting_place(order, settings),
        **order.variables(worker),
        # GPUs are numbered as the bus and nvidia-smi number them, not by their speed.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        **secrets,
    }
    folder = fill(order.job.folder, order.places(worker))
    lines = [
        *(f"export {name}={shlex.quote(value)}" for name, value in variables.items()),
        f"cd {shlex.quote(folder)} || exit 72" if folder else "cd 2> /dev/null || cd /",
        f"exec {shlex.join(order.words(worker))}",
    ]
    text = "\n".join(lines) + "\n"
    if "\0" in text:
        raise Refused("the job holds a character that no program can be given")
    return text


def _meeting_place(order: WorkOrder, settings: SlurmSettings) -> Mapping[str, str]:
    """Where the workers of a run find one another; torchrun and its kin read these."""
    if len(order.workers) == 1:
        return {}
    port = _FIRST_PORT + order.booking % 10_000
    return {"MASTER_ADDR": settings.node(order.workers[0].node), "MASTER_PORT": str(port)}
