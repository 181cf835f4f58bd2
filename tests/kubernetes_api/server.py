"""The API server: HTTP over the objects, with watches, selectors, pieces of lists and rights."""

from __future__ import annotations

import base64
import json
import re
import socket
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kubernetes_api import schemas
from kubernetes_api.objects import KINDS, Object, Objects, Place, Refusal
from kubernetes_api.selectors import matches

TOKEN = "t0ken-of-gpubot"
_PATH = re.compile(
    r"/(?:api/v1|apis/(?P<group>[^/]+)/[^/]+)"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/))?"
    r"/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+))?(?:/(?P<part>log|status))?"
)


@dataclass(frozen=True, order=True)
class Call:
    """One use of a right, as RBAC counts it."""

    group: str
    #: `pods`, or `pods/log`.
    resource: str
    verb: str


@dataclass
class Asked:
    """A request, read."""

    method: str
    place: Place
    name: str
    part: str
    query: Mapping[str, str]
    body: Object = field(default_factory=dict)

    @property
    def call(self) -> Call:
        resource = self.place.plural + (f"/{self.part}" if self.part else "")
        return Call(self.place.group, resource, self._verb())

    def _verb(self) -> str:
        match self.method:
            case "GET" if self.name:
                return "get"
            case "GET":
                return "watch" if self.query.get("watch") == "true" else "list"
            case "DELETE":
                return "delete" if self.name else "deletecollection"
            case _:
                return {"POST": "create", "PATCH": "patch", "PUT": "update"}[self.method]


