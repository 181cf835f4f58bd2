"""Hostile text, from its way in to everywhere that it is read."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from builders import ADMIN, ALICE, BOB, NOW, actor, cluster
from clients import client
from icalendar import Calendar
from patience import PATIENCE_S
from talk import Talk, words

from bot.config.problems import load_config
from bot.config.settings import ConfigError
from bot.domain.access import Scope, TokenKind
from bot.domain.alert_notice import AlertNotice
from bot.domain.job import Job, JobOrder, JobTemplate
from bot.domain.job_templates import resolve
from bot.logs import JsonLine, OneLine
from bot.monitoring.dcgm import QUERY
from bot.services.alertmanager import take_notices
from bot.services.digest import write_digests
from bot.services.feed import FeedKind, FeedTarget
from bot.services.nodes import sync_nodes
from bot.services.site import Site
from bot.services.subscribe import subscribe
from bot.services.tokens import create_token
from bot.slack.announcements import render
from bot.slack.wording import visible
from bot.store import models, queries
from bot.store.database import Database
from bot.web.app import build_web
from bot.web.server import WebServer
from bot.web.sessions import COOKIE, new_session, seal_session

ADDRESS = "http://gpubot.example.com"
#: Calls everybody, links, formats, ends lines, turns text around, ends tags and strings, begins
#: formulas and calendar lines.
HOSTILE = (
    "=1+1 <!channel> <!here|x> <https://evil.example|click> <@U0VICTIM> *b* _i_ ~s~ `c`\r\n"
    "BEGIN:VEVENT\u2028ATTENDEE:x \u202egnp\u2066 \u200b\x1b[31m </script><script>alert(1)</script>"
    " \"'><img src=x onerror=alert(1)> {0} %s ${HOME} $(id) ; rm -rf /"
)
#: What none of it may become in Slack.
ACTIVE = re.compile(
    r"<!(?!date)|<https://evil|<@U0VICTIM|\*b\*|(?<!\w)_i_|~s~|`c`|[\u202e\u2066\u200b\x1b\u2028]"
)


@pytest.fixture(scope="module")
def site(module_database_url: str) -> Iterator[Site]:
    """A site in which everything that can be said was said in hostile words."""
    site = Site.open(Database(module_database_url), cluster(), lambda: ADDRESS)
    sync_nodes(site, now=NOW)
    typed = HOSTILE.replace('"', "'")
    bob, admin, alice = (Talk(site, user) for user in (BOB, ADMIN, ALICE))
    bob.types(f'reserve 4 tonight 8h on gpu-01 "{typed}"')
    bob.types(f'reserve 4 tonight 8h on gpu-02 "{typed}"')
    bob.types(f'wait 8 2h on gpu-03 "{typed}"')
    alice.types(f"cancel B2 {typed}")
    admin.types(f"node drain gpu-03 {typed}")
    notice = AlertNotice(
        fingerprint="ab", is_firing=True, starts_at=NOW, name=HOSTILE, labels={HOSTILE: HOSTILE},
        severity=HOSTILE, summary=HOSTILE, description=HOSTILE, runbook=HOSTILE, value=None,
        node=None, gpu=None,
    )  # fmt: skip
    take_notices(site, [notice], now=NOW)
    write_digests(site, now=NOW + timedelta(hours=30))
    yield site
    site.database.close()


def no_active(text: str, where: str) -> None:
    found = ACTIVE.search(text)
    assert found is None, f"{where}: {text[max(0, found.start() - 40) : found.end() + 40]!r}"


def test_no_message_that_leaves_calls_links_formats_or_hides_anything(site: Site) -> None:
    with site.database.snapshot() as connection:
        rows = connection.execute(queries.columns(models.Outbox)).all()
    seen = set()
    for row in rows:
        told = SimpleNamespace(
            recipient=row.recipient, subject=row.subject, data=json.loads(row.data), topic=row.topic
        )
        shown = render(row.topic, told, site, NOW)
        if shown is None:
            continue
        seen.add(row.topic)
        for block in [{"text": {"text": shown.text, "type": "mrkdwn"}}, *shown.blocks]:
            for text in _mrkdwn(block):
                no_active(text, row.topic)
    assert {"card", "gpu_alert"} <= seen, seen


def _mrkdwn(block: object) -> Iterator[str]:
    """The mrkdwn in a block."""
    match block:
        case {"type": "mrkdwn", "text": str(text)}:
            yield text
        case dict():
            for inner in block.values():
                yield from _mrkdwn(inner)
        case list() | tuple():
            for inner in block:
                yield from _mrkdwn(inner)


@pytest.mark.parametrize("text", ["show B1", "show B2", "mine", "status", "waitlist", "audit",
                                  "node", "show W1", "report", "token"])  # fmt: skip
def test_no_answer_does_either(site: Site, text: str) -> None:
    talk = Talk(site, BOB)
    reply = talk.types(text)
    no_active("\n".join(one for block in reply.blocks for one in _mrkdwn(block)), text)
    assert words(reply)


@pytest.fixture(scope="module")
def web(site: Site) -> Iterator[httpx.Client]:
    """Bob, signed in on the page."""
    server = WebServer(build_web(None, list, site, lambda: NOW), "127.0.0.1", 0)
    server.start()
    with client(server.address) as made:
        made.cookies.set(COOKIE, seal_session(site, new_session(BOB, now=NOW)))
        yield made
    server.stop(PATIENCE_S)


@pytest.mark.parametrize("path", ["/", "/?booking=B1", "/report", "/sign-in"])
def test_no_page_lets_it_out_of_its_text(web: httpx.Client, path: str) -> None:
    page = web.get(path).text
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert not re.search(r"<[a-z]+[^>]* onerror", page)


def test_json_is_json_and_no_page(web: httpx.Client) -> None:
    for path in ("bookings", "bookings/B1", "calendar", "waitlist", "nodes"):
        answer = web.get(f"/api/v1/{path}")
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert json.loads(answer.text)


def test_a_calendar_feed_stays_one_event_a_booking(site: Site, web: httpx.Client) -> None:
    made = subscribe(site, actor(BOB), FeedTarget(FeedKind.TEAM, "vision"), now=NOW)
    assert made.url is not None
    content = web.get(made.url.removeprefix(ADDRESS)).content
    assert len(re.findall(rb"[\r\n]BEGIN:VEVENT", content)) == 2
    assert not re.search(rb"(^|\n)ATTENDEE", content)
    events = Calendar.from_ical(content).walk("VEVENT")
    assert {str(event["uid"]).partition("@")[0] for event in events} == {"booking-1", "booking-2"}


def test_a_line_of_the_log_stays_one_line() -> None:
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "said %s", (HOSTILE,), None)
    for formatter in (OneLine(), JsonLine()):
        line = formatter.format(record)
        assert "\n" not in line
        assert "\r" not in line
    assert json.loads(JsonLine().format(record))["message"].startswith("said =1+1")


def test_a_parameter_of_a_job_stays_one_word(site: Site) -> None:
    template = JobTemplate("say", Job(command=("echo", "{words}")), parameters=(("words", None),))
    lab = replace(site.cluster, jobs=(template,))
    value = visible(" ".join(HOSTILE.split()))[-150:]
    job = resolve(lab, JobOrder("say", parameters=(("words", value),)))
    assert job.command[0] == "echo"
    assert len(job.command) == 2


@pytest.mark.parametrize("table", ["nodes", "teams"])
@pytest.mark.parametrize(
    "name", ["<!channel>", "a b", "a\\nb", "../x", '"', "-", "'; DROP TABLE node; --", "}",
             "\\u202ex", "x" * 64, "", "123"],
)  # fmt: skip
def test_no_name_in_the_configuration_is_anything_but_a_word(
    tmp_path: Path, table: str, name: str
) -> None:
    path = tmp_path / "gpubot.toml"
    quoted = json.dumps(name) if "\\" not in name else f'"{name}"'
    node = 'gpus = 4\nmodel = "V100"'
    team = 'channel = "C0X"'
    names = {"nodes": '"gpu-01"', "teams": '"vision"', table: quoted}
    path.write_text(
        '[cluster]\ntimezone = "UTC"\n'
        f"[[nodes]]\nname = {names['nodes']}\n{node}\n[[teams]]\nname = {names['teams']}\n{team}\n"
    )
    with pytest.raises(ConfigError, match=f"{table}|one word"):
        load_config(path)


def test_what_prometheus_is_asked_has_no_name_of_ours_in_it() -> None:
    assert isinstance(QUERY, str)
    for name in ("gpu-01", "vision", BOB):
        assert name not in QUERY


def test_a_tokens_name_is_a_word_in_the_audit_and_calls_nobody(site: Site) -> None:
    talk = Talk(site, BOB)
    token, _ = create_token(
        site, actor(BOB), kind=TokenKind.PERSON, name=HOSTILE, scopes=[Scope.READ], now=NOW
    )
    assert "\n" not in token.name
    no_active("\n".join(t for b in talk.types("token").blocks for t in _mrkdwn(b)), "token")
