"""The HTTP side, put together: pages, API, feeds, webhooks, Slack's requests, and health."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from fastapi import FastAPI

from bot.services.site import Site
from bot.web import problems as problem_details
from bot.web.access import Access
from bot.web.alerts import alert_routes
from bot.web.answering import THREADS, Slack
from bot.web.api import ROOT, api_routes
from bot.web.api.docs import docs_routes
from bot.web.calendar import calendar_routes
from bot.web.calendar_page import install_assets, page_routes
from bot.web.events import events_routes
from bot.web.feed import feed_routes
from bot.web.headers import GuardedApp
from bot.web.health import health_routes
from bot.web.hooks import hook_routes
from bot.web.metrics import Metrics, Sources, Timed, metric_routes
from bot.web.notice import notice_routes
from bot.web.report import report_routes
from bot.web.run_logs import ShownLogs, run_log_routes
from bot.web.sign_in import sign_in_routes
from bot.web.slack_requests import SlackRequests

if TYPE_CHECKING:
    from bot.web.open_id import OpenId


def _nobody(_user: str) -> None:
    """Nobody wants to know who signed in."""


def _at_once(site: Site) -> int:
    """How many of Slack's requests are worked at; a server of a database is waited for."""
    # SQLite works in this process: requests at once gain nothing.
    return 1 if site.database.is_of_one_process else THREADS


def build_web(
    slack: Slack | None,
    problems: Callable[[], Sequence[str]],
    site: Site,
    now: Callable[[], datetime],
    *,
    of_replica: Callable[[], Sequence[str]] | None = None,
    open_id: OpenId | None = None,
    github_secret: str = "",
    alerts_token: str = "",
    node_label: str = "",
    metrics: Metrics | None = None,
    welcome: Callable[[str], object] = _nobody,
    logs: ShownLogs | None = None,
) -> FastAPI:
    """The web application.

    `slack` answers `/slack/events`; None refuses everything there, because without a signing secret
    nothing can be proved to come from Slack. `problems` says why gpubot is not ready; empty when it
    is; `of_replica` does so of this replica alone, None: it is the same. `now` is the bot's clock,
    aware UTC. `open_id` signs people in with Slack; None: only links do. `welcome` is told who
    signed in. `github_secret` proves that a webhook comes from GitHub, `alerts_token` from
    Alertmanager; empty: there is no such webhook. `node_label` names nodes in alerts; empty: the
    usual ones do. `metrics` are those of the whole bot; None: of this part alone. `logs` of runs
    are shown to their teams; None: nothing is run.
    """
    first = partial(SlackRequests, slack=slack, at_once=_at_once(site))
    web = GuardedApp(site.address, first, title="gpubot")
    problem_details.install(web)
    access = Access(site, now)
    metrics = metrics or Metrics(site, now, Sources())
    web.add_middleware(Timed, decided=metrics.decided)
    # FastAPI makes a route when a request first comes past it: health does not wait for others.
    web.include_router(health_routes(problems, of_replica or problems))
    web.include_router(notice_routes(site, access, now))
    web.include_router(api_routes(site, access, now), prefix=ROOT)
    web.include_router(docs_routes(site, access))
    web.include_router(calendar_routes(site, access, now))
    web.include_router(events_routes(site, access))
    web.include_router(sign_in_routes(site, access, now, open_id, welcome))
    web.include_router(page_routes(site, access, now))
    web.include_router(feed_routes(site, now))
    web.include_router(report_routes(site, access, now))
    web.include_router(hook_routes(site, now, github_secret))
    web.include_router(alert_routes(site, now, alerts_token, node_label))
    web.include_router(metric_routes(metrics))
    if logs is not None:
        web.include_router(run_log_routes(site, access, logs))
    install_assets(web)
    return web
