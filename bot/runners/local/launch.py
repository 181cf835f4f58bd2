"""What a supervisor is told to start: the words, environment, folder and account of each worker."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.domain.run import Worker, WorkOrder
from bot.runners.local.processes import MARKER
from bot.runners.local.settings import OWNER
from bot.runners.protocol import Refused
from bot.runners.secret_files import read_secrets

#: What a run takes from gpubot's own environment, and nothing else: there are tokens in it.
KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH")
DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Account:
    """Whose processes the workers are."""

    name: str
    home: str
    shell: str
    #: What subprocess.Popen has to be given for it; empty for gpubot's own account.
    identity: Mapping[str, Any]


def plan_of(
    order: WorkOrder, folder: Path, run_as: str, secrets: Path | None, around: Mapping[str, str]
) -> dict[str, Any]:
    """Everything the supervisor needs to know, ready for JSON.

    `around` is gpubot's own environment. Raises Refused for what could never be started.
    """
    account = find_account(run_as, order.account)
    hidden = read_secrets(secrets, order.job.secrets)
    cwd = _folder(order, account)
    return {
        "key": order.key,
        "folder": str(folder),
        "grace": order.job.grace.total_seconds(),
        "checkpoint": _checkpoint(order, cwd),
        "workers": [
            {
                "words": _words(order, worker),
                "cwd": cwd,
                "env": _environment(order, worker, account, around) | hidden,
                "account": dict(account.identity),
            }
            for worker in order.workers
        ],
    }


def find_account(run_as: str, owner: str) -> Account:
    """The account that `run_as` names. Raises Refused when there is none that could be used."""
    if not run_as:
        return _account(pwd.getpwuid(os.geteuid()))
    name = owner if run_as == OWNER else run_as
    if not name:
        raise Refused("it is not known which account of this server the owner has")
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise Refused(f"this server has no account {name}") from None
    if entry.pw_uid == os.geteuid() and run_as != OWNER:
        return _account(entry)
    if entry.pw_uid == 0:
        raise Refused("runs are not started as root")
    if os.geteuid() != 0 and entry.pw_uid != os.geteuid():
        raise Refused(f"gpubot may not run anything as {name}: it is not root itself")
    return _account(entry)


def _account(entry: pwd.struct_passwd) -> Account:
    identity: Mapping[str, Any] = {}
    if entry.pw_uid != os.geteuid():
        groups = os.getgrouplist(entry.pw_name, entry.pw_gid)
        identity = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": groups}
    return Account(entry.pw_name, entry.pw_dir, entry.pw_shell, identity)


def _folder(order: WorkOrder, account: Account) -> str:
    """Where the workers start: the job's folder, else the account's home."""
    if not order.job.folder:
        return account.home if Path(account.home).is_dir() else "/"
    if not Path(order.job.folder).is_absolute():
        raise Refused(f"the folder {order.job.folder} has to be named from / on")
    if not Path(order.job.folder).is_dir():
        raise Refused(f"there is no folder {order.job.folder}")
    return order.job.folder


def _words(order: WorkOrder, worker: Worker) -> tuple[str, ...]:
    words = order.words(worker)
    if not words or not words[0]:
        raise Refused("there is no command to run: this server runs programs, not images")
    if any("\0" in word for word in words):
        raise Refused("the command holds a character that no program can be given")
    return words


def _environment(
    order: WorkOrder, worker: Worker, account: Account, around: Mapping[str, str]
) -> dict[str, str]:
    """A clean one: what programs need, what the order says, and which GPUs there are."""
    kept = {name: around[name] for name in KEPT if name in around}
    return {
        "PATH": DEFAULT_PATH,
        "LANG": "C.UTF-8",
        **kept,
        "HOME": account.home,
        "USER": account.name,
        "LOGNAME": account.name,
        "SHELL": account.shell,
        # All workers are on this host, so they find one another here.
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(20000 + order.booking % 10000),
        **order.variables(worker),
        # GPUs are numbered as the bus, nvidia-smi and the bookings number them.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": ",".join(str(gpu) for gpu in worker.gpu_ids),
        MARKER: order.key,
    }


def _checkpoint(order: WorkOrder, cwd: str) -> str:
    path = order.checkpoint_path()
    return str(Path(cwd) / path) if path else ""
