"""Statements run by the driver itself: what is to be written later is written in its order."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import datetime
from typing import Any

import builders
import pytest
from databases import BOTH, database_of
from sqlalchemy import Connection, bindparam, event, select, text, update
from sqlalchemy.exc import IntegrityError

from bot.store import models, queries
from bot.store.ahead import Ahead, ask_ahead
from bot.store.database import Database
from bot.store.pending import as_row
from bot.store.prepared import Inserting, Prepared, Reading, Updating
from bot.store.tables import table_of
from bot.store.told import RestsOn

POST = Inserting(models.Outbox, number="id", unless="dedupe_key")
KEEP = Inserting(models.Memory)
_MEMORY = table_of(models.Memory)
SET = Prepared(update(_MEMORY).where(_MEMORY.c.name == bindparam("of")).values(value="new"))
CHANGE = Updating(models.Memory, "value", by="name")
OUTBOX = table_of(models.Outbox)
VALUES = Prepared(select(_MEMORY.c.value))
NAMED = Prepared(
    select(_MEMORY.c.name).where(_MEMORY.c.value == bindparam("of")),
    rests_on=RestsOn("memory", lambda asked, row: row["value"] == asked["of"]),
)
NAMES = Prepared(select(_MEMORY.c.name).where(_MEMORY.c.value == bindparam("of")))


@pytest.fixture(params=BOTH)
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    with (
        database_of(request.param, tmp_path_factory.mktemp("one")) as url,
        closing(Database(url)) as opened,
    ):
        yield opened


def message(key: str) -> dict[str, Any]:
    return {
        "dedupe_key": key, "topic": "card", "recipient": "C0", "subject": "booking:1",
        "created_at": builders.NOW,
    }  # fmt: skip


def keys(connection: Connection) -> list[str]:
    return list(connection.execute(text("SELECT dedupe_key FROM outbox ORDER BY id")).scalars())


def test_rows_of_one_table_are_numbered_in_the_order_in_which_they_were_written(
    database: Database,
) -> None:
    with database.transaction() as connection:
        for number in range(9):
            POST.later(connection, message(f"key {number}"))
            KEEP.later(connection, {"name": f"name {number}", "value": ""})
    with database.snapshot() as connection:
        assert keys(connection) == [f"key {number}" for number in range(9)]


def test_what_was_written_before_by_its_key_is_passed_over(database: Database) -> None:
    with database.transaction() as connection:
        for key in ("a", "a", "b"):
            POST.later(connection, message(key))
        assert keys(connection) == ["a", "b"]
        POST.later(connection, message("b"))
        POST.later(connection, message("c"))
    with database.snapshot() as connection:
        assert keys(connection) == ["a", "b", "c"]


def test_whoever_looks_sees_what_was_to_be_written_later(database: Database) -> None:
    with database.transaction() as connection:
        KEEP.later(connection, {"name": "a", "value": "old"})
        assert VALUES.rows(connection) == [("old",)]
        SET.later(connection, {"of": "a"})
        assert connection.execute(select(_MEMORY.c.value)).scalars().all() == ["new"]


def test_what_was_to_be_written_later_goes_with_its_transaction(database: Database) -> None:
    with suppress(ZeroDivisionError), database.transaction() as connection:
        KEEP.later(connection, {"name": "a", "value": ""})
        raise ZeroDivisionError
    with database.transaction() as connection:
        assert VALUES.rows(connection) == []
        KEEP.later(connection, {"name": "b", "value": ""})
    with database.snapshot() as connection:
        assert connection.execute(select(_MEMORY.c.name)).scalars().all() == ["b"]


def test_a_row_gets_what_its_table_says_and_reads_as_sqlalchemy_wrote_it(
    database: Database,
) -> None:
    with database.transaction() as connection:
        number = POST.insert(connection, {**message("a"), "held_until": builders.TONIGHT})
    with database.snapshot() as connection:
        row = connection.execute(queries.columns(models.Outbox)).one()
    assert (row.id, row.state, row.attempts, row.data) == (number, "pending", 0, "{}")
    assert (row.created_at, row.held_until) == (builders.NOW, builders.TONIGHT)


def test_what_the_database_refuses_is_told_without_the_values(database: Database) -> None:
    secret = {"name": "a", "value": "5ecret"}
    with database.transaction() as connection:
        KEEP.run(connection, secret)
    with pytest.raises(IntegrityError) as told, database.transaction() as connection:
        KEEP.run(connection, secret)
    assert "5ecret" not in str(told.value)


def test_a_row_is_read_as_sqlalchemy_reads_it(database: Database) -> None:
    read = Reading(select(*OUTBOX.columns), lambda row: row)
    with database.transaction() as connection:
        POST.insert(connection, {**message("a"), "held_until": builders.TONIGHT})
        POST.insert(connection, message("b"))
    with database.snapshot() as connection:
        found = [row._asdict() for row in read.found(connection)]
        assert found == [row._asdict() for row in connection.execute(select(*OUTBOX.columns))]
        kinds = [{name: type(value) for name, value in row.items()} for row in found]
        assert kinds[0]["held_until"] is datetime
        assert kinds[1]["held_until"] is type(None)


def test_what_was_made_of_a_row_is_remembered_until_the_row_changes(database: Database) -> None:
    made: list[str] = []
    read = Reading(select(_MEMORY.c.value), lambda row: made.append(row.value) or row.value)
    with database.transaction() as connection:
        KEEP.run(connection, {"name": "a", "value": "old"})
        assert [read.found(connection) for _ in range(3)] == 3 * [["old"]]
        SET.run(connection, {"of": "a"})
        assert [read.found(connection) for _ in range(3)] == 3 * [["new"]]
    assert made == ["old", "new"]


def statements(connection: Connection) -> list[str]:
    """What is run on `connection` from now on."""
    seen: list[str] = []
    event.listen(
        connection, "before_cursor_execute", lambda _one, _cursor, sql, *_rest: seen.append(sql)
    )
    return seen


def test_what_was_asked_ahead_is_answered_as_if_it_was_asked_at_its_time(
    database: Database,
) -> None:
    with database.transaction() as connection:
        for name in ("first", "second"):
            KEEP.later(connection, {"name": name, "value": "old"})
        KEEP.later(connection, {"name": "third", "value": 'with "quotes" and %'})
    with database.transaction() as connection:
        asked = [(VALUES, {}), (NAMES, {"of": "old"}), (NAMES, {"of": "nothing"})]
        ask_ahead(connection, Ahead(asked))
        run = statements(connection)
        assert sorted(VALUES.rows(connection)) == [("old",), ("old",), ('with "quotes" and %',)]
        assert sorted(NAMES.rows(connection, {"of": "old"})) == [("first",), ("second",)]
        assert NAMES.rows(connection, {"of": "nothing"}) == []
        assert len(run) == (3 if database.backend == "sqlite" else 0)
        assert NAMES.rows(connection, {"of": 'with "quotes" and %'}) == [("third",)]


def written_by_sqlalchemy(connection: Connection) -> None:
    connection.execute(update(_MEMORY).values(value="new"))


def written_later(connection: Connection) -> None:
    SET.later(connection, {"of": "first"})


def written_at_once(connection: Connection) -> None:
    SET.run(connection, {"of": "first"})


@pytest.mark.parametrize("write", [written_by_sqlalchemy, written_later, written_at_once])
def test_what_was_asked_ahead_is_asked_again_when_something_was_written(
    database: Database, write: Callable[[Connection], None]
) -> None:
    with database.transaction() as connection:
        KEEP.later(connection, {"name": "first", "value": "old"})
    with database.transaction() as connection:
        ask_ahead(connection, Ahead([(VALUES, {})]))
        write(connection)
        assert list(VALUES.rows(connection)) == [("new",)]


def test_a_number_that_was_drawn_ahead_is_the_row_s(database: Database) -> None:
    with database.transaction() as connection:
        ask_ahead(connection, Ahead([(VALUES, {})], [POST]))
        numbers = [POST.insert(connection, message(key)) for key in ("drawn", "not drawn")]
        found = connection.execute(select(OUTBOX.c.id, OUTBOX.c.dedupe_key)).all()
        assert sorted(found) == sorted(zip(numbers, ("drawn", "not drawn"), strict=True))


def test_a_number_that_was_drawn_ahead_and_not_used_is_the_next_row_s(database: Database) -> None:
    with database.transaction() as connection:
        first = POST.insert(connection, message("first"))
    with suppress(ZeroDivisionError), database.transaction() as connection:
        ask_ahead(connection, Ahead([(VALUES, {})], [POST]))
        1 / 0  # noqa: B018 - rolls back
    with database.transaction() as connection:
        ask_ahead(connection, Ahead([(VALUES, {})], [POST]))
        numbers = [POST.insert(connection, message(key)) for key in ("second", "third")]
    assert numbers == [first + 1, first + 2]


def kept(name: str, value: str) -> dict[str, str]:
    return {"name": name, "value": value}


def test_an_answer_holds_until_the_rows_it_rests_on_are_written(database: Database) -> None:
    with database.transaction() as connection:
        ask_ahead(connection, Ahead([(NAMED, {"of": "a"})]), [Ahead([(NAMED, {"of": "b"})])])
        KEEP.later(connection, kept("first", "a"))
        run = statements(connection)
        assert NAMED.rows(connection, {"of": "b"}) == []
        assert len(run) == (1 if database.backend == "sqlite" else 0)
        assert NAMED.rows(connection, {"of": "a"}) == [("first",)]


def test_what_is_asked_ahead_takes_in_what_is_still_to_be_written(database: Database) -> None:
    with database.transaction() as connection:
        KEEP.later(connection, kept("first", "a"))
        ask_ahead(connection, Ahead([(NAMED, {"of": "a"})]), [Ahead([(NAMED, {"of": "b"})])])
        assert NAMED.rows(connection, {"of": "a"}) == [("first",)]
        KEEP.later(connection, kept("second", "b"))
        ask_ahead(connection, Ahead([(NAMED, {"of": "c"})]), [Ahead([(NAMED, {"of": "b"})])])
        assert NAMED.rows(connection, {"of": "b"}) == [("second",)]


def test_of_several_updates_of_a_row_the_last_one_counts(database: Database) -> None:
    with database.transaction() as connection:
        for name in "ab":
            KEEP.later(connection, kept(name, "old"))
    with database.transaction() as connection:
        for name, value in (("a", "new"), ("b", "new"), ("a", "newer")):
            CHANGE.later(connection, {"of": name, "to": value})
    with database.snapshot() as connection:
        found = connection.execute(select(_MEMORY.c.name, _MEMORY.c.value)).all()
        assert sorted(map(tuple, found)) == [("a", "newer"), ("b", "new")]


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_text_that_the_server_would_refuse_never_gets_there(value: str) -> None:
    with pytest.raises(ValueError, match=r"NUL|surrogate"):
        as_row(kept("a", value))
    assert json.loads(as_row(kept("a", r"\u0000"))) == kept("a", r"\u0000")
