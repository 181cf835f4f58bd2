"""A call of Slack ends in time, also where the answer comes byte by byte and never ends."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler

import pytest
from directory.slapd_certificates import Certificates, make_certificates
from monitoring.exporters import Server, serving

from bot.slack.answers import Answers
from bot.slack.clients import CALL_ERRORS, Client
from bot.slack.workers import Workers

BODY = b'{"ok": true, "url": "https://lab.slack.com/"}'
HEAD = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY)
#: How many bytes come at once, before the rest comes drop by drop.
AT_ONCE = {
    "from the first byte on": 0,
    "from the headers on": len(b"HTTP/1.0 200 OK\r\n"),
    "from the body on": len(b"HTTP/1.0 200 OK\r\n") + len(HEAD),
}


class Dripping:
    """Answers a byte at a time: all of it in several times what a call may take."""

    def __init__(self) -> None:
        self.status = b"200 OK"
        self.at_once = 0
        self.pause_s = 0.0
        self.ended = threading.Event()

    def __call__(self, asked: BaseHTTPRequestHandler) -> None:
        whole = b"HTTP/1.0 %s\r\n" % self.status + HEAD + BODY
        asked.wfile.write(whole[: self.at_once])
        for byte in whole[self.at_once :]:
            if self.ended.wait(self.pause_s):
                return
            asked.wfile.write(bytes([byte]))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def dripping() -> Iterator[Dripping]:
    answer = Dripping()
    yield answer
    answer.ended.set()


@pytest.fixture(params=["http", "https"])
def slack(
    request: pytest.FixtureRequest, dripping: Dripping, certificates: Certificates
) -> Iterator[tuple[str, ssl.SSLContext | None]]:
    """Where Slack is, and whom to trust there."""
    with ExitStack() as stack:
        server: Server = stack.enter_context(serving(dripping))
        if request.param == "http":
            yield server.address, None
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.certificate, certificates.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        trusting = ssl.create_default_context(cafile=str(certificates.ca))
        yield server.address.replace("http:", "https:"), trusting


def client(slack: tuple[str, ssl.SSLContext | None], timeout: float) -> Client:
    address, context = slack
    made = Client(
        token="xoxb-1",
        base_url=f"{address}/api/",
        timeout=timeout,  # type: ignore[arg-type]
        ssl=context,
        retry_handlers=[],
    )
    made.proxy = None
    return made


def test_an_answer_that_comes_in_time_is_read(
    slack: tuple[str, ssl.SSLContext | None],
) -> None:
    assert client(slack, 30).auth_test()["url"] == "https://lab.slack.com/"


@pytest.mark.parametrize("at_once", AT_ONCE.values(), ids=AT_ONCE)
def test_a_call_is_over_in_time_however_slowly_the_answer_comes(
    slack: tuple[str, ssl.SSLContext | None], dripping: Dripping, at_once: int
) -> None:
    dripping.at_once, dripping.pause_s = at_once, 0.1
    with pytest.raises(TimeoutError):
        client(slack, 0.5).auth_test()


def test_a_refusal_that_comes_slowly_ends_in_time_too(
    slack: tuple[str, ssl.SSLContext | None], dripping: Dripping
) -> None:
    dripping.status, dripping.at_once, dripping.pause_s = (
        b"500 No",
        AT_ONCE["from the body on"],
        0.1,
    )
    with pytest.raises(CALL_ERRORS):
        client(slack, 0.5).auth_test()


def test_an_answer_to_a_response_url_ends_in_time(
    slack: tuple[str, ssl.SSLContext | None], dripping: Dripping, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, context = slack
    dripping.pause_s = 0.1
    monkeypatch.setattr("bot.slack.clients.BACKGROUND_TIMEOUT_S", 0.5)
    monkeypatch.setattr("bot.slack.clients._trusting", lambda: context)
    answers = Answers(client(slack, 0.5), Workers("test", threads=1, capacity=1))
    assert answers._post_to(f"{address}/actions/1", {"text": "hello"}) == "no_answer"


def test_a_redirection_does_not_take_the_token_elsewhere(dripping: Dripping) -> None:
    asked: list[str] = []

    def elsewhere(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        request.send_response(302)
        request.send_header("Location", "/elsewhere")
        request.end_headers()

    with serving(elsewhere) as server, pytest.raises(CALL_ERRORS):
        client((server.address, None), 30).auth_test()
    assert asked == ["/api/auth.test"]