class ApiServer:
    """Listens on 127.0.0.1; `stop` and `start` keep the port, and the objects."""

    def __init__(self, rights: Iterable[Call] | None = None) -> None:
        """`rights`: what the token may do; None: everything."""
        self.objects = Objects()
        self.rights = None if rights is None else set(rights)
        self.calls: set[Call] = set()
        #: What to answer instead, by call: for faults.
        self.faults: dict[Call, Refusal] = {}
        #: What something in between says to every request, with its status; None: nothing.
        self.in_between: tuple[int, str] | None = None
        self.logs: dict[str, list[tuple[str, bytes]]] = {}
        #: Most objects in one piece of a list, however many were asked for; 0: any number.
        self.page = 0
        self.port = 0
        self.tokens = {TOKEN}
        self._server: _Server | None = None
        #: Told of a deletion; says whether the object stays for now (pods have their grace).
        self.on_delete = lambda _place, _found, _grace: False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.api = self
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Go away at once, as a process that is killed; connections break off."""
        if self._server is not None:
            self._server.is_ending = True
            self._server.shutdown()
            self._server.server_close()
            self._server.break_off()
            with self.objects.lock:
                self.objects.lock.notify_all()
            self._server = None

    def break_watches(self) -> None:
        """Break off every connection; new ones are welcome."""
        if self._server is not None:
            self._server.break_off()

    def kubeconfig(self) -> Object:
        """What reaches this server with its token."""
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "fake",
            "clusters": [{"name": "fake", "cluster": {"server": self.address}}],
            "users": [{"name": "gpubot", "user": {"token": TOKEN}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "gpubot"}}],
        }

    def log(self, pod: str, line: str, stamp: str = "") -> None:
        """Have a pod write a line."""
        with self.objects.lock:
            at = stamp or f"{self.objects.now():%Y-%m-%dT%H:%M:%S.%f}000Z"
            self.logs.setdefault(pod, []).append((at, line.encode()))
            self.objects.lock.notify_all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64
    api: ApiServer
    is_ending = False

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def break_off(self) -> None:
        for one in list(self._open):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections break off all the time in these tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_args: Any) -> None:
        pass

    def _answer(self) -> None:
        try:
            asked = self._asked()
            if (page := self.server.api.in_between) is not None:
                return self._say(page[0], "text/html", page[1].encode())
            self._check_rights(asked)
            if asked.part == "log":
                return self._log(asked)
            if asked.call.verb == "watch":
                return self._watch(asked)
            code = 201 if asked.method == "POST" else 200
            return self._send(code, self._do(asked))
        except Refusal as refusal:
            return self._send(refusal.code, refusal.status)

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _answer  # noqa: N815

    def _asked(self) -> Asked:
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        path = urlsplit(self.path)
        found = _PATH.fullmatch(path.path)
        if found is None or (found["group"] or "", found["plural"]) not in KINDS:
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        place = Place(found["group"] or "", found["plural"], found["namespace"] or "")
        query = {name: values[-1] for name, values in parse_qs(path.query).items()}
        return Asked(
            self.command, place, found["name"] or "", found["part"] or "", query,
            json.loads(body) if body else {},
        )  # fmt: skip

    def _check_rights(self, asked: Asked) -> None:
        api = self.server.api
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in api.tokens:
            raise Refusal(401, "Unauthorized", "Unauthorized")
        api.calls.add(asked.call)
        if api.rights is not None and asked.call not in api.rights:
            what = f'{asked.place} is forbidden: User "system:serviceaccount:gpubot:gpubot" cannot'
            text = f'{what} {asked.call.verb} resource "{asked.call.resource}"'
            raise Refusal(403, "Forbidden", text, asked.name)
        if (fault := api.faults.get(asked.call)) is not None:
            raise fault

    def _do(self, asked: Asked) -> Object:
        objects, place = self.server.api.objects, asked.place
        match asked.call.verb:
            case "get":
                return objects.get(place, asked.name)
            case "list":
                return self._list(asked)
            case "create":
                schemas.check(KINDS[place.group, place.plural][0], asked.body)
                if asked.query.get("dryRun") == "All":
                    return asked.body
                return objects.create(place, asked.body)
            case "patch":
                return self._patch(asked)
            case "delete":
                self._delete(place, objects.get(place, asked.name), asked.body)
            case "deletecollection":
                for found in list(self._selected(asked)):
                    self._delete(place, found, asked.body)
        return {"kind": "Status", "apiVersion": "v1", "status": "Success"}

    def _patch(self, asked: Asked) -> Object:
        if self.headers.get("Content-Type") != "application/merge-patch+json":
            raise Refusal(
                415, "UnsupportedMediaType", "the body of the request was in no known format"
            )

        def change(found: Object) -> None:
            _merge(found, asked.body)
            schemas.check(found.get("kind", ""), found)

        return self.server.api.objects.change(asked.place, asked.name, change)

    def _delete(self, place: Place, found: Object, options: Object) -> None:
        grace = options.get("gracePeriodSeconds")
        if not self.server.api.on_delete(place, found, grace):
            self.server.api.objects.remove(
                Place(place.group, place.plural, found["metadata"].get("namespace", "")),
                found["metadata"]["name"],
            )

    def _selected(self, asked: Asked) -> list[Object]:
        labels, fields = asked.query.get("labelSelector", ""), asked.query.get("fieldSelector", "")
        found = self.server.api.objects.all(asked.place)
        return [one for one in found if matches(one, labels, fields)]

    def _list(self, asked: Asked) -> Object:
        objects = self.server.api.objects
        with objects.lock:
            after, version = "", objects.version
            if token := asked.query.get("continue"):
                after, version = json.loads(base64.b64decode(token))
                if version < objects.compacted:
                    raise Refusal(410, "Expired", "The provided continue parameter is too old")
            items = [one for one in self._selected(asked) if one["metadata"]["name"] > after]
            asked_for = int(asked.query.get("limit") or 0) or len(items)
            most = min(asked_for, self.server.api.page or asked_for)
            metadata: Object = {"resourceVersion": str(version)}
            if len(items) > most:
                last = items[most - 1]["metadata"]["name"]
                metadata["continue"] = base64.b64encode(
                    json.dumps([last, version]).encode()
                ).decode()
            kind = KINDS[asked.place.group, asked.place.plural][0]
            return {"kind": f"{kind}List", "metadata": metadata, "items": items[:most]}

    def _watch(self, asked: Asked) -> None:
        objects = self.server.api.objects
        version = int(asked.query.get("resourceVersion") or objects.version)
        labels, fields = asked.query.get("labelSelector", ""), asked.query.get("fieldSelector", "")
        place = asked.place
        self._begin("application/json")
        while not self.server.is_ending:
            with objects.lock:
                if version < objects.compacted:
                    expired = Refusal(410, "Expired", f"too old resource version: {version}")
                    return self._end({"type": "ERROR", "object": expired.status})
                news = [one for one in objects.history if one.version > version]
                if not news:
                    idle = not objects.lock.wait(0.3)
                    news = [one for one in objects.history if one.version > version]
                    kind = KINDS[place.group, place.plural][0]
                    if idle and not news and asked.query.get("allowWatchBookmarks") == "true":
                        mark = {"kind": kind, "metadata": {"resourceVersion": str(objects.version)}}
                        self._piece(_line({"type": "BOOKMARK", "object": mark}))
            for one in news:
                version = one.version
                if _is_at(one.place, place) and matches(one.found, labels, fields):
                    self._piece(_line({"type": one.kind, "object": one.found}))
        return None

    def _log(self, asked: Asked) -> None:
        api = self.server.api
        since = asked.query.get("sinceTime", "")[:19]
        follows, sent = asked.query.get("follow") == "true", 0
        with api.objects.lock:
            found = api.objects.get(asked.place, asked.name)
            if not (found.get("status", {}).get("containerStatuses") or [{}])[0].get("state"):
                text = f'container "worker" in pod "{asked.name}" is waiting to start'
                raise Refusal(400, "BadRequest", text)
            uid = found["metadata"]["uid"]
        self._begin("text/plain")
        while not self.server.is_ending:
            with api.objects.lock:
                lines = api.logs.get(asked.name, [])[sent:]
                sent += len(lines)
                is_done = not follows or _writes_no_more(api.objects, asked, uid)
                if not lines and not is_done:
                    api.objects.lock.wait(0.3)
            for at, text in lines:
                if at[:19] >= since:
                    self._piece(at.encode() + b" " + text + b"\n")
            if is_done and not lines:
                return self._piece(b"")
        return None

    def _send(self, code: int, found: Object) -> None:
        self._say(code, "application/json", json.dumps(found).encode())

    def _say(self, code: int, kind: str, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _begin(self, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _piece(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _end(self, event: Object) -> None:
        self._piece(_line(event))
        self._piece(b"")


def _line(event: Object) -> bytes:
    return json.dumps(event).encode() + b"\n"


def _is_at(place: Place, asked: Place) -> bool:
    same = (place.group, place.plural) == (asked.group, asked.plural)
    return same and asked.namespace in ("", place.namespace)


def _writes_no_more(objects: Objects, asked: Asked, uid: str) -> bool:
    try:
        found = objects.get(asked.place, asked.name)
    except Refusal:
        return True
    state = found["status"]["containerStatuses"][0]["state"]
    return "terminated" in state or found["metadata"]["uid"] != uid


def _merge(target: Object, patch: Object) -> None:
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        elif isinstance(value, dict):
            _merge(target.setdefault(name, {}), value)
        else:
            target[name] = value
