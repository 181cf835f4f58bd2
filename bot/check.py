"""`gpubot check`: whether everything gpubot needs is there, and what to do where it is not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from socket import gethostname

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.web import SlackResponse
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from bot.clock import SystemClock
from bot.clock_watch import JUMP
from bot.config.edges import Edges
from bot.config.fingerprint import fingerprints
from bot.config.problems import load_config
from bot.config.settings import SLACK_API_URL, ConfigError, Settings
from bot.directory.checking import look_at_directories
from bot.domain.cluster import Cluster
from bot.domain.errors import BookingError
from bot.domain.job import Job
from bot.domain.run_rules import RunnerKind
from bot.monitoring.dcgm import read_gpus
from bot.monitoring.prometheus import Prometheus, PrometheusError
from bot.monitoring.settings import MonitoringSettings
from bot.runners.archive import ArchiveError, make_archive
from bot.runners.kubernetes.checking import look_at_kubernetes
from bot.runners.local.runner import local_runner, nodes_here
from bot.runners.protocol import Refused
from bot.runners.secret_files import read_secrets
from bot.runners.settings import RunnerSettings
from bot.runners.slurm.checking import look_at_slurm
from bot.services.directory import known_addresses
from bot.services.replicas import Replica, how_far, look_at_clock, look_at_replicas
from bot.slack.clients import CALL_ERRORS, background_client
from bot.slack.probe import date_of
from bot.slack.scopes import SCOPES
from bot.store.database import Database, driver_says
from bot.store.migrate import newest_revision, revision
from bot.ticks.monitoring import nothing_found
from bot.web.vendored import HOW, missing_files

LOCALLY = "jobs: run as processes of this server"
#: A missing or old database is nothing to repair before the first start.
MAKES_IT = "`gpubot serve` brings it up to date when it starts, `gpubot migrate` now"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, and whether it is as it should be (None: cannot be told)."""

    ok: bool | None
    text: str

    def __str__(self) -> str:
        mark = {True: "✓", False: "✗", None: "–"}[self.ok]
        return f"{mark} {self.text}"


def check(settings: Settings) -> Iterator[Finding]:
    """Look at everything, in the order in which one would set it up; findings come as made."""
    cluster: Cluster | None = None
    edges = Edges()
    try:
        cluster, edges = load_config(settings.config_path)
        yield _good(f"{settings.config_path}: {_summary(cluster)}")
    except ConfigError as error:
        yield from (_bad(problem) for problem in error.problems)
    yield (database := database_finding(settings))
    if database.ok and not settings.database_url.startswith("sqlite"):
        yield from _replicas(settings)
    yield pages_finding()
    if cluster is not None and edges.monitoring is not None:
        yield from monitoring_findings(edges.monitoring, settings.prometheus_token, cluster)
    yield from _runner(cluster, edges)
    yield from _slack(settings, cluster)
    yield from _directories(settings, cluster, edges)


def _good(text: str) -> Finding:
    return Finding(ok=True, text=text)


def _bad(text: str) -> Finding:
    return Finding(ok=False, text=text)


def _summary(cluster: Cluster) -> str:
    counts = (
        _count(len(cluster.nodes), "node"),
        _count(cluster.gpus, "GPU"),
        _count(len(cluster.teams), "team"),
    )
    return ", ".join(counts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def pages_finding() -> Finding:
    """Whether the files that the calendar page needs of others came with the installation."""
    if not missing_files():
        return _good("calendar page: complete")
    return _bad(f"calendar page: a part of it could not be fetched from npm; {HOW}")


def monitoring_findings(
    settings: MonitoringSettings, token: str, cluster: Cluster
) -> Iterator[Finding]:
    """Whether Prometheus answers, and which nodes have GPU metrics there."""
    shown = f"Prometheus {settings.prometheus}"
    prometheus = Prometheus(settings.prometheus, timeout=settings.timeout, token=token)
    try:
        readings = read_gpus(prometheus, cluster, node_label=settings.node_label)
    except PrometheusError as error:
        yield _bad(f"{shown}: {error}")
        return
    finally:
        prometheus.close()
    if not readings.found:
        yield _bad(f"{shown}: {nothing_found(readings)}")
        return
    missing = [node.name for node in cluster.nodes if node.name not in readings.nodes]
    gpus = f"{shown}: answers, with readings of {_count(len(readings.found), 'GPU')}"
    if missing:
        yield _bad(f"{gpus}, but none of {', '.join(missing)}")
    else:
        yield _good(f"{gpus} on all nodes")


def database_finding(settings: Settings) -> Finding:
    """Whether the database is there, can be written to, and has the tables needed."""
    shown = f"database {settings.shown_database_url}"
    url = make_url(settings.database_url)
    file = url.database if url.get_backend_name() == "sqlite" else None
    if file and not Path(file).exists():
        if not os.access(folder := Path(file).absolute().parent, os.W_OK):
            return _bad(f"{shown}: the folder {folder} is not there, or cannot be written to")
        return Finding(ok=None, text=f"{shown}: does not exist yet; {MAKES_IT}")
    try:
        with (
            closing(Database(settings.database_url)) as database,
            database.transaction() as connection,
        ):
            found = revision(connection)
    except ValueError as error:
        return _bad(f"{shown}: {error}")
    except (SQLAlchemyError, BookingError) as error:
        return _bad(f"{shown}: cannot be written to: {driver_says(error)}")
    needed = newest_revision()
    if found != needed:
        state = f"at revision {found}, needs {needed}" if found else "has no tables yet"
        return Finding(ok=None, text=f"{shown}: {state}; {MAKES_IT}")
    return _good(f"{shown}: at revision {found}")


def _replicas(settings: Settings) -> Iterator[Finding]:
    """Those that share the database, whose clock may tell that this one is wrong."""
    own, wall = Replica(gethostname(), *fingerprints(settings)), SystemClock().now()
    with closing(Database(settings.database_url)) as database, database.snapshot() as connection:
        findings = [
            look_at_clock(connection, wall=wall),
            *look_at_replicas(connection, own, wall=wall),
        ]
    yield from (Finding(ok, text) for ok, text in findings)


def _slack(settings: Settings, cluster: Cluster | None) -> Iterator[Finding]:
    missing = settings.missing_for_slack()
    yield from (_bad(text) for text in missing)
    if settings.bot_token:
        client = background_client(settings)
        # Nobody waits for the clock here: what Slack asks us to wait, we wait.
        client.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=3))
        answer, problem = _ask(client.auth_test)
        if answer is None:
            yield _bad(f"SLACK_BOT_TOKEN: {problem}")
        else:
            yield _good(f"bot token: {answer['user']} in {answer['team']}")
            yield from _scopes(answer)
            yield from _clock(answer)
            yield from _places(client, cluster)
    yield from _incoming(settings)
    yield from _sign_in(settings)


