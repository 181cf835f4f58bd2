"""Talking to the API server: plain JSON over the transport of the official client.

The official client brings what clusters need to be let in (kubeconfig, exec plugins, tokens that
change, client certificates). Its generated models are left alone: Volcano's objects have none, and
streams need the response itself. It is slow to import, so that happens when a connection is made.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError

from bot.runners.kubernetes.settings import KubernetesSettings
from bot.runners.protocol import Unreachable

Object = dict[str, Any]

MERGE_PATCH = "application/merge-patch+json"
#: Seconds to connect, and to wait for an answer that is no stream.
CONNECT_S, ANSWER_S = 5.0, 20.0
#: Most characters of the server's own words that go into a message.
LONGEST_TEXT = 200
#: A peer that vanished without a word is noticed after about a minute.
_KEEPALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 20),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
]


class Denied(Exception):
    """The server answered, and said no: `status` is HTTP's, `text` its words in one line.

    `about` is the object that it speaks of.
    """

    def __init__(self, status: int, text: str, about: str = "") -> None:
        super().__init__(f"{text} ({status})")
        self.status = status
        self.about = about
        self._text = text

    @property
    def may_pass(self) -> bool:
        """Whether it may be a server that has just begun, and answers before it knows enough.

        Tried: for a second or so it takes nobody to have any rights. One that does not know a kind
        of object (yet) answers 404 about no object. An operator can mend both as well.
        """
        if self.status == 403:
            return " cannot " in self._text and " resource " in self._text
        return self.status == 404 and not self.about


@contextmanager
def allowing(status: int) -> Iterator[None]:
    """Take that refusal for a success: what is there already, what is gone already."""
    try:
        yield
    except Denied as error:
        if error.status != status:
            raise


class Stream:
    """An answer that goes on; whoever reads it is woken by `stop`, from any thread."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self._response = response

    def lines(self) -> Iterator[bytes]:
        """Each whole line as it comes, without its end. Raises Unreachable when it breaks off."""
        rest = b""
        try:
            for chunk in self._response.stream(65536, decode_content=True):
                *whole, rest = (rest + chunk).split(b"\n")
                yield from whole
        except (HTTPError, OSError, ValueError, AttributeError) as error:
            # The last two are what urllib3 raises when `stop` came while it was reading.
            raise Unreachable(_told(error)) from error
        if rest:
            yield rest

    def stop(self) -> None:
        """End it; the reader sees its end."""
        try:
            self._response.shutdown()
        except (OSError, ValueError, RuntimeError):
            self._response.close()


class Api:
    """One connection to one cluster; its methods may be called from any thread."""

    def __init__(self, settings: KubernetesSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._client: Any = None

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Object:
        """What lies at `path`. Raises Denied or Unreachable, as every method here."""
        return self._object("GET", path, query)

    def create(self, path: str, body: Object, query: Mapping[str, str] | None = None) -> Object:
        """The new object as the server made it."""
        return self._object("POST", path, query, body)

    def merge(self, path: str, body: Object) -> Object:
        """The object after a merge patch."""
        return self._object("PATCH", path, None, body, MERGE_PATCH)

    def delete(
        self, path: str, body: Object | None = None, query: Mapping[str, str] | None = None
    ) -> None:
        """Ask for the end of an object, or of all that `query` selects."""
        self._object("DELETE", path, query, body)

    @contextmanager
    def stream(self, path: str, query: Mapping[str, str], *, silence_s: float) -> Iterator[Stream]:
        """An answer that goes on; `silence_s` is how long nothing may come of it."""
        response = self._send("GET", path, query, None, "", silence_s)
        try:
            yield Stream(response)
        finally:
            response.close()
            response.release_conn()

    def close(self) -> None:
        """Let go of connections."""
        with self._lock:
            if self._client is not None:
                self._client.rest_client.pool_manager.clear()

    def _object(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Object | None = None,
        content_type: str = "application/json",
    ) -> Object:
        response = self._send(method, path, query, body, content_type, ANSWER_S)
        try:
            found = json.loads(response.data)
        except (HTTPError, OSError, ValueError) as error:
            raise Unreachable(_told(error)) from error
        if not _is_object(found):
            raise Unreachable("the API server cannot be reached: something else answers for it")
        return dict(found)

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Object | None,
        content_type: str,
        silence_s: float,
    ) -> urllib3.BaseHTTPResponse:
        client = self._connected()
        headers = {"Accept": "application/json", "User-Agent": "gpubot"}
        if content_type:
            headers["Content-Type"] = content_type
        try:
            client.update_params_for_auth(headers, [], ["BearerToken"])
            response: urllib3.BaseHTTPResponse = client.rest_client.pool_manager.request(
                method,
                client.configuration.host + path + (f"?{urlencode(query)}" if query else ""),
                body=None if body is None else json.dumps(body),
                headers=headers,
                timeout=urllib3.Timeout(connect=CONNECT_S, read=silence_s),
                preload_content=False,
                retries=False,
            )
        except (HTTPError, OSError) as error:
            raise Unreachable(_told(error)) from error
        if response.status >= 300:
            raise _error_of(response)
        return response

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = _connect(self._settings)
            return self._client


