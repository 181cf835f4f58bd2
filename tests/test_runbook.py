"""The runbook: a section for whatever may wake somebody, and commands that can be pasted."""

from __future__ import annotations

import json
import re
import subprocess
from itertools import chain, repeat
from pathlib import Path

import builders
import pytest
import yaml
from databases import new_database
from sqlalchemy import create_engine, text

from bot import logs
from bot.clock import SystemClock
from bot.clock_watch import ClockWatch
from bot.config.settings import Settings
from bot.domain.errors import BookingError
from bot.main import Bot
from bot.store.errors import Busy, Full, Unreachable
from bot.store.health import Trouble

TOP = Path(__file__).parents[1]
RUNBOOK = (TOP / "docs" / "runbook.md").read_text(encoding="utf-8")
RULES = yaml.safe_load((TOP / "deploy" / "prometheus" / "gpubot-alerts.yml").read_text())
ALERTS = [rule["alert"] for group in RULES["groups"] for rule in group["rules"]]
SECTIONS = dict(re.findall(r"^### (.+)\n((?:(?!^#).*\n)*)", RUNBOOK, re.MULTILINE))
PAGES = [TOP / "docs" / "runbook.md", TOP / "docs" / "operations.md", TOP / "deploy" / "README.md"]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
QUERY = re.compile(r'gsql "([^"]+)"')
FIELD = re.compile(r"\.([a-z]+)\b")


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_has_a_section_that_says_what_to_do(alert: str) -> None:
    body = SECTIONS[alert]
    assert "**Means:**" in body
    assert "**Do:**" in body
    assert "**Worry" in body


def test_every_section_is_about_something() -> None:
    others = {"gpubot", "database", "Slack", "Socket Mode", "scheduler", "clock"}
    assert set(SECTIONS) - set(ALERTS) == others


@pytest.mark.parametrize("trouble", Trouble)
def test_what_can_be_wrong_with_the_database_is_quoted(trouble: Trouble) -> None:
    assert trouble.value in SECTIONS["database"]


@pytest.mark.parametrize("error", [Busy, Unreachable, Full])
def test_what_people_read_of_the_database_is_quoted_as_they_read_it(
    error: type[BookingError],
) -> None:
    quoted = re.findall('"(I am [^"]*|I cannot [^"]*|My disk [^"]*)"', RUNBOOK)
    assert any(error.template.startswith(words) for words in quoted)


def test_every_reason_not_to_be_ready_has_a_section(tmp_path: Path) -> None:
    settings = Settings(
        bot_token="xoxb-1",
        app_token="xapp-1",
        slack_api_url="http://127.0.0.1:9/api/",
        database_url=new_database(tmp_path),
        port=0,
    )
    # An hour of the steady clock goes by, and none of the machine's.
    watch = ClockWatch(SystemClock(), chain((0.0,), repeat(3600.0)).__next__)
    bot = Bot(settings, builders.cluster(), watch=watch)
    try:
        with bot.site.database.transaction() as connection:
            connection.execute(text("DROP TABLE outbox"))
        bot._stopping.set()
        problems = bot.problems()
    finally:
        bot.stop()
    kinds = {problem.partition(":")[0] for problem in problems}
    assert len(kinds) == len(problems) == 6
    assert kinds <= set(SECTIONS)


@each_page
def test_its_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]*)\)", text):
        file, _, anchor = target.partition("#")
        path = page.parent / file if file else page
        assert path.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {title.lower().replace(" ", "-") for title in titles}, target


@each_page
def test_its_commands_are_bash(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        done = subprocess.run(
            ["bash", "-n"], input=block, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, block + done.stderr


def test_its_queries_are_of_tables_that_are_there(tmp_path: Path) -> None:
    queries = QUERY.findall(RUNBOOK)
    assert len(queries) >= 3
    engine = create_engine(new_database(tmp_path))
    with engine.connect() as connection:
        for query in queries:
            connection.execute(text(query))
    engine.dispose()


def test_the_fields_it_looks_for_are_those_of_log_lines() -> None:
    known = {*logs.FIELDS, "time", "level", "logger", "message", "traceback"}
    asked = {
        field
        for program in re.findall(r"jq (?:-\w+ )?'([^']*)'", RUNBOOK)
        for field in FIELD.findall(program)
    }
    assert asked <= known
    assert asked >= {"tick", "run", "booking", "incident", "request", "outbox"}
    (described,) = re.findall(r"A log line has (.*?)\. *\n?`request`", RUNBOOK, re.DOTALL)
    assert set(re.findall(r"`(\w+)`", described)) == known


def test_every_tick_that_can_fail_is_described_and_no_other(tmp_path: Path) -> None:
    program = "".join(path.read_text(encoding="utf-8") for path in (TOP / "bot").rglob("*.py"))
    made = set(re.findall(r'\b_?[tT]ick\(\s*"(\w+)"', program))
    (table,) = re.findall(r"\| tick \|.*\n\| --- .*\n((?:\|.*\n)+)", RUNBOOK)
    first = [line.split("|")[1] for line in table.splitlines()]
    described = [name for cell in first for name in re.findall(r"`(\w+)`", cell)]
    assert len(described) == len(set(described))
    assert set(described) == made
    # None is made in another way.
    settings = Settings(bot_token="xoxb-1", app_token="xapp-1", database_url=new_database(tmp_path))
    bot = Bot(settings, builders.cluster())
    bot.stop()
    assert {tick.name for tick in bot._table()} <= made


def test_the_line_and_the_fields_that_are_described_are_those_of_the_log() -> None:
    page = (TOP / "docs" / "operations.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    known = {*logs.FIELDS, "time", "level", "logger", "message", "traceback"}
    assert set(json.loads(shown)) <= known
    (table,) = re.findall(r"\| field \| \|\n\| --- \| --- \|\n((?:\|.*\n)+)", page)
    first = [line.split("|")[1] for line in table.splitlines()]
    assert {name for cell in first for name in re.findall(r"`(\w+)`", cell)} == known
