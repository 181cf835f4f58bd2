"""A copy of one kind of the cluster's objects, kept true by list and watch.

The rules of the API server: a list gives a resourceVersion, and a watch from there gives each
change since. Bookmarks move the version on while nothing changes. A version that is too old gets
410, as a status or as an event: then a new list is due. A watch ends now and then without meaning.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from enum import StrEnum

from bot.runners.kubernetes.api import Api, Denied, Object, Stream
from bot.runners.protocol import Unreachable

log = logging.getLogger(__name__)

#: How many objects come in one piece of a list.
PAGE = 500
#: Seconds after which the server is to end a watch, which is then begun anew.
WATCH_S = 240
#: Seconds between attempts after failures: the first, and the longest.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 15.0


class Change(StrEnum):
    """What happened to an object."""

    SEEN = "seen"
    GONE = "gone"


class _Expired(Exception):
    """The server does not know any more what changed since our version."""


class Watch:
    """Objects of one kind by name; `changed` hears of each on the watch's own thread."""

    def __init__(
        self,
        api: Api,
        path: str,
        changed: Callable[[Change, Object], None] = lambda _change, _found: None,
        *,
        selector: str = "",
    ) -> None:
        self._api, self._path, self._changed = api, path, changed
        self._query = {"labelSelector": selector} if selector else {}
        self._lock = threading.Lock()
        self._objects: dict[str, Object] = {}
        self._version = ""
        self._problem: str | None = "the cluster has not been looked at yet"
        self._looked = threading.Event()
        self._closed = threading.Event()
        self._stream: Stream | None = None
        name = path.rpartition("/")[2]
        self._thread = threading.Thread(target=self._run, name=f"watch-{name}", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def close(self, timeout: float) -> None:
        """End the thread, waiting at most `timeout` seconds."""
        self._closed.set()
        with self._lock:
            if self._stream is not None:
                self._stream.stop()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def wait(self, timeout: float) -> bool:
        """Wait until the cluster was looked at once, whether that worked or not."""
        return self._looked.wait(timeout)

    @property
    def problem(self) -> str | None:
        """Why the copy may be out of date; None when it follows the cluster."""
        return self._problem

    def objects(self) -> Mapping[str, Object]:
        """All of them as they are known now."""
        with self._lock:
            return dict(self._objects)

    def get(self, name: str) -> Object | None:
        """One of them; None when it is not known."""
        with self._lock:
            return self._objects.get(name)

    def learn(self, found: Object) -> None:
        """Take in what a call of our own answered, unless the watch was faster."""
        with self._lock:
            known = self._objects.get(found["metadata"]["name"])
            if known is None or _version(known) < _version(found):
                self._objects[found["metadata"]["name"]] = found

    def unlearn(self, name: str) -> None:
        """Forget an object that a call of our own removed or did not find."""
        with self._lock:
            self._objects.pop(name, None)

    def _run(self) -> None:
        pause = 0.0
        while not self._closed.wait(pause):
            try:
                if not self._version:
                    self._list()
                self._follow()
                pause = FIRST_PAUSE_S
            except _Expired:
                self._version, pause = "", _longer(pause)
            except (Unreachable, Denied) as error:
                pause = _longer(pause)
                self._note(error)
            except Exception:
                log.exception("the watch of %s failed", self._path)
                self._version, pause = "", LONGEST_PAUSE_S

    def _note(self, error: Unreachable | Denied) -> None:
        if self._closed.is_set():
            return
        text = str(error)
        if isinstance(error, Denied):
            # The version may be at fault, and costs but a list.
            self._version = ""
            text = f"the cluster refuses to show {self._path.rpartition('/')[2]}: {error}"
        if self._problem != text:
            log.warning("%s: %s", self._path, text)
        self._problem = text
        self._looked.set()

    def _list(self) -> None:
        found: dict[str, Object] = {}
        query = {**self._query, "limit": str(PAGE)}
        while True:
            page = self._page(query)
            found |= {one["metadata"]["name"]: one for one in page.get("items") or ()}
            metadata = page.get("metadata", {})
            if not metadata.get("continue"):
                break
            query["continue"] = metadata["continue"]
        self._replace(found)
        self._version = str(metadata.get("resourceVersion") or "")
        self._problem = None
        self._looked.set()

    def _page(self, query: Mapping[str, str]) -> Object:
        try:
            return self._api.get(self._path, query)
        except Denied as error:
            if error.status == 410:
                raise _Expired from error
            raise

    def _replace(self, found: dict[str, Object]) -> None:
        for name, one in self.objects().items():
            if name not in found:
                self._changed(Change.GONE, one)
        with self._lock:
            self._objects = found
        for one in found.values():
            self._changed(Change.SEEN, one)

    def _follow(self) -> None:
        query = {
            **self._query,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(WATCH_S),
        }
        try:
            with self._api.stream(self._path, query, silence_s=WATCH_S + 15) as stream:
                self._read(stream)
        except Denied as error:
            if error.status == 410:
                raise _Expired from error
            raise

    def _read(self, stream: Stream) -> None:
        with self._lock:
            self._stream = stream
            if self._closed.is_set():
                return
        self._problem = None
        try:
            for line in stream.lines():
                self._take(_event(line))
        except Unreachable:
            # It broke off; whether the server is away shows when the watch is begun anew.
            log.info("the watch of %s broke off", self._path)
        except ValueError as error:
            raise Unreachable("the API server sends something that is no event") from error
        finally:
            with self._lock:
                self._stream = None

    def _take(self, event: Object) -> None:
        kind, found = event.get("type"), event["object"]
        if kind == "ERROR":
            if found.get("code") == 410:
                raise _Expired
            raise Unreachable(f"the watch failed: {found.get('message', 'no reason is given')}")
        version = found["metadata"].get("resourceVersion")
        if kind != "BOOKMARK":
            self._apply(kind == "DELETED", found)
        self._version = version or self._version

    def _apply(self, is_gone: bool, found: Object) -> None:  # noqa: FBT001 - private, one caller
        name = found["metadata"]["name"]
        with self._lock:
            known = self._objects.get(name)
            if known is not None and _version(found) < _version(known):
                return
            if not is_gone:
                self._objects[name] = found
        # Whoever looks for what is gone from the copy finds it noted already.
        self._changed(Change.GONE if is_gone else Change.SEEN, found)
        if is_gone:
            self.unlearn(name)


def _event(line: bytes) -> Object:
    """What happened, as the line says. Raises ValueError when it says nothing of the kind."""
    event = json.loads(line)
    if not isinstance(event, dict) or not isinstance(event.get("object"), dict):
        raise ValueError("no event")
    return event


def _longer(pause: float) -> float:
    return min(max(2 * pause, FIRST_PAUSE_S), LONGEST_PAUSE_S)


def _version(found: Object) -> int:
    """An object's resourceVersion; they count upwards (Kubernetes has promised so since 1.35)."""
    text = str(found["metadata"].get("resourceVersion", ""))
    return int(text) if text.isdigit() else 0
