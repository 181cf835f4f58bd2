"""What gpubot answers over HTTP: Slack's signed requests, and how it fares."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import builders
import httpx
import pytest
from clients import client
from patience import PATIENCE_S
from slack_bolt import Ack, App
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.response import BoltResponse
from slack_sdk import WebClient

from bot.clock import SystemClock
from bot.config.settings import Settings
from bot.main import Bot
from bot.sandbox import Sandbox, SandboxChannel, SandboxUser
from bot.services.site import Site
from bot.slack.answers import Answers
from bot.slack.app import Listeners, build_app
from bot.slack.incoming import Incoming
from bot.slack.profiles import Profiles
from bot.slack.workers import Workers
from bot.store.database import Database
from bot.web.answering import Slack
from bot.web.app import build_web
from bot.web.headers import HEADERS, LARGEST_BODY
from bot.web.server import WebServer

MANIFEST = Path(__file__).parents[2] / "manifest.yml"
SECRET = "5ecret"


def signed(body: str, *, age: float = 0.0, secret: str = SECRET) -> dict[str, str]:
    """Slack's headers for a body, signed `age` seconds ago."""
    stamp = str(int(time.time() - age))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={digest}",
    }


BODY = urlencode({
    "command": "/gpu", "text": "help", "user_id": "U0ALICE", "team_id": "T0", "trigger_id": "1",
    "channel_id": "C0VISION",
})  # fmt: skip


def bolt_app() -> App:
    """A Bolt app that repeats what was typed after `/gpu`."""
    app = App(
        client=WebClient(),
        authorize=lambda: AuthorizeResult(enterprise_id=None, team_id=None),
        signing_secret=SECRET,
        ssl_check_enabled=False,
        process_before_response=True,
    )

    def repeat(ack: Ack, body: dict[str, str]) -> None:
        ack(body["text"])

    app.command("/gpu")(repeat)
    return app


@contextmanager
def served(
    bolt: App | None, problems: Callable[[], Sequence[str]] = list
) -> Iterator[httpx.Client]:
    """A client of the web side, which listens on a free port."""
    with answered(None if bolt is None else Incoming(bolt, SECRET).answer, problems) as made:
        yield made


@contextmanager
def answered(
    slack: Slack | None, problems: Callable[[], Sequence[str]] = list
) -> Iterator[httpx.Client]:
    """The same, of which `slack` answers what Slack sends."""
    site = Site.open(Database("sqlite:///never-opened.db"), builders.cluster())
    server = WebServer(build_web(slack, problems, site, lambda: builders.NOW), "127.0.0.1", 0)
    server.start()
    try:
        with client(server.address) as made:
            yield made
    finally:
        server.stop(PATIENCE_S)


@pytest.fixture
def web() -> Iterator[httpx.Client]:
    with served(bolt_app()) as client:
        yield client


def our_app() -> App:
    """The Bolt app as gpubot has it, of which nobody types a command."""
    site, slack = Site.open(Database("sqlite:///never-opened.db"), builders.cluster()), WebClient()
    profiles = Profiles(site, slack, SystemClock())
    answers = Answers(slack, Workers("replies", threads=0, capacity=1))
    listeners = Listeners(site, SystemClock(), profiles, answers, lambda _user: None)
    return build_app(Settings(signing_secret=SECRET), listeners)


def test_a_signed_command_is_answered_in_the_response(web: httpx.Client) -> None:
    answer = web.post("/slack/events", content=BODY, headers=signed(BODY))
    assert (answer.status_code, answer.text) == (200, "help")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed(BODY, age=301),
        signed(BODY, secret="other"),
        signed(BODY + "&text=reserve"),
        {**signed(BODY), "X-Slack-Request-Timestamp": "9" * 400},
    ],
    ids=[
        "unsigned",
        "stale",
        "signed with another secret",
        "signed for another body",
        "at no instant",
    ],
)
def test_what_slack_did_not_sign_just_now_is_refused(
    web: httpx.Client, headers: dict[str, str]
) -> None:
    answer = web.post("/slack/events", content=BODY, headers=headers)
    assert answer.status_code == 401


def test_a_signature_that_is_not_ascii_is_refused(web: httpx.Client) -> None:
    headers = {**signed(BODY), "X-Slack-Signature": b"v0=\xe9"}
    assert web.post("/slack/events", content=BODY, headers=headers).status_code == 401


def test_without_a_signing_secret_everything_is_refused() -> None:
    with served(None) as web:
        for secret in ("", SECRET):
            headers = signed(BODY, secret=secret)
            assert web.post("/slack/events", content=BODY, headers=headers).status_code == 401


def test_a_body_that_is_too_large_is_refused(web: httpx.Client) -> None:
    answer = web.post("/slack/events", content="x" * (LARGEST_BODY + 1))
    assert answer.status_code == 413


def test_a_body_that_is_no_text_is_refused(web: httpx.Client) -> None:
    assert web.post("/slack/events", content=b"\xff\xfe").status_code == 400


def test_a_crash_is_answered_as_an_incident() -> None:
    def crash(*_request: object) -> BoltResponse:
        raise RuntimeError("a mistake")

    with answered(crash) as web:
        answer = web.post("/slack/events", content=BODY, headers=signed(BODY))
    assert (answer.status_code, answer.json()["code"]) == (500, "incident")
    assert "a mistake" not in answer.text


def test_every_answer_has_the_security_headers_and_an_id(web: httpx.Client) -> None:
    for content, headers in ((BODY, signed(BODY)), (BODY, {}), (b"\xff", {})):
        answer = web.post("/slack/events", content=content, headers=headers)
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert "X-Request-ID" in answer.headers


