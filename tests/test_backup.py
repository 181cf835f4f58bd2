"""Backups of a gpubot that is at work, and what becomes of them when they are restored."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import builders
import postgres
import pytest
import yaml
from databases import new_database
from program import ROOT, Program, eventually, running, workspace
from sqlalchemy import text
from sqlalchemy.engine import make_url

from bot import cli
from bot.services import audit
from bot.services.nodes import sync_nodes
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.store.backup import CannotBackUp, backed_up
from bot.store.database import Database

LAST = "SELECT COALESCE(MAX(seq), 0) FROM audit"


@contextmanager
def load(act: Callable[[int], None]) -> Iterator[list[int]]:
    """`act` again and again, with another number each time; those that it was done with."""
    done: list[int] = []
    stop = threading.Event()

    def work() -> None:
        number = 0
        while not stop.is_set():
            act(number)
            done.append(number)
            number += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join(60)


def gpubot(*words: str, database: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command of gpubot's, as an operator types it."""
    variables = {"PYTHONPATH": str(ROOT), "GPUBOT_DATABASE_URL": database}
    return subprocess.run(
        [sys.executable, "-m", "bot", *words],
        cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip


def answer(url: str, statement: str) -> int:
    with closing(Database(url)) as database, database.snapshot() as connection:
        return int(connection.execute(text(statement)).scalar_one())


def book(program: Program, number: int) -> None:
    """A booking of two hours, each time another two."""
    start = datetime.now(UTC).replace(hour=0, minute=0) + timedelta(days=2, hours=2 * number)
    said = program.command(f"reserve 1 {start:%Y-%m-%d %H:%M} 2h")
    assert re.search(r"\bB\d+\b", said), said


def test_a_backup_under_load_is_whole_and_gpubot_goes_on_from_it(tmp_path: Path) -> None:
    before, after, copy = tmp_path / "before", tmp_path / "after", tmp_path / "copy.db"
    url = f"sqlite:///{before / 'gpubot.db'}"
    with workspace() as slack, running(before, slack) as program:
        with load(lambda number: book(program, number)) as done:
            eventually(lambda: len(done) >= 3, "some are booked")
            acknowledged = len(done)
            backup = gpubot("db", "backup", str(copy), database=url, folder=before)
            assert backup.returncode == 0, backup.stderr
            eventually(lambda: len(done) >= acknowledged + 3, "more are booked afterwards")
        records = {line["audit"]: line for line in program.lines() if line.get("audit")}
        assert program.stop() == 0
    assert "✓ the audit log is whole" in backup.stdout
    assert copy.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.glob("copy*")] == ["copy.db"]

    # Everything that was acknowledged before it is in it.
    kept = answer(f"sqlite:///{copy}", LAST)
    assert kept >= acknowledged
    # What came later is named by the log, one line a change.
    assert {seq for seq in records if seq > kept} == set(range(kept + 1, answer(url, LAST) + 1))
    assert all(records[seq]["booking"] == f"B{seq}" for seq in records)

    after.mkdir()
    shutil.copy(copy, after / "gpubot.db")
    with workspace() as slack, running(after, slack) as program:
        assert f"You have {kept} bookings" in program.command("mine")
        book(program, 50)
        assert program.stop() == 0
    restored = f"sqlite:///{after / 'gpubot.db'}"
    assert answer(restored, LAST) == kept + 1
    assert gpubot("audit", "verify", database=restored, folder=after).returncode == 0


