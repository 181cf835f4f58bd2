"""How a database carried out the statements of a block: which tables it read, and how."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

#: Says how each statement was carried out, those of triggers too, as a notice to its session.
#: Small tables are best read whole; here that is for statements which no index serves, so that
#: small tables show what would happen to large ones.
_EXPLAIN = """
    LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_analyze = on;
    SET auto_explain.log_timing = off; SET auto_explain.log_nested_statements = on;
    SET auto_explain.log_format = 'json'; SET client_min_messages = 'log';
    SET enable_seqscan = off
"""
_SQLITE = re.compile(r"^(SCAN|SEARCH) (\w+)(.*)$")


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a table."""

    table: str
    #: All of it was read, row by row.
    is_whole: bool
    #: How many rows were looked at; None where the database does not say.
    rows: float | None
    statement: str


class Plans:
    """What the statements on an engine do; attach it before there is any connection."""

    def __init__(self, engine: Engine) -> None:
        self._looks: list[Look] | None = None
        if engine.dialect.name == "sqlite":
            event.listen(engine, "before_cursor_execute", self._explain)
        else:
            event.listen(engine, "connect", self._listen)

    @contextmanager
    def noted(self) -> Iterator[list[Look]]:
        """What is looked at while the block runs."""
        self._looks = looks = []
        try:
            yield looks
        finally:
            self._looks = None

    def _explain(
        self, connection: Any, _cursor: Any, sql: str, values: Any, _context: Any, many: bool
    ) -> None:
        if self._looks is None or not sql.startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
            return
        raw = connection.connection.driver_connection
        found = raw.execute(f"EXPLAIN QUERY PLAN {sql}", values[0] if many else values)
        for *_, detail in found.fetchall():
            if (match := _SQLITE.match(detail)) is not None:
                how, table, rest = match.groups()
                # An index that holds a part of the rows, or the first few of an order, is walked.
                is_whole = how == "SCAN" and "INDEX" not in rest and "LIMIT" not in sql
                self._looks.append(Look(table, is_whole, None, sql))

    def _listen(self, connection: Any, _record: Any) -> None:
        connection.add_notice_handler(self._notice)
        connection.execute(_EXPLAIN).close()

    def _notice(self, diagnostic: Any) -> None:
        _, _, plan = (diagnostic.message_primary or "").partition("plan:\n")
        if plan and self._looks is not None:
            found = json.loads(plan)
            self._looks += _looks_of(found["Plan"], found["Query Text"])


def _looks_of(node: dict[str, Any], statement: str) -> Iterator[Look]:
    if "Relation Name" in node:
        removed = sum(count for name, count in node.items() if name.startswith("Rows Removed"))
        rows = (node["Actual Rows"] + removed) * node["Actual Loops"]
        yield Look(node["Relation Name"], node["Node Type"] == "Seq Scan", rows, statement)
    for child in node.get("Plans", ()):
        yield from _looks_of(child, statement)
