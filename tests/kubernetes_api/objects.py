"""What the API server keeps: objects, their versions, and what changed since when."""

from __future__ import annotations

import copy
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Object = dict[str, Any]

#: (API group, plural) → kind and whether objects live in a namespace.
KINDS: Mapping[tuple[str, str], tuple[str, bool]] = {
    ("", "namespaces"): ("Namespace", False),
    ("", "nodes"): ("Node", False),
    ("", "pods"): ("Pod", True),
    ("", "events"): ("Event", True),
    ("", "secrets"): ("Secret", True),
    ("", "persistentvolumeclaims"): ("PersistentVolumeClaim", True),
    ("batch.volcano.sh", "jobs"): ("Job", True),
    ("bus.volcano.sh", "commands"): ("Command", True),
}


class Refusal(Exception):
    """An answer that is no success, as a Status object."""

    def __init__(self, code: int, reason: str, message: str, about: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "details": {"name": about} if about else {},
            "code": code,
        }


@dataclass(frozen=True)
class Place:
    """Where objects of one kind lie; `namespace` empty: in all, or in none."""

    group: str
    plural: str
    namespace: str = ""

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


@dataclass(frozen=True)
class Happened:
    """One change."""

    version: int
    kind: str
    place: Place
    found: Object


class Objects:
    """The store; every method holds its lock, which also wakes those who wait for changes."""

    def __init__(self) -> None:
        self.lock = threading.Condition(threading.RLock())
        self.version = 1000
        #: Changes up to this version are forgotten: a watch from before gets 410.
        self.compacted = 0
        self.history: list[Happened] = []
        self._found: dict[tuple[Place, str], Object] = {}
        #: How far the time is ahead of the machine's.
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def stamp(self) -> str:
        return f"{self.now():%Y-%m-%dT%H:%M:%SZ}"

    def all(self, place: Place) -> Iterator[Object]:
        with self.lock:
            for (where, _name), found in sorted(self._found.items(), key=lambda one: one[0][1]):
                same = (where.group, where.plural) == (place.group, place.plural)
                if same and place.namespace in ("", where.namespace):
                    yield found

    def get(self, place: Place, name: str) -> Object:
        with self.lock:
            if (found := self._found.get((place, name))) is None:
                raise Refusal(404, "NotFound", f'{place} "{name}" not found', name)
            return found

    def create(self, place: Place, found: Object) -> Object:
        with self.lock:
            made = copy.deepcopy(found)
            metadata = made["metadata"]
            name = metadata["name"]
            if place.namespace:
                self.get(Place("", "namespaces"), place.namespace)
                metadata["namespace"] = place.namespace
            if (place, name) in self._found:
                text = f'{place} "{name}" already exists'
                raise Refusal(409, "AlreadyExists", text, name)
            metadata.update(uid=str(uuid.uuid4()), creationTimestamp=self.stamp(), generation=1)
            return self._keep("ADDED", place, made)

    def change(self, place: Place, name: str, change: Callable[[Object], None]) -> Object:
        """Apply `change` to a copy, and keep it when it is different."""
        with self.lock:
            found = self.get(place, name)
            made = copy.deepcopy(found)
            change(made)
            wanted = made["metadata"].get("resourceVersion")
            if wanted != found["metadata"]["resourceVersion"]:
                text = f'Operation cannot be fulfilled on {place} "{name}": it has been modified'
                raise Refusal(409, "Conflict", text, name)
            return found if made == found else self._keep("MODIFIED", place, made)

    def remove(self, place: Place, name: str) -> Object:
        with self.lock:
            found = copy.deepcopy(self.get(place, name))
            del self._found[place, name]
            self._note("DELETED", place, found)
            return found

    def compact(self) -> None:
        """Forget all that happened until now, as etcd does every five minutes."""
        with self.lock:
            self.version += 1
            self.compacted = self.version
            self.history.clear()
            self.lock.notify_all()

    def _keep(self, kind: str, place: Place, made: Object) -> Object:
        self._found[place, made["metadata"]["name"]] = made
        self._note(kind, place, made)
        return made

    def _note(self, kind: str, place: Place, found: Object) -> None:
        self.version += 1
        found["metadata"]["resourceVersion"] = str(self.version)
        self.history.append(Happened(self.version, kind, place, copy.deepcopy(found)))
        self.lock.notify_all()
