"""Prometheus, asked over its HTTP API: one instant query, one answer that can be trusted.

Whatever goes wrong (no connection, too slow, too large, not what the API promises) is one kind of
exception that says so in a sentence. Single samples that cannot be true are left out and counted.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bot.loopback import is_loopback

#: The largest answer that is read, in bytes: some 2,000 GPUs with seven metrics each.
LARGEST_ANSWER = 8_000_000
#: At most so much of an error of Prometheus' is repeated.
LONGEST_REASON = 200


class PrometheusError(Exception):
    """Prometheus gave no answer that can be used; the text says why, without any secret."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One series at the instant of the query."""

    labels: Mapping[str, str]
    #: Finite.
    value: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query gave."""

    samples: tuple[Sample, ...]
    #: Samples that were left out: NaN, infinite, or not of the API's form.
    dropped: int


class Prometheus:
    """One server. `token` goes along as a bearer token where it is not empty."""

    def __init__(self, address: str, *, timeout: timedelta, token: str = "") -> None:
        self._url = f"{address}/api/v1/query"
        self._timeout_s = timeout.total_seconds()
        import httpx  # noqa: PLC0415 - long to import, and needed with a server to ask alone

        # Compressed answers could be larger than they look.
        headers = {"Accept-Encoding": "identity"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._client = httpx.Client(
            headers=headers,
            timeout=self._timeout_s,
            trust_env=not is_loopback(address),
        )

    def query(self, expression: str) -> Answer:
        """The value of an expression now. Raises PrometheusError."""
        import httpx  # noqa: PLC0415 - as above

        try:
            status, body = self._ask(expression)
        except httpx.TimeoutException:
            raise PrometheusError(f"no answer within {self._timeout_s:g} s") from None
        except httpx.HTTPError as error:
            raise PrometheusError(f"cannot be reached ({type(error).__name__})") from None
        return _answer(_data(status, body))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(self, expression: str) -> tuple[int, bytes]:
        """Status and body, read only as far and as long as allowed."""
        deadline = time.monotonic() + self._timeout_s
        body = bytearray()
        with self._client.stream("POST", self._url, data={"query": expression}) as response:
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise PrometheusError("the answer is compressed, which was not asked for")
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > LARGEST_ANSWER:
                    raise PrometheusError(f"the answer is over {LARGEST_ANSWER // 1_000_000} MB")
                if time.monotonic() > deadline:
                    raise PrometheusError(f"no whole answer within {self._timeout_s:g} s")
            return response.status_code, bytes(body)


def _data(status: int, body: bytes) -> Mapping[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise PrometheusError(f"HTTP {status}, and the answer is not JSON") from None
    if not isinstance(content, dict) or content.get("status") != "success":
        reason = content.get("error") if isinstance(content, dict) else None
        said = f": {reason[:LONGEST_REASON]}" if isinstance(reason, str) else ""
        raise PrometheusError(f"HTTP {status}, no success{said}")
    data = content.get("data")
    if status != 200 or not isinstance(data, dict) or data.get("resultType") != "vector":
        raise PrometheusError(f"HTTP {status}, and the answer is not a vector")
    return data


def _answer(data: Mapping[str, Any]) -> Answer:
    result = data.get("result")
    if not isinstance(result, list):
        raise PrometheusError("the answer has no list of results")
    samples = tuple(_samples(result))
    return Answer(samples, len(result) - len(samples))


def _samples(result: list[Any]) -> Iterator[Sample]:
    for one in result:
        if isinstance(one, dict) and (sample := _sample(one)) is not None:
            yield sample


def _sample(one: Mapping[str, Any]) -> Sample | None:
    """A sample of the API's form with a finite value; None for anything else."""
    labels, pair = one.get("metric"), one.get("value")
    if not isinstance(labels, dict) or not isinstance(pair, list) or len(pair) != 2:
        return None
    if not all(isinstance(text, str) for item in labels.items() for text in item):
        return None
    try:
        value = float(pair[1]) if isinstance(pair[1], str) else math.nan
    except ValueError:
        return None
    return Sample(labels, value) if math.isfinite(value) else None