def test_slacks_look_at_the_certificate_is_answered() -> None:
    body = urlencode({"ssl_check": "1", "token": "x"})
    with served(our_app()) as web:
        assert web.post("/slack/events", content=body).status_code == 401
        answer = web.post("/slack/events", content=body, headers=signed(body))
    assert (answer.status_code, answer.text) == (200, "")


def test_a_command_that_says_ssl_check_is_a_command(web: httpx.Client) -> None:
    body = f"{BODY}&ssl_check=1"
    assert web.post("/slack/events", content=body, headers=signed(body)).text == "help"


def test_slacks_challenge_is_answered() -> None:
    body = '{"type": "url_verification", "challenge": "abc"}'
    headers = {**signed(body), "Content-Type": "application/json"}
    with served(our_app()) as web:
        answer = web.post("/slack/events", content=body, headers=headers)
    assert answer.json() == {"challenge": "abc"}


def test_a_slow_command_does_not_hold_up_another() -> None:
    app, both = bolt_app(), threading.Barrier(2, timeout=60)

    def wait_for_the_other(ack: Ack) -> None:
        both.wait()
        ack("together")

    app.command("/slow")(wait_for_the_other)
    body = BODY.replace("%2Fgpu", "%2Fslow")
    answers = []
    with served(app) as web:

        def ask() -> None:
            answers.append(web.post("/slack/events", content=body, headers=signed(body)).text)

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == ["together", "together"]


def test_alive_whatever_else_is_wrong() -> None:
    with served(None, lambda: ["everything"]) as web:
        assert web.get("/healthz").status_code == 200


def test_not_ready_names_the_reasons() -> None:
    with served(None, lambda: ["Slack: invalid_auth"]) as web:
        answer = web.get("/readyz")
    assert answer.status_code == 503
    told = {"status": "not ready", "problems": ["Slack: invalid_auth"], "warnings": []}
    assert answer.json() == told


def test_nothing_else_is_there(web: httpx.Client) -> None:
    for path in ("/docs", "/openapi.json", "/slack/events", "/x"):
        assert web.get(path).status_code in (404, 405)


@pytest.fixture
def slack() -> Iterator[Sandbox]:
    users = [SandboxUser(builders.ALICE, "alice", "Alice Martin")]
    channels = [SandboxChannel("C0VISION", "vision", members=[builders.ALICE])]
    made = Sandbox(manifest=MANIFEST, users=users, channels=channels, ack_timeout=PATIENCE_S)
    with made.start() as workspace:
        yield workspace


@pytest.fixture
def bot(slack: Sandbox, tmp_path: Path) -> Iterator[Bot]:
    """The whole bot over Socket Mode, ready."""
    settings = Settings(
        bot_token=slack.bot_token,
        app_token=slack.app_token,
        slack_api_url=slack.api_url,
        database_url=f"sqlite:///{tmp_path / 'gpubot.db'}",
        port=0,
    )
    bot = Bot(settings, builders.cluster(), slack.clock)
    bot.start()
    try:
        slack.wait_for(lambda: slack.connected)
        assert slack.command(builders.ALICE, "C0VISION", "/gpu mine").ok
        bot._probe.look()
        yield bot
    finally:
        bot.stop()


def of_replica(bot: Bot) -> tuple[int, list[str], list[str]]:
    """What is told to whoever chooses between replicas."""
    answer = httpx.get(f"{bot.address}/readyz?replica", trust_env=False, timeout=60)
    said = answer.json()
    return answer.status_code, said["problems"], said["warnings"]


def test_a_replica_serves_while_slack_is_away(bot: Bot, slack: Sandbox) -> None:
    slack.faults.add(method="auth.test", kind="error", code="token_revoked")
    bot._probe.look()
    assert of_replica(bot) == (200, [], ["Slack: token_revoked"])


def test_a_replica_that_cannot_read_its_database_does_not_serve(bot: Bot, slack: Sandbox) -> None:
    slack.faults.add(method="auth.test", kind="error", code="token_revoked")
    bot._probe.look()
    with bot.site.database.transaction() as connection:
        connection.exec_driver_sql("DROP TABLE outbox")
    assert of_replica(bot) == (503, ["database: OperationalError"], ["Slack: token_revoked"])


def test_a_replica_that_ends_serves_nobody_new(bot: Bot) -> None:
    assert of_replica(bot)[0] == 200
    bot._stopping.set()
    assert of_replica(bot) == (503, ["gpubot: it is ending"], [])


def test_the_running_bot_is_ready(bot: Bot) -> None:
    answer = httpx.get(f"{bot.address}/readyz", trust_env=False, timeout=60)
    assert (answer.status_code, answer.json()["problems"]) == (200, [])


def test_a_token_that_is_no_longer_valid_shows(bot: Bot, slack: Sandbox) -> None:
    slack.faults.add(method="auth.test", kind="error", code="token_revoked")
    bot._probe.look()
    assert bot.problems() == ["Slack: token_revoked"]


def test_a_lost_database_shows(bot: Bot) -> None:
    with bot.site.database.transaction() as connection:
        connection.exec_driver_sql("DROP TABLE outbox")
    assert "database: OperationalError" in bot.problems()


def test_a_lost_connection_shows_and_comes_back(bot: Bot, slack: Sandbox) -> None:
    slack.faults.refuse_sockets()
    slack.faults.drop_sockets()
    slack.wait_for(lambda: "Socket Mode: not connected, trying again" in bot.problems(), 10)
    slack.faults.clear()
    slack.wait_for(lambda: slack.connected, 20)
    answered = slack.command(builders.ALICE, "C0VISION", "/gpu mine")
    assert answered.ok
