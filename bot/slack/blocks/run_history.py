"""What happened to a run, in words: for its booking's thread and history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from bot.domain.booking import booking_label
from bot.domain.errors import N_
from bot.services.follow_run import OWN_NOTES
from bot.services.record import AuditRecord
from bot.slack import wording
from bot.slack.reader import Mrkdwn, Reader

#: How long a run lasted is told from a minute on, in seconds.
SHORTEST_S = 60

Say = Callable[[Reader, AuditRecord, object], Mrkdwn]


def _simple(template: str) -> Say:
    def say(reader: Reader, _record: AuditRecord, actor: object) -> Mrkdwn:
        return reader.text(template, actor=actor)

    return say


def _noted(template: str) -> Say:
    def say(reader: Reader, record: AuditRecord, _actor: object) -> Mrkdwn:
        return reader.text(template, note=note(reader, str(_after(record).get("note", ""))))

    return say


def _at(template: str) -> Say:
    def say(reader: Reader, record: AuditRecord, _actor: object) -> Mrkdwn:
        return reader.text(template, at=datetime.fromisoformat(_after(record)["at"]))

    return say


def _started(reader: Reader, record: AuditRecord, _actor: object) -> Mrkdwn:
    earlier = _after(record).get("continues")
    if earlier is None:
        return reader.text(N_("Its run began"))
    label = booking_label(int(earlier))
    return reader.text(N_("Its run began, to go on with the work of *{label}*"), label=label)


def _succeeded(reader: Reader, record: AuditRecord, _actor: object) -> Mrkdwn:
    return reader.text(N_("Its run finished{after}"), after=_after_how_long(reader, record))


def _failed(reader: Reader, record: AuditRecord, _actor: object) -> Mrkdwn:
    after = _after(record)
    code = after.get("exit_code")
    fields = {
        "after": _after_how_long(reader, record),
        "note": _colon(reader, after.get("note")),
        "code": code,
    }
    if code is None:
        return reader.text(N_("Its run failed{after}{note}"), **fields)
    return reader.text(N_("Its run failed{after}, with exit status {code}{note}"), **fields)


def _stopped(reader: Reader, record: AuditRecord, _actor: object) -> Mrkdwn:
    said = reader.text(N_("Its run was stopped{after}"), after=_after_how_long(reader, record))
    return Mrkdwn(said + _last_checkpoint(reader, record))


def _lost(reader: Reader, record: AuditRecord, _actor: object) -> Mrkdwn:
    said = reader.text(
        N_("Its run was lost{after}{note}"),
        after=_after_how_long(reader, record),
        note=_colon(reader, _after(record).get("note")),
    )
    return Mrkdwn(said + _last_checkpoint(reader, record))


def _rebooked(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
    label = booking_label(int(_after(record)["again"]))
    return reader.text(N_("{actor} booked it again, as *{label}*"), actor=actor, label=label)


def _log(reader: Reader, record: AuditRecord, _actor: object) -> Mrkdwn:
    return reader.text(
        N_("What its run wrote is kept: {log}"), log=log_link(reader, str(_after(record)["log"]))
    )


def log_link(reader: Reader, where: str) -> Mrkdwn:
    """Where a log is kept, as a link where it is one."""
    if where.startswith(("http://", "https://")):
        return Mrkdwn(wording.link(where, reader.plain(N_("its log"))))
    return reader.text("`{where}`", where=where)


def _after_how_long(reader: Reader, record: AuditRecord) -> Mrkdwn:
    seconds = _after(record).get("ran_s")
    if seconds is None or int(seconds) < SHORTEST_S:
        return Mrkdwn("")
    return reader.text(N_(" after {length}"), length=timedelta(seconds=int(seconds)))


def _last_checkpoint(reader: Reader, record: AuditRecord) -> Mrkdwn:
    saved = _after(record).get("saved_at")
    if saved is None:
        return Mrkdwn("")
    return reader.text(N_("; last checkpoint {at}"), at=datetime.fromisoformat(saved))


def _colon(reader: Reader, said: object) -> Mrkdwn:
    return reader.text(N_(": {note}"), note=note(reader, str(said))) if said else Mrkdwn("")


def note(reader: Reader, said: str) -> str:
    """What is noted of a run: in the reader's language where gpubot itself says it."""
    return reader.plain(said) if said in OWN_NOTES else said


def _after(record: AuditRecord) -> dict[str, Any]:
    return record.after or {}


SENTENCES: Mapping[str, Say] = {
    "run_started": _started,
    "run_again": _simple(N_("{actor} had its job started again")),
    "run_trouble": _noted(N_("Its run cannot go on yet: {note}")),
    "run_warned": _at(N_("Its run was told to save a checkpoint: the GPUs go {at}")),
    "checkpoint_seen": _at(N_("Its run saved a checkpoint {at}")),
    "run_succeeded": _succeeded,
    "run_failed": _failed,
    "run_stopped": _stopped,
    "run_lost": _lost,
    "log_kept": _log,
    "rebooked": _rebooked,
}