def _directories(settings: Settings, cluster: Cluster | None, edges: Edges) -> Iterator[Finding]:
    """Where teams come from besides the file."""
    for team in () if cluster is None or edges.directories.ldap else cluster.teams:
        if team.ldap_group or team.ldap_leads_group:
            yield _bad(
                f"team {team.name}: its group of LDAP needs a table [ldap], and there is none"
            )
    client = None
    if settings.bot_token:
        client = background_client(settings)
        client.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=3))
    known = _known_addresses(settings)
    password = settings.ldap_password
    for ok, text in look_at_directories(edges.directories, password, client, known):
        yield Finding(ok, text)


def _known_addresses(settings: Settings) -> dict[str, str | None]:
    """What gpubot has learnt so far, if it ever ran."""
    if database_finding(settings).ok is not True:
        return {}
    database = Database(settings.database_url)
    try:
        with database.snapshot() as connection:
            return known_addresses(connection)
    finally:
        database.close()


def _runner(cluster: Cluster | None, edges: Edges) -> Iterator[Finding]:
    """What starts jobs, where it has servers of its own."""
    if cluster is None:
        return
    settings = edges.runner
    match settings.kind:
        case RunnerKind.SLURM:
            for ok, text in look_at_slurm(settings.slurm, settings.folder, cluster.nodes):
                yield Finding(ok, text)
        case RunnerKind.KUBERNETES:
            for ok, text in look_at_kubernetes(settings.kubernetes, cluster.nodes):
                yield Finding(ok, text)
        case RunnerKind.LOCAL:
            yield from _local(settings, cluster)
    if settings.kind is not RunnerKind.OFF:
        yield from _templates(settings, cluster)
        yield _logs(edges)


def _local(settings: RunnerSettings, cluster: Cluster) -> Iterator[Finding]:
    names = [node.name for node in cluster.nodes]
    here = nodes_here(settings.local, names)
    if not here:
        text = "jobs: no node is this server, so none is started here; see runner.local.nodes"
        yield Finding(ok=None, text=text)
    else:
        runner = local_runner(settings.local, settings.folder, settings.secrets, names, {})
        problem = runner.problem()
        where = ", ".join(here)
        yield _bad(f"jobs: {problem}") if problem else _good(f"{LOCALLY}, on {where}")


def _templates(settings: RunnerSettings, cluster: Cluster) -> Iterator[Finding]:
    """Templates that could run nothing here."""
    in_pods = settings.kind is RunnerKind.KUBERNETES
    for template in cluster.jobs:
        job, shown = template.job, f"job {template.name}"
        if in_pods and not (job.image or settings.kubernetes.image):
            yield _bad(f"{shown}: has no image, nor is there a runner.kubernetes.image")
        if not in_pods and not job.command:
            yield _bad(f"{shown}: has no command, and images are for Kubernetes only")
        if not in_pods:
            yield from _secrets(settings, shown, job)


def _secrets(settings: RunnerSettings, shown: str, job: Job) -> Iterator[Finding]:
    """Whether what a job's secrets name is there. Kubernetes lets nobody look at its own."""
    try:
        read_secrets(settings.secrets, job.secrets)
    except Refused as error:
        yield _bad(f"{shown}: {error}; see runner.secrets")


