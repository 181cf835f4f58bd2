"""What happens on the waitlist and in the queue, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from bot.domain.errors import N_
from bot.domain.waitlist import EntryKind, entry_label
from bot.services.record import AuditRecord
from bot.slack import phrases
from bot.slack.blocks.recorded import nodes_of, window_of
from bot.slack.reader import Mrkdwn, Reader


def _wish(template: str) -> Callable[[Reader, AuditRecord, object], Mrkdwn]:
    """A sentence about a wish on the waitlist: its id, owner, GPUs and length."""

    def say(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
        after = record.after or {}
        return reader.text(
            template,
            actor=actor,
            entry=entry_label(int(after["entry"])),
            owner=phrases.person(reader, after["owner"]),
            gpus=reader.many_plain("{n} GPU", "{n} GPUs", int(after["gpus"])),
            length=timedelta(seconds=int(after["length_s"])),
        )

    return say


def _wait_joined(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
    if (record.after or {}).get("kind") == EntryKind.QUEUE:
        return _wish(N_("{actor} queued *{entry}*: {gpus} for {length}"))(reader, record, actor)
    template = N_("{actor} joined the waitlist with *{entry}*: {gpus} for {length}")
    return _wish(template)(reader, record, actor)


def _wait_left(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
    if record.actor == (record.after or {}).get("owner"):
        return _wish(N_("{actor} left the waitlist: *{entry}*"))(reader, record, actor)
    return _wish(N_("{actor} took *{entry}* off the waitlist"))(reader, record, actor)


def _offer_accepted(reader: Reader, record: AuditRecord, actor: object) -> Mrkdwn:
    after = record.after or {}
    return reader.text(
        N_("{actor} accepted from the waitlist: {gpus} on {nodes}, {window}"),
        actor=actor,
        gpus=reader.many_plain("{n} GPU", "{n} GPUs", int(after["gpus"])),
        nodes=nodes_of(after),
        window=window_of(after),
    )


def _queued_run(reader: Reader, record: AuditRecord, _actor: object) -> Mrkdwn:
    after = record.after or {}
    return reader.text(
        N_("It began in a gap: {gpus} on {nodes}, {window}"),
        gpus=reader.many_plain("{n} GPU", "{n} GPUs", int(after["gpus"])),
        nodes=nodes_of(after),
        window=window_of(after),
    )


SENTENCES: Mapping[str, Callable[[Reader, AuditRecord, object], Mrkdwn]] = {
    "queued_run": _queued_run,
    "wait_joined": _wait_joined,
    "wait_changed": _wish(N_("{actor} changed *{entry}*: {gpus} for {length}")),
    "wait_left": _wait_left,
    "wait_expired": _wish(N_("The time for *{entry}* of {owner} ran out")),
    "offered": _wish(N_("{owner} was offered GPUs for *{entry}*")),
    "offer_accepted": _offer_accepted,
    "offer_declined": _wish(N_("{actor} declined the offer for *{entry}*")),
    "offer_expired": _wish(N_("{owner} did not answer the offer for *{entry}*")),
    "offer_withdrawn": _wish(N_("The offer for *{entry}* was withdrawn")),
}
