"""What happened to a booking's job, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bot.domain.errors import N_
from bot.services.record import AuditRecord
from bot.slack.reader import Mrkdwn, Reader


def _attached(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
    job = (record.after or {}).get("job", "")
    return reader.text(N_("{actor} gave it a job: {job}"), actor=actor, job=job)


def _changed(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
    old, new = (record.before or {}).get("job", ""), (record.after or {}).get("job", "")
    return reader.text(N_("{actor} changed its job: {job}, before that {old}"), actor=actor,
                       job=new, old=old)  # fmt: skip


def _removed(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
    job = (record.before or {}).get("job", "")
    return reader.text(N_("{actor} took its job away: {job}"), actor=actor, job=job)


SENTENCES: Mapping[str, Callable[[Reader, AuditRecord, object], Mrkdwn]] = {
    "job_attached": _attached,
    "job_changed": _changed,
    "job_removed": _removed,
}