def _logs(edges: Edges) -> Finding:
    try:
        problem = make_archive(edges.logs, lambda: "").problem()
    except ArchiveError as error:
        problem = str(error)
    where = f"bucket {edges.logs.s3.bucket}" if edges.logs.s3 else str(edges.logs.folder)
    return _good(f"logs of runs: kept in {where}") if problem is None else _bad(problem)


def _scopes(answer: SlackResponse) -> Iterator[Finding]:
    header = next((v for k, v in answer.headers.items() if k.casefold() == "x-oauth-scopes"), None)
    if header is None:
        yield Finding(ok=None, text="scopes: Slack did not say which the token has")
        return
    granted = {scope.strip() for scope in header.split(",")}
    lacking = [scope for scope in SCOPES if scope not in granted]
    for scope in lacking:
        yield _bad(
            f"scope {scope} is missing ({SCOPES[scope]}): add it under “OAuth & Permissions” "
            "and install the app again",
        )
    if not lacking:
        yield _good(f"scopes: all {len(SCOPES)} granted")


def _clock(answer: SlackResponse) -> Iterator[Finding]:
    date = date_of(answer.headers)
    if date is None:
        return
    off = SystemClock().now() - date
    if abs(off) < JUMP:
        yield _good("clock: goes with Slack's")
    else:
        yield _bad(f"clock: {how_far(off)} Slack's; set it right before gpubot starts")


def _incoming(settings: Settings) -> Iterator[Finding]:
    """How Slack reaches us."""
    if settings.app_token:
        client = background_client(settings)
        _, problem = _ask(lambda: client.apps_connections_open(app_token=settings.app_token))
        if problem:
            yield _bad(
                f"SLACK_APP_TOKEN: {problem}; it needs the scope connections:write, and the app "
                "needs Socket Mode switched on",
            )
        else:
            yield _good("app token: Socket Mode connections can be opened")
    elif settings.signing_secret:
        yield _good(f"signing secret: set; Slack is to call {settings.base_url}/slack/events")


def _sign_in(settings: Settings) -> Iterator[Finding]:
    """How people get into the calendar page."""
    if not settings.open_id:
        yield _good("sign-in: by the link of /gpu calendar")
        return
    back = f"{settings.base_url}/sign-in/callback"
    if settings.slack_api_url == SLACK_API_URL and not back.startswith("https:"):
        yield _bad(f"sign-in: Slack sends people back over https only, not to {back}")
    else:
        yield _good(f"sign-in: with Slack; the redirect URL of the app is to be {back}")


def _places(client: WebClient, cluster: Cluster | None) -> Iterator[Finding]:
    if cluster is None:
        return
    channels = {team.channel: f"of team {team.name}" for team in cluster.teams}
    if cluster.ops_channel:
        channels.setdefault(cluster.ops_channel, "ops_channel")
    for channel, whose in channels.items():
        yield _channel(client, channel, whose)
    yield from _people(client, cluster)


def _channel(client: WebClient, channel: str, whose: str) -> Finding:
    shown = f"channel {channel} ({whose})"
    answer, problem = _ask(lambda: client.conversations_info(channel=channel))
    if problem == "missing_scope":
        return Finding(
            ok=None, text=f"{shown}: cannot be looked at without the scope channels:read"
        )
    if answer is None:
        advice = "check the id; a private channel needs `/invite @gpubot`"
        return _bad(f"{shown}: {problem}; {advice}")
    found = answer["channel"]
    if found.get("is_archived"):
        return _bad(f"{shown}: #{found.get('name')} is archived")
    if found.get("is_private") and not found.get("is_member"):
        return _bad(f"{shown}: gpubot is not in it; type `/invite @gpubot` there")
    return _good(f"{shown}: #{found.get('name')}")


def _people(client: WebClient, cluster: Cluster) -> Iterator[Finding]:
    users = cluster.admins.union(cluster.urgent, *(t.members | t.leads for t in cluster.teams))
    unreadable = 0
    for user in sorted(users):
        answer, problem = _ask(lambda user=user: client.users_info(user=user))  # type: ignore[misc]
        if answer is not None and answer["user"].get("deleted"):
            problem = "their account is deactivated"
        if problem:
            unreadable += 1
            yield _bad(f"member {user} ({_where(cluster, user)}): {problem}")
    if not unreadable:
        yield _good(f"members: {_count(len(users), 'profile')} readable")


def _where(cluster: Cluster, user: str) -> str:
    """Where the configuration names that person."""
    places: Iterable[str] = (f"team {team.name}" for team in cluster.teams_of(user))
    roles = {"admins": cluster.admins, "urgent": cluster.urgent}
    return ", ".join([*places, *(role for role, users in roles.items() if user in users)])


def _ask(method: Callable[[], SlackResponse]) -> tuple[SlackResponse | None, str]:
    """Slack's answer and an empty text, or None and what went wrong."""
    try:
        return method(), ""
    except SlackApiError as error:
        data = error.response.data
        code = data.get("error") if isinstance(data, dict) else None
        return None, str(code or f"HTTP {error.response.status_code}")
    except CALL_ERRORS as error:
        return None, f"Slack cannot be reached ({error})"
