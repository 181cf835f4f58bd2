"""The command line. Each command is a function; its return value is the exit code.

0: done. 1: something is wrong that the output names. 2: the command line cannot be read.
130: interrupted before anything ran. The commands for pipelines have codes of their own, see
bot/pipeline/exits.py.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from bot import logs
from bot.config.settings import ConfigError, Settings, check_database_url
from bot.domain.errors import BookingError
from bot.pipeline.options import add_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.services.audit import Verdict
    from bot.services.site import Site

log = logging.getLogger(__name__)

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; `arguments` are the process's own when None. Returns the exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        run: Command = parsed.run
        return run(parsed)
    except ConfigError as error:
        for problem in error.problems:
            _complain(problem)
    except (BookingError, OSError, SQLAlchemyError) as error:
        _complain(error)
        if isinstance(error.__cause__, SQLAlchemyError):
            _complain(getattr(error.__cause__, "orig", error.__cause__))
    except KeyboardInterrupt:
        return 130
    except Exception:
        if not logs.are_json():
            raise
        log.critical("gpubot has ended by an error", exc_info=True)
    return 1


def _complain(problem: object) -> None:
    """Say what is wrong, in the shape of the log where programs read that."""
    if logs.are_json():
        log.critical("gpubot: %s", problem)
    else:
        print(f"gpubot: {problem}", file=sys.stderr)


# Commands import what they need themselves: `gpubot --help` should not wait for Slack's and the
# database's libraries.


def _serve(_: argparse.Namespace) -> int:
    # Nothing of what is imported is garbage; `serve` turns the collector on again.
    gc.disable()
    from bot.process import serve

    # Programs that collect logs read JSON, people at a terminal do not.
    asked = os.environ.get("GPUBOT_LOG_FORMAT", "").strip().lower()
    as_json = asked == "json" if asked else not sys.stderr.isatty()
    logs.set_up("INFO", as_json=as_json)
    settings = Settings.from_environment(os.environ)
    logs.set_up(settings.log_level, as_json=as_json)
    with logs.catching_the_rest():
        serve(settings)
    return 0


def _demo(parsed: argparse.Namespace) -> int:
    from bot.demo import demo

    logs.set_up(os.environ.get("GPUBOT_LOG_LEVEL") or logging.getLevelName(logging.WARNING))
    demo(port=parsed.port, over_http=parsed.http, tell=lambda text: print(text, flush=True))
    return 0


def _check(_: argparse.Namespace) -> int:
    from bot.check import check

    all_is_well = True
    for finding in check(_settings()):
        print(finding, flush=True)
        all_is_well &= finding.ok is not False
    return 0 if all_is_well else 1


def _migrate(_: argparse.Namespace) -> int:
    from bot.store.migrate import newest_revision, upgrade

    settings = _settings()
    upgrade(settings.database_url)
    print(f"{settings.shown_database_url}: at revision {newest_revision()}")
    return 0


def _db_copy(parsed: argparse.Namespace) -> int:
    from contextlib import closing

    from sqlalchemy.engine import make_url

    from bot.services import audit
    from bot.store.copying import CannotCopy, copy_database
    from bot.store.database import Database

    target = parsed.target or _settings().database_url
    try:
        copied = copy_database(parsed.source, target)
    except CannotCopy as error:
        print(f"gpubot: nothing was copied: {error}", file=sys.stderr)
        return 1
    for table, count in copied.items():
        print(f"{table}: {count}")
    with closing(Database(target)) as database:
        verdict = audit.verify_in(database)
    shown = make_url(target).render_as_string(hide_password=True)
    print(f"{sum(copied.values())} rows are in {shown}, read again and compared")
    return _tell_verdict(verdict)


def _db_backup(parsed: argparse.Namespace) -> int:
    from contextlib import closing

    from bot.services import audit
    from bot.store.backup import CannotBackUp, backed_up
    from bot.store.database import Database

    url, target = _settings().database_url, parsed.target
    is_file = url.startswith("sqlite")
    if target.is_dir():
        target /= f"gpubot-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.{'db' if is_file else 'dump'}"
    try:
        with (
            backed_up(url, target) as part,
            # A dump cannot be looked into before it is restored.
            closing(Database(f"sqlite:///{part}" if is_file else url)) as database,
        ):
            verdict = audit.verify_in(database)
    except CannotBackUp as error:
        print(f"gpubot: there is no backup: {error}", file=sys.stderr)
        return 1
    print(f"{target}: {target.stat().st_size} bytes")
    # Kept all the same: it may be needed to find out what happened.
    return _tell_verdict(verdict)


def _audit_export(parsed: argparse.Namespace) -> int:
    from bot.services import audit

    output = parsed.output
    target = output.open("w", encoding="utf-8", newline="") if output else nullcontext(sys.stdout)
    with _site() as site, target as stream:
        count = audit.export(site, parsed.format, stream, since=parsed.since)
    print(f"{count} records", file=sys.stderr)
    return 0


def _audit_verify(_: argparse.Namespace) -> int:
    from bot.services import audit

    with _site() as site:
        return _tell_verdict(audit.verify(site))


def _audit_acknowledge(parsed: argparse.Namespace) -> int:
    from bot.services import audit_fault

    with _site() as site:
        found = audit_fault.acknowledge(
            site, " ".join(parsed.said), now=datetime.now(UTC), by=_operator()
        )
    if found is None:
        print("gpubot: nothing is known to be wrong with the audit log", file=sys.stderr)
        return 1
    print(f"acknowledged: record {found.seq}: {found.why}")
    return 0


def _operator() -> str:
    """Who has logged in at this terminal, also behind `sudo`; empty: nobody, as in a container."""
    try:
        return os.getlogin()
    except OSError:
        return ""


def _tell_verdict(verdict: Verdict) -> int:
    for seq, said in verdict.acknowledged:
        print(f"! record {seq} does not hold, but was looked into: {said}")
    if verdict.ok:
        rest = " but for that" if verdict.acknowledged else ""
        print(f"✓ the audit log is whole{rest}: {verdict.records} records")
        return 0
    print(f"✗ the audit log was tampered with: record {verdict.first_bad}: {verdict.why}")
    return 1


def _config_schema(_: argparse.Namespace) -> int:
    from bot.config.file import json_schema

    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return 0


def _config_example(_: argparse.Namespace) -> int:
    from bot.config.example import EXAMPLE

    print(EXAMPLE, end="")
    return 0


def _in_pipeline(name: str) -> Command:
    def run(parsed: argparse.Namespace) -> int:
        from bot.pipeline.commands import COMMANDS

        return COMMANDS[name](parsed)

    return run


def _settings() -> Settings:
    settings = Settings.from_environment(os.environ)
    logs.set_up(settings.log_level, as_json=settings.log_format == "json")
    return settings


@contextmanager
def _site() -> Iterator[Site]:
    from bot.check import database_finding
    from bot.config.problems import load_cluster
    from bot.services.site import Site
    from bot.store.database import Database

    settings = _settings()
    if not (found := database_finding(settings)).ok:
        raise ConfigError([found.text])
    database = Database(settings.database_url)
    try:
        yield Site.open(database, load_cluster(settings.config_path))
    finally:
        database.close()


def _instant(text: str) -> datetime:
    """An ISO 8601 date or instant; UTC where it names no zone."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        message = f"{text!r} is no date such as 2026-12-01 or 2026-12-01T10:00+08:00"
        raise argparse.ArgumentTypeError(message) from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a number from 0 to 65535")
    return int(text)


