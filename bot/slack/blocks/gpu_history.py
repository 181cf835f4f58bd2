"""Audit records about GPUs' alerts in words."""

from __future__ import annotations

from bot.domain.errors import N_
from bot.domain.gpu_health import Kind
from bot.services.record import AuditRecord
from bot.slack.reader import Mrkdwn, Reader

TITLES = {
    Kind.TEMPERATURE: N_("hot"),
    Kind.MEMORY: N_("memory nearly full"),
    Kind.XID: N_("XID error"),
    Kind.ECC: N_("memory errors"),
    Kind.UNBOOKED: N_("work without a booking"),
    Kind.SILENT: N_("no GPU metrics"),
    Kind.OUTAGE: N_("no GPU readings from Prometheus"),
}


def alert(reader: Reader, record: AuditRecord, _actor: object) -> Mrkdwn:
    """An alert began."""
    return reader.text(N_("Alert: {what}"), what=_what(reader, record))


def alert_over(reader: Reader, record: AuditRecord, _actor: object) -> Mrkdwn:
    """An alert is over."""
    return reader.text(N_("Alert over: {what}"), what=_what(reader, record))


def _what(reader: Reader, record: AuditRecord) -> Mrkdwn:
    """What it was about, as in "gpu-01, GPU 3: hot"."""
    state = record.after or {}
    kind = Kind(state["kind"])
    name = state.get("name", "") if kind is Kind.OTHER else reader.plain(TITLES[kind])
    gpus = ", ".join(map(str, state.get("gpus", ())))
    if record.node and gpus:
        return reader.text(N_("{node}, GPU {gpus}: {name}"), node=record.node, gpus=gpus, name=name)
    if record.node:
        return reader.text(N_("{node}: {name}"), node=record.node, name=name)
    return reader.text("{name}", name=name)


SENTENCES = {"gpu_alert": alert, "gpu_alert_over": alert_over}
