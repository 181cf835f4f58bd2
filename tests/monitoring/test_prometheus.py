"""Prometheus that is down, slow or lying: each has its clear answer."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from exporters import saying, serving

from bot.monitoring.prometheus import LARGEST_ANSWER, Answer, Prometheus, PrometheusError

SECRET = "s3cret-token"


def vector(*results: Any) -> bytes:
    data = {"resultType": "vector", "result": list(results)}
    return json.dumps({"status": "success", "data": data}).encode()


def one(value: Any, **labels: Any) -> dict[str, Any]:
    return {"metric": {"__name__": "x", **labels}, "value": [1795427313.8, value]}


def ask(address: str, timeout_s: float = 5.0) -> Answer:
    prometheus = Prometheus(address, timeout=timedelta(seconds=timeout_s), token=SECRET)
    try:
        return prometheus.query("up")
    finally:
        prometheus.close()


def ask_one(body: bytes, status: int = 200, **headers: str) -> Answer:
    with serving(saying(body, status, **headers)) as server:
        return ask(server.address)


def test_samples_are_read_with_their_labels() -> None:
    answer = ask_one(vector(one("91", gpu="3"), one("0.5", gpu="4")))
    assert [(s.labels["gpu"], s.value) for s in answer.samples] == [("3", 91.0), ("4", 0.5)]
    assert answer.dropped == 0


def test_the_token_goes_along_and_the_query_is_the_body() -> None:
    seen = {}

    def answer(request: BaseHTTPRequestHandler) -> None:
        seen.update(auth=request.headers["Authorization"], path=request.path, body=request.body)
        saying(vector())(request)

    with serving(answer) as server:
        ask(server.address)
    assert seen == {"auth": f"Bearer {SECRET}", "path": "/api/v1/query", "body": b"query=up"}


@pytest.mark.parametrize("lie", ["NaN", "+Inf", "-Inf", "warm", "", None, 91, ["91"]])
def test_a_value_that_is_none_is_left_out_and_counted(lie: Any) -> None:
    answer = ask_one(vector(one(lie), one("7")))
    assert [s.value for s in answer.samples] == [7.0]
    assert answer.dropped == 1


@pytest.mark.parametrize(
    "lie",
    [{}, {"metric": {}}, {"metric": [], "value": [1, "1"]}, {"metric": {"a": 1}, "value": [1, "1"]},
     {"metric": {}, "value": ["1"]}, "x", None, 5],
)  # fmt: skip
def test_a_sample_of_another_form_is_left_out_and_counted(lie: Any) -> None:
    answer = ask_one(vector(lie, one("7")))
    assert [s.value for s in answer.samples] == [7.0]
    assert answer.dropped == 1


ERROR = b'{"status": "error", "errorType": "bad_data", "error": "parse error"}'


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"<html>sign in</html>", 200, "HTTP 200, and the answer is not JSON"),
        (b"[" * 100_000, 200, "not JSON"),
        (b"[]", 200, "no success"),
        (b'{"status": "success"}', 200, "not a vector"),
        (b'{"status": "success", "data": {"resultType": "matrix", "result": []}}', 200, "a vector"),
        (b'{"status": "success", "data": {"resultType": "vector"}}', 200, "no list of results"),
        (vector(), 500, "HTTP 500"),
        (ERROR, 400, "HTTP 400, no success: parse error"),
        (b"", 302, "HTTP 302"),
        (b"no", 401, "HTTP 401"),
    ],
)
def test_an_answer_that_is_not_the_apis_says_what_it_is(
    body: bytes, status: int, said: str
) -> None:
    with pytest.raises(PrometheusError, match=said):
        ask_one(body, status)


def test_a_long_error_is_cut() -> None:
    body = json.dumps({"status": "error", "error": "x" * 100_000}).encode()
    with pytest.raises(PrometheusError) as caught:
        ask_one(body, 422)
    assert len(str(caught.value)) < 300


def test_an_answer_that_is_too_large_is_not_read_to_its_end() -> None:
    written = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        for _ in range(20 * LARGEST_ANSWER // 1_000_000):
            request.wfile.write(b" " * 1_000_000)
            written.append(1_000_000)

    with serving(answer) as server, pytest.raises(PrometheusError, match="over 8 MB"):
        ask(server.address)
    assert sum(written) < 20 * LARGEST_ANSWER


def test_an_answer_that_unpacks_to_more_than_it_seems_is_refused() -> None:
    with pytest.raises(PrometheusError, match="compressed"):
        ask_one(gzip.compress(b" " * 1_000_000), Content_Encoding="gzip")


def test_an_answer_that_never_comes_is_given_up() -> None:
    over = threading.Event()

    def answer(_request: BaseHTTPRequestHandler) -> None:
        over.wait(30)

    with serving(answer) as server:
        with pytest.raises(PrometheusError, match=r"no answer within 0\.2 s"):
            ask(server.address, 0.2)
        over.set()


def test_an_answer_that_drips_is_given_up_as_well() -> None:
    over = threading.Event()

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while not over.wait(0.02):
            request.wfile.write(b" ")
            request.wfile.flush()

    with serving(answer) as server:
        with pytest.raises(PrometheusError, match="no whole answer within"):
            ask(server.address, 0.3)
        over.set()


def test_nobody_there_is_said_without_the_token() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(PrometheusError, match="cannot be reached") as caught:
        ask(f"http://127.0.0.1:{port}")
    assert SECRET not in str(caught.value)


def test_a_connection_that_breaks_is_said() -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        request.wfile.write(b"{")

    with serving(answer) as server, pytest.raises(PrometheusError, match="cannot be reached"):
        ask(server.address)
