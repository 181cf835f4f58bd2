"""What is remembered of each run in a file, since the cluster forgets: gone pods, gone jobs.

One folder for each run, named by its key, with state.json and the workers' logs. It is written
whenever something was learnt, so a restart of gpubot loses only what happened meanwhile.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.domain.run import Observation, RunState
from bot.runners.kubernetes import pods
from bot.runners.kubernetes.pods import Pod

_FILE = "state.json"


@dataclass(frozen=True, slots=True)
class Remembered:
    """One run."""

    #: Pods by worker, as they were seen last.
    pods: Mapping[int, Pod] = field(default_factory=dict)
    workers: int = 0
    #: Whether gpubot asked it to end.
    is_stopped: bool = False
    #: How it ended; None: it has not, as far as is known.
    outcome: Observation | None = None


class Memory:
    """The runs that this runner knows, by key."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._runs: dict[str, Remembered | None] = {}
        self._forgotten: set[str] = set()

    def folder(self, key: str) -> Path:
        """Where that run's files are; it may not exist yet."""
        return self._folder / key

    def keys(self) -> list[str]:
        """The runs of which there is something on the disk."""
        found = self._folder.glob(f"*/{_FILE}")
        return sorted(path.parent.name for path in found)

    def get(self, key: str) -> Remembered | None:
        """What is known of a run; None when it was never seen, or forgotten."""
        with self._lock:
            return self._get(key)

    def begin(self, key: str, workers: int) -> None:
        """Remember that there is such a run."""
        with self._lock:
            known = self._get(key) or Remembered()
            self._put(key, replace(known, workers=workers))

    def note_pod(self, pod: Pod) -> None:
        """Remember a pod as it is now."""
        with self._lock:
            known = self._get(pod.run) or Remembered()
            if known.pods.get(pod.worker) != pod:
                self._put(pod.run, replace(known, pods={**known.pods, pod.worker: pod}))

    def note_stop(self, key: str) -> None:
        """Remember that the run was asked to end."""
        with self._lock:
            if known := self._get(key):
                self._put(key, replace(known, is_stopped=True))

    def note_outcome(self, key: str, outcome: Observation) -> None:
        """Remember how the run ended."""
        with self._lock:
            known = self._get(key) or Remembered()
            if known.outcome != outcome:
                self._put(key, replace(known, outcome=outcome))

    def forget(self, key: str) -> None:
        """Remove everything of a run; what is still heard of it is not remembered again."""
        with self._lock:
            self._forgotten.add(key)
            self._runs.pop(key, None)
            shutil.rmtree(self.folder(key), ignore_errors=True)

    def is_forgotten(self, key: str) -> bool:
        """Whether the run was forgotten since this process began."""
        return key in self._forgotten

    def _get(self, key: str) -> Remembered | None:
        if key not in self._runs:
            self._runs[key] = None if key in self._forgotten else _read(self.folder(key) / _FILE)
        return self._runs[key]

    def _put(self, key: str, run: Remembered) -> None:
        if key in self._forgotten:
            return
        self._runs[key] = run
        folder = self.folder(key)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_json(folder / _FILE, _to_json(run))


def write_json(path: Path, kept: Mapping[str, Any]) -> None:
    """Write a file whole or not at all."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(json.dumps(kept), encoding="utf-8")
    beside.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """What is in the file; empty when there is none, or one that somebody spoilt."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _to_json(run: Remembered) -> dict[str, Any]:
    return {
        "workers": run.workers,
        "is_stopped": run.is_stopped,
        "pods": [pods.to_json(pod) for pod in run.pods.values()],
        "outcome": None if run.outcome is None else _outcome_to_json(run.outcome),
    }


def _outcome_to_json(outcome: Observation) -> dict[str, Any]:
    instants = {"started_at": outcome.started_at, "ended_at": outcome.ended_at}
    written = {name: at and at.isoformat() for name, at in instants.items()}
    return {**asdict(outcome), **written, "checkpoint": None}


def _read(path: Path) -> Remembered | None:
    kept = read_json(path)
    try:
        known = [pods.from_json(pod) for pod in kept["pods"]]
        outcome = kept["outcome"]
        return Remembered(
            pods={pod.worker: pod for pod in known},
            workers=kept["workers"],
            is_stopped=kept["is_stopped"],
            outcome=None if outcome is None else _outcome_of(outcome),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _outcome_of(kept: Mapping[str, Any]) -> Observation:
    instants = {
        name: datetime.fromisoformat(kept[name]) if kept[name] else None
        for name in ("started_at", "ended_at")
    }
    return Observation(**{**kept, **instants, "state": RunState(kept["state"])})