def _connect(settings: KubernetesSettings) -> Any:
    """The official client, let in as the settings say. Raises Unreachable."""
    from kubernetes import client, config  # noqa: PLC0415 - it takes half a second

    configuration = client.Configuration()
    try:
        if settings.kubeconfig or not _is_inside():
            config.load_kube_config(
                settings.kubeconfig or None,
                settings.context or None,
                client_configuration=configuration,
                persist_config=False,
            )
        else:
            config.load_incluster_config(client_configuration=configuration)
    except (config.ConfigException, OSError, ValueError) as error:
        raise Unreachable(f"no way into the cluster: {one_line(str(error))}") from error
    configuration.socket_options = _KEEPALIVE
    configuration.connection_pool_maxsize = 64
    return client.ApiClient(configuration)


def _is_inside() -> bool:
    """Whether this process runs in a pod."""
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST"))


def _error_of(response: urllib3.BaseHTTPResponse) -> Exception:
    """What an answer that is no success means."""
    text, about, is_own = _words_of(response)
    status = response.status
    if status == 401:
        return Unreachable("the cluster does not accept gpubot's credentials (401)")
    if status == 429 or status >= 500:
        return Unreachable(f"the API server has trouble: {text} ({status})")
    if not is_own and status != 404:
        # (Of kinds that it does not know an API server says so in plain text.)
        return Unreachable(f"something else answers for the API server: {text} ({status})")
    return Denied(status, text, about)


def _words_of(response: urllib3.BaseHTTPResponse) -> tuple[str, str, bool]:
    """The message of the Status object that comes with a refusal, and what it is about.

    And whether there is such an object: firewalls and proxies say no in other ways.
    """
    try:
        body = response.data
    except (HTTPError, OSError):
        body = b""
    try:
        found = json.loads(body)
        text, about = str(found["message"]), (found.get("details") or {}).get("name", "")
    except (ValueError, TypeError, KeyError):
        found, text, about = None, body.decode("utf-8", "replace"), ""
    return one_line(text) or f"HTTP {response.status}", about, _is_object(found)


def _is_object(found: object) -> bool:
    """Whether it is an object of Kubernetes: each that comes by itself says of which kind it is."""
    return isinstance(found, dict) and "kind" in found


def one_line(text: str) -> str:
    """`text` in one line of a length that people read."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TEXT else line[: LONGEST_TEXT - 1] + "…"


def _told(error: Exception) -> str:
    """A broken connection in a few words; urllib3's own hold addresses of objects."""
    causes = {
        "NewConnectionError": "connection refused or no route",
        "ConnectTimeoutError": "no connection within 5 s",
        "ReadTimeoutError": "no answer in time",
        "NameResolutionError": "its name is not known",
        "SSLError": "its certificate does not hold",
    }
    name = type(error).__name__
    return f"the API server cannot be reached: {causes.get(name, name)}"
