"""Logs of pods, copied line by line while they run: an evicted pod takes its log with it.

The API server can give lines from an instant on, whole seconds only, and puts a time before each
line. The time of the last line, and how many lines had it, say where to go on after a
connection broke off or gpubot was restarted: nothing is doubled, nothing left out.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from bot.runners.kubernetes import names
from bot.runners.kubernetes.api import Api, Denied, Stream
from bot.runners.kubernetes.memory import read_json, write_json
from bot.runners.protocol import Unreachable

log = logging.getLogger(__name__)

#: Seconds in which a followed log may be silent; then it is asked for again.
SILENCE_S = 300.0
#: Seconds between attempts after a failure: the first, and the longest.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
#: How many attempts the log of a pod gets that is over or gone and does not give it.
ATTEMPTS = 4
#: And when its node does not answer, or the API server.
MANY_ATTEMPTS = 60
#: Seconds after which it is written down how far the copy is.
SETTLE_S = 0.5
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")
_CUT = b"[gpubot: older lines were dropped here]\n"


@dataclass(frozen=True, slots=True)
class Place:
    """How far a log was copied."""

    #: Time of the last line, as the server wrote it; empty: there was none yet.
    at: str = ""
    #: How many lines with exactly that time were copied.
    same: int = 0
    #: Size of the copy in bytes.
    size: int = 0
    #: Whether it is complete, as far as it can be had.
    is_done: bool = False


class LogCopy:
    """The copy of one pod's log, made by a thread of its own."""

    def __init__(
        self,
        api: Api,
        path: str,
        target: Path,
        is_over: Callable[[], bool],
        limit: int,
    ) -> None:
        """`path` is the pod's; `is_over` tells whether the pod writes no more; `limit`: bytes."""
        self._api, self._path, self._target = api, path, target
        self._is_over, self._limit = is_over, limit
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._stream: Stream | None = None
        self._place = _place_of(target)
        self._settled_at = 0.0
        self._thread = threading.Thread(target=self._run, name=f"log-{target.stem}", daemon=True)

    def start(self) -> None:
        """Begin to copy, unless that was done before."""
        if not self._place.is_done:
            self._thread.start()

    @property
    def is_done(self) -> bool:
        """Whether the copy has all that could be had."""
        return self._place.is_done

    def close(self, timeout: float) -> None:
        """End the thread, waiting at most `timeout` seconds; the copy can be gone on with."""
        self._closed.set()
        with self._lock:
            if self._stream is not None:
                self._stream.stop()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        pause, failures = 0.0, 0
        while not self._closed.wait(pause):
            was_over = self._is_over()
            try:
                self._copy(follow=not was_over)
            except Denied as error:
                failures += 1
                # No such pod any more, or its container's log is gone or not there yet.
                log.debug("%s: %s", self._path, error)
                if was_over and (error.status == 404 or failures >= ATTEMPTS):
                    break
            except (Unreachable, OSError) as error:
                failures += 1
                # A disk that is full may have room again.
                worst = logging.INFO if isinstance(error, Unreachable) else logging.ERROR
                level = worst if failures == 1 else logging.DEBUG
                log.log(level, "%s: the log broke off: %s", self._path, error)
                if was_over and failures >= MANY_ATTEMPTS:
                    break
            else:
                failures = 0
                if was_over:
                    break
            pause = min(max(2 * pause, FIRST_PAUSE_S), LONGEST_PAUSE_S)
        if not self._closed.is_set():
            self._finish()

    def _finish(self) -> None:
        """The copy has all that could be had, whether or not that can be written down."""
        try:
            self._settle(replace(self._place, is_done=True))
        except OSError as error:
            # A gpubot that is started anew goes on from the last place that was written.
            log.error("%s: how far the log was copied is not written down: %s", self._path, error)

    def _copy(self, *, follow: bool) -> None:
        query = {"container": names.CONTAINER, "timestamps": "true"}
        if follow:
            query["follow"] = "true"
        if self._place.at:
            query["sinceTime"] = self._place.at
        with self._api.stream(self._path + "/log", query, silence_s=SILENCE_S) as stream:
            with self._lock:
                self._stream = stream
                if self._closed.is_set():
                    return
            try:
                self._append(stream.lines())
            finally:
                with self._lock:
                    self._stream = None

    def _append(self, lines: Iterable[bytes]) -> None:
        """Add the lines that are new."""
        file = _opened(self._target, self._place.size)
        try:
            for stamp, text in _not_yet(lines, self._place):
                file.write(text)
                file.flush()
                self._move_on(stamp, len(text))
                if self._place.size > self._limit:
                    file.close()
                    self._shorten()
                    file = _opened(self._target, self._place.size)
        finally:
            file.close()
            self._settle(self._place)

    def _move_on(self, stamp: str, size: int) -> None:
        place = self._place
        same = place.same + 1 if stamp == place.at else 1
        self._place = Place(stamp or place.at, same, place.size + size)
        # Lines that were copied after that are copied once more, over themselves.
        if time.monotonic() - self._settled_at > SETTLE_S:
            self._settle(self._place)

    def _settle(self, place: Place) -> None:
        self._place, self._settled_at = place, time.monotonic()
        with suppress(FileNotFoundError):
            # Its folder goes when the run is forgotten.
            write_json(_place_file(self._target), asdict(place))

    def _shorten(self) -> None:
        """Keep the newer half, from a line's beginning: what went wrong stands at the end."""
        with self._target.open("rb") as file:
            file.seek(-self._limit // 2, os.SEEK_END)
            newer = file.read().partition(b"\n")[2]
        beside = self._target.with_name(f".{self._target.name}.new")
        beside.write_bytes(_CUT + newer)
        beside.replace(self._target)
        self._settle(replace(self._place, size=len(_CUT) + len(newer)))


def _place_file(target: Path) -> Path:
    return target.with_name(f".{target.stem}.place.json")


def _place_of(target: Path) -> Place:
    try:
        return Place(**read_json(_place_file(target)))
    except TypeError:
        return Place()


def _opened(target: Path, size: int) -> BinaryIO:
    """The copy, to go on with after its first `size` bytes."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = target.open("r+b" if target.exists() else "w+b")
    file.truncate(size)
    file.seek(0, os.SEEK_END)
    return file


def _not_yet(lines: Iterable[bytes], before: Place) -> Iterator[tuple[str, bytes]]:
    """Time and text of the lines that were not copied up to `before`."""
    again = 0
    for line in lines:
        at, _, text = line.partition(b" ")
        stamp = at.decode("ascii", "replace")
        if _TIME.fullmatch(stamp) is None:
            # Something that the node says in place of the log.
            yield "", line + b"\n"
            continue
        order = _order(stamp, before.at)
        again += order == 0
        if order > 0 or (order == 0 and again > before.same):
            yield stamp, text + b"\n"


def _order(one: str, other: str) -> int:
    """Whether the time `one` is before (-1), the same as (0) or after (1) `other`."""
    left, right = _nanoseconds(one), _nanoseconds(other)
    return (left > right) - (left < right)


def _nanoseconds(stamp: str) -> tuple[float, int]:
    found = _TIME.fullmatch(stamp)
    if found is None:
        return 0.0, 0
    whole = datetime.fromisoformat(found[1] + found[3]).timestamp()
    return whole, int((found[2] or "0")[:9].ljust(9, "0"))