def test_what_was_sent_since_a_backup_is_not_sent_again_if_so_told(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    with workspace() as slack, running(before, slack) as program:
        slack.faults.add(method="chat.postMessage", kind="http_500", times=None)
        book(program, 0)
        copy = tmp_path / "copy.db"
        url = f"sqlite:///{before / 'gpubot.db'}"
        assert gpubot("db", "backup", str(copy), database=url, folder=before).returncode == 0
        assert program.stop() == 0
    (statement,) = re.findall(
        r"^gsqlw? \"(update outbox .*)\"$", (ROOT / "docs" / "operations.md").read_text(), re.M
    )
    after.mkdir()
    shutil.copy(copy, after / "gpubot.db")
    with closing(sqlite3.connect(after / "gpubot.db")) as connection:
        waiting = connection.execute("select count(*) from outbox where state = 'pending'")
        assert waiting.fetchone()[0] > 0
        connection.execute(statement)
        connection.commit()
    with workspace() as slack, running(after, slack) as program:
        book(program, 1)
        slack.wait_for(lambda: slack.calls("chat.postMessage"))
        assert program.stop() == 0
        sent = str([call.arguments for call in slack.calls("chat.postMessage")])
    assert "B2" in sent
    assert "B1" not in sent


@pytest.mark.postgresql
def test_a_dump_under_load_is_whole_and_gpubot_goes_on_from_it(tmp_path: Path) -> None:
    url = postgres.empty_postgres_database("TEMPLATE gpubot_template")
    target = postgres.empty_postgres_database()
    site = Site.open(Database(url), builders.cluster())
    sync_nodes(site, now=builders.NOW)

    def act(number: int) -> None:
        start = builders.TONIGHT + timedelta(hours=2 * (number % 500))
        request = builders.request(1, start, hours=2)
        reserve(site, builders.actor(builders.BOB), request, now=builders.NOW)

    dump = tmp_path / "gpubot.dump"
    with load(act) as done:
        eventually(lambda: len(done) >= 20, "some are booked")
        acknowledged = len(done)
        assert gpubot("db", "backup", str(dump), database=url, folder=tmp_path).returncode == 0
        eventually(lambda: len(done) >= acknowledged + 20, "more are booked afterwards")
    site.database.close()
    assert dump.stat().st_mode & 0o077 == 0
    postgres_program("pg_restore", "--no-owner", "--exit-on-error", "--dbname", target, str(dump))

    assert acknowledged <= answer(target, LAST) < answer(url, LAST)
    triggers = "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"
    assert answer(target, triggers) == answer(url, triggers) > 0
    restored = Site.open(Database(target), builders.cluster())
    assert audit.verify(restored).ok
    kept = answer(target, LAST)
    request = builders.request(4, builders.TONIGHT + timedelta(days=60))
    booked = reserve(restored, builders.actor(builders.BOB), request, now=builders.NOW)
    assert booked.id > kept
    assert audit.verify(restored).ok
    restored.database.close()
    postgres.drop(url)
    postgres.drop(target)


#: Notes how it was called, and makes something.
STAND_IN = """#!/bin/sh
printf '%s\\n' "$PGPASSWORD" "$@" >> "$NOTES"
"""


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What PostgreSQL's programs are given, where stand-ins are found in their place."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (programs / name).write_text(STAND_IN)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    return tmp_path / "notes"


URLS = [
    "postgresql://gpubot:s%3Acr%40t%25@db.lab:5433/gpubot?sslmode=require",
    "postgresql+psycopg://gpubot:s%3Acr%40t%25@db.lab:5433/gpubot?sslmode=require",
]


@pytest.mark.parametrize("url", URLS)
def test_a_password_is_no_argument_of_a_program(url: str, notes: Path, tmp_path: Path) -> None:
    with backed_up(url, tmp_path / "copy.dump"):
        password, *arguments = notes.read_text().splitlines()
    assert password == "s:cr@t%"
    shown = " ".join(arguments[: arguments.index("--list") - 1])
    assert password not in shown
    for part in ("host=db.lab", "port=5433", "user=gpubot", "dbname=gpubot", "sslmode=require"):
        assert part in shown


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        *((url, "s:cr@t%") for url in URLS),
        (
            "postgresql://gpubot:a\\nb\\\\c%5Cx41@db.lab:5433/gpubot?sslmode=require",
            "a\\nb\\\\c\\x41",
        ),
        (
            "postgresql://gpubot@db.lab:5433/gpubot?password=s%26cr%40t\\n&sslmode=require",
            "s&cr@t\\n",
        ),
    ],
    ids=["libpq", "psycopg", "backslashes", "query"],
)
def test_the_job_in_kubernetes_shows_no_password_either(
    url: str, expected: str, notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = yaml.safe_load_all((ROOT / "deploy/kubernetes/postgresql/backup.yaml").read_text())
    job = next(one for one in manifest if one["kind"] == "CronJob")["spec"]["jobTemplate"]["spec"]
    (container,) = job["template"]["spec"]["containers"]
    *shell, script = container["command"]
    monkeypatch.setenv("GPUBOT_DATABASE_URL", url)
    script = script.replace("/backup", str(tmp_path)).replace("mv ", "true ")
    subprocess.run([*shell, script], check=True)
    password, *arguments = notes.read_text().splitlines()
    arguments = arguments[: arguments.index("--list") - 1]
    assert password == expected
    assert "postgresql://gpubot@db.lab:5433/gpubot?sslmode=require" in arguments
    assert not any("cr%40t" in one or password in one for one in arguments)


def postgres_program(name: str, *arguments: str) -> None:
    found = shutil.which(name)
    if found is None:
        if "CI" in os.environ:
            pytest.fail(f"no {name}, and CI has to install postgresql-client")
        pytest.skip(f"no {name} on this machine: apt-get install postgresql-client")
    done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database with one booking."""
    url = new_database(tmp_path)
    site = Site.open(Database(url), builders.cluster())
    sync_nodes(site, now=builders.NOW)
    reserve(site, builders.actor(builders.BOB), builders.request(1), now=builders.NOW)
    site.database.close()
    return url


def test_a_backup_in_a_folder_is_named_by_its_instant(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPUBOT_DATABASE_URL", url)
    folder = tmp_path / "backups"
    folder.mkdir()
    assert cli.main(["db", "backup", str(folder)]) == 0
    (made,) = folder.iterdir()
    assert re.fullmatch(r"gpubot-\d{8}T\d{6}Z\.db", made.name)


def test_no_backup_is_written_over_another(url: str, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.write_text("another")
    with pytest.raises(CannotBackUp, match="is there already"), backed_up(url, target):
        pass
    assert target.read_text() == "another"


def test_a_backup_that_was_broken_off_leaves_nothing_behind(url: str, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    with pytest.raises(KeyboardInterrupt), backed_up(url, target):
        raise KeyboardInterrupt
    assert not list(tmp_path.glob("copy*"))


def test_a_damaged_database_is_no_backup(url: str, tmp_path: Path) -> None:
    path = Path(make_url(url).database or "")
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)
    target = tmp_path / "copy.db"
    with pytest.raises(CannotBackUp), backed_up(url, target):
        pass
    assert not list(tmp_path.glob("copy*"))


@pytest.mark.parametrize(
    ("database", "complaint"),
    [("postgresql://gpubot@127.0.0.1:9/gpubot", "pg_dump"), ("sqlite:///none.db", "no file")],
)
def test_what_cannot_be_backed_up_ends_with_1_and_says_why(
    database: str,
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GPUBOT_DATABASE_URL", database)
    assert cli.main(["db", "backup", "copy.db"]) == 1
    assert complaint in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_chain_that_does_not_hold_is_kept_and_told(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GPUBOT_DATABASE_URL", url)
    with closing(Database(url)) as database, database.transaction() as connection:
        connection.execute(text("UPDATE audit SET actor = 'U0MALLORY'"))
    assert cli.main(["db", "backup", str(tmp_path / "copy.db")]) == 1
    assert "✗ the audit log was tampered with: record 1" in capsys.readouterr().out
    assert (tmp_path / "copy.db").exists()