def _database_url(text: str) -> str:
    if problem := check_database_url(text):
        raise argparse.ArgumentTypeError(problem)
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gpubot",
        description="A Slack bot that books GPUs.",
        epilog="Settings come from the environment; see README.md.",
    )
    parser.add_argument("--version", action="version", version=f"gpubot {version('gpubot')}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add(commands, "serve", "run the bot", _serve)
    demo = _add(commands, "demo", "try the bot in an embedded Slack, offline", _demo)
    demo.add_argument("--port", type=_port, default=None, help="where to open it (default: 8090)")
    demo.add_argument("--http", action="store_true", help="signed HTTP instead of Socket Mode")
    _add(commands, "check", "say what is missing before `serve` can work", _check)
    _add(commands, "migrate", "bring the database to the schema needed", _migrate)
    _add_db(commands)
    _add_audit(commands)
    config = _add(commands, "config", "help with the configuration file", None)
    kinds = config.add_subparsers(metavar="WHAT", required=True)
    _add(kinds, "schema", "print the file's JSON schema", _config_schema)
    _add(kinds, "example", "print a file to begin with", _config_example)
    add_options(commands, _in_pipeline)
    return parser


if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001


def _add_db(commands: Commands) -> None:
    db = _add(commands, "db", "take bookings to another database, or into a backup", None)
    kinds = db.add_subparsers(metavar="WHAT", required=True)
    copy = _add(kinds, "copy", "copy everything into an empty database", _db_copy)
    copy.add_argument(
        "source", type=_database_url, metavar="SOURCE", help="URL of the database to read"
    )
    copy.add_argument(
        "target",
        type=_database_url,
        metavar="TARGET",
        nargs="?",
        help="URL to copy to (default: GPUBOT_DATABASE_URL)",
    )
    backup = _add(kinds, "backup", "copy the database while it is in use", _db_backup)
    backup.add_argument(
        "target", type=Path, metavar="TARGET", help="a new file, or the folder to make one in"
    )


def _add_audit(commands: Commands) -> None:
    audit = _add(commands, "audit", "write out or prove the audit log", None)
    kinds = audit.add_subparsers(metavar="WHAT", required=True)
    export = _add(kinds, "export", "write the records, oldest first", _audit_export)
    export.add_argument("--format", choices=("csv", "jsonl"), default="jsonl")
    export.add_argument("--since", type=_instant, metavar="INSTANT", help="ISO 8601")
    export.add_argument("--output", type=Path, metavar="FILE", help="standard output by default")
    _add(
        kinds,
        "verify",
        "find any later edit; exit code 1 when there is one that was not looked into",
        _audit_verify,
    )
    summary = "end the alert about a fault that was looked into, with what it was"
    known = _add(kinds, "acknowledge", summary, _audit_acknowledge)
    known.add_argument("said", nargs="+", metavar="REASON", help="kept in the audit log")


def _add(
    commands: Commands, name: str, summary: str, run: Command | None
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=summary, description=summary)
    if run is not None:
        parser.set_defaults(run=run)
    return parser
