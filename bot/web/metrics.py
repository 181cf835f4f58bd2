"""`GET /metrics`: how gpubot fares, for Prometheus.

It names nobody, but it is not for everybody either: it answers machines of the own network, and
nobody who comes through a proxy, behind which the calendar page is public.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.services.figures import Figures, read_figures
from bot.services.site import Site
from bot.store.errors import Busy
from bot.web.problems import Problem

#: Seconds for which the tables are not counted again.
COUNTED_FOR_S = 5.0
#: Seconds; an answer of Slack's has to come within three.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
#: Headers by which a proxy says that it passes on what somebody else asked.
PROXIED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
CHANGES = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class TickFigures:
    """How one of the ticks fares."""

    name: str
    #: Seconds by which it is late.
    lag_s: float
    failures: int


def _nothing() -> Sequence[TickFigures]:
    return ()


@dataclass(frozen=True, slots=True)
class Sources:
    """What the tables do not know; `connected` and `monitored` None: there is no such thing."""

    ticks: Callable[[], Sequence[TickFigures]] = _nothing
    connected: Callable[[], bool] | None = None
    monitored: Callable[[], bool] | None = None
    #: Further metrics.
    more: Sequence[Callable[[], Iterable[Metric]]] = field(default=())


class Metrics:
    """The metrics of one gpubot; nothing of it is global, so that several run in one process."""

    def __init__(self, site: Site, now: Callable[[], datetime], sources: Sources) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._decisions = Histogram(
            "gpubot_decision_seconds",
            "How long gpubot took to decide and answer, by what it was asked by.",
            ["by"],
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._registry.register(_Counted(site, now, sources))

    def decided(self, by: str, seconds: float) -> None:
        """Note how long an answer took; `by` is "command", "action", "form" or "api"."""
        self._decisions.labels(by).observe(seconds)

    def text(self) -> bytes:
        """Everything in Prometheus' format."""
        return generate_latest(self._registry)


def metric_routes(metrics: Metrics) -> APIRouter:
    """The route."""
    router = APIRouter(include_in_schema=False)

    @router.get("/metrics")
    def scrape(request: Request) -> Response:
        if not _is_near(request):
            detail = "Metrics are for machines of this network, not through a proxy."
            raise Problem(403, "not_from_here", detail)
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return router


def _is_near(request: Request) -> bool:
    """Whether who asks is in this network, without a proxy in between."""
    if any(name in request.headers for name in PROXIED):
        return False
    return is_private(request.client.host if request.client else "")


def is_private(host: str) -> bool:
    """Whether an address is of this machine or of a private network."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    # A socket for both kinds of addresses shows the older ones inside of newer ones.
    within = getattr(address, "ipv4_mapped", None) or address
    return bool(within.is_private or within.is_loopback)


class Timed:
    """ASGI: notes how long changes by the API take."""

    def __init__(self, app: ASGIApp, decided: Callable[[str, float], None]) -> None:
        self._app, self._decided = app, decided

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and time it where it is a change."""
        is_change = scope["type"] == "http" and scope["method"] in CHANGES
        if not is_change or not scope["path"].startswith("/api/v1/"):
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        try:
            await self._app(scope, receive, send)
        finally:
            self._decided("api", time.perf_counter() - began)


class _Counted(Collector):
    """What is read when it is asked for: the tables, at most every few seconds, and the rest."""

    def __init__(self, site: Site, now: Callable[[], datetime], sources: Sources) -> None:
        self._site, self._now, self._sources = site, now, sources
        self._lock = threading.Lock()
        self._read_at = -COUNTED_FOR_S
        self._figures: Figures | None = None

    def collect(self) -> Iterable[Metric]:
        """All metrics but the histogram. Without the database, what can be told without it."""
        is_up = True
        try:
            for more in self._sources.more:
                yield from more()
            if self._sources.monitored is not None:
                said = "Whether Prometheus gives readings of the GPUs."
                yield _gauge("gpubot_monitoring_up", said, self._sources.monitored())
            yield from of_tables(self._fresh())
        except (SQLAlchemyError, Busy):
            # Whoever asks it once more waits for it once more.
            is_up = False
        yield _gauge("gpubot_database_up", "Whether the database answers.", is_up)
        yield from _of_process(self._sources)

    def _fresh(self) -> Figures:
        with self._lock:
            if self._figures is None or time.monotonic() - self._read_at >= COUNTED_FOR_S:
                self._figures = read_figures(self._site, now=self._now())
                self._read_at = time.monotonic()
            return self._figures


def of_tables(figures: Figures) -> Iterable[Metric]:
    """What stands in the tables, which all processes share."""
    yield by_label(
        "gpubot_bookings", "Bookings that hold GPUs now or later.", "state", figures.bookings
    )
    yield by_label(
        "gpubot_bookings_over",
        "Bookings whose end lies within the last 24 hours.",
        "state",
        figures.bookings_over,
    )
    yield _gauge("gpubot_gpus", "GPUs of all nodes.", figures.gpus)
    yield _gauge("gpubot_gpus_booked", "GPUs of active bookings.", figures.gpus_booked)
    yield by_label("gpubot_waitlist_entries", "Open wishes.", "state", figures.waiting)
    yield _counter("gpubot_offers", "Offers to the waitlist.", figures.offers)
    yield _counter("gpubot_preemptions", "Bookings that were to give way.", figures.preemptions)
    said = "Runs that are not over, or not cleared away yet."
    yield by_label("gpubot_runs", said, "state", figures.runs)
    yield by_label("gpubot_alerts", "Open alerts about GPUs.", "kind", figures.alerts)
    yield _gauge("gpubot_outbox_pending", "Messages for Slack.", figures.outbox_pending)
    yield _gauge(
        "gpubot_outbox_oldest_seconds",
        "How long the oldest message has waited that could be sent.",
        figures.outbox_oldest_s,
    )


def _of_process(sources: Sources) -> Iterable[Metric]:
    lag = GaugeMetricFamily(
        "gpubot_tick_lag_seconds", "By how much a tick is late.", labels=["tick"]
    )
    failures = CounterMetricFamily(
        "gpubot_tick_failures", "How often a tick has failed.", labels=["tick"]
    )
    for tick in sources.ticks():
        lag.add_metric([tick.name], tick.lag_s)
        failures.add_metric([tick.name], tick.failures)
    yield lag
    yield failures
    if sources.connected is not None:
        connected = sources.connected()
        yield _gauge("gpubot_slack_connected", "Whether Slack is connected.", connected)
    build = GaugeMetricFamily("gpubot_build_info", "Which gpubot this is.", labels=["version"])
    build.add_metric([_version()], 1)
    yield build


def by_label(name: str, said: str, label: str, numbers: Mapping[str, int]) -> Metric:
    """A gauge with one label."""
    family = GaugeMetricFamily(name, said, labels=[label])
    for value, number in numbers.items():
        family.add_metric([value], number)
    return family


def _counter(name: str, said: str, numbers: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, said, labels=["outcome"])
    for outcome, number in numbers.items():
        family.add_metric([outcome], number)
    return family


def _gauge(name: str, said: str, value: float) -> Metric:
    return GaugeMetricFamily(name, said, value=float(value))


def _version() -> str:
    try:
        return version("gpubot")
    except PackageNotFoundError:
        return "unknown"
