"""What operators and owners read about GPUs: one living message an alert, with what to do."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from bot.domain.booking import booking_label
from bot.domain.errors import N_, NotFound, UserId
from bot.domain.gpu_health import HEALTH, Kind, Severity, advice
from bot.services.gpu_alert_rows import UNWATCHED, About, Alert, get_alert
from bot.services.look import get_booking
from bot.services.site import Site
from bot.slack.blocks.build import actions, button, context, cut_mrkdwn, message
from bot.slack.context import Block, Message
from bot.slack.ids import ActionId
from bot.slack.reader import Mrkdwn, Reader

if TYPE_CHECKING:
    from bot.slack.announcements import Row

_HOUR = timedelta(hours=1)
#: Texts and labels of others are cut: the message is to be read at a glance.
LONGEST_TEXT, MOST_LABELS = 600, 12
#: Labels that say nothing to people.
DULL_LABELS = frozenset({"UUID", "pci_bus_id", "device", "prometheus", "endpoint"})

#: While it is so, with and without its value; and once it is over.
SAID = {
    Kind.TEMPERATURE: (
        N_("GPU {gpus} of *{node}* is hot: {value} °C, since {began}."),
        N_("GPU {gpus} of *{node}* is hot, since {began}."),
        N_("GPU {gpus} of *{node}* was hot from {began} to {ended}. It is over."),
    ),
    Kind.MEMORY: (
        N_("The memory of GPU {gpus} of *{node}* is nearly full: {value} %, since {began}."),
        N_("The memory of GPU {gpus} of *{node}* is nearly full, since {began}."),
        N_("The memory of GPU {gpus} of *{node}* was nearly full from {began} to {ended}."),
    ),
    Kind.XID: (
        N_("GPU {gpus} of *{node}* reports XID error {value}, since {began}."),
        N_("GPU {gpus} of *{node}* reports an XID error, since {began}."),
        N_("GPU {gpus} of *{node}* reported an XID error from {began} to {ended}."),
    ),
    Kind.ECC: (
        N_("GPU {gpus} of *{node}* has memory errors that cannot be corrected, since {began}."),
        N_("GPU {gpus} of *{node}* has memory errors that cannot be corrected, since {began}."),
        N_("GPU {gpus} of *{node}* had memory errors from {began} to {ended}. It is over."),
    ),
    Kind.UNBOOKED: (
        N_("Work without a booking on GPU {gpus} of *{node}*, since {began}."),
        N_("Work without a booking on GPU {gpus} of *{node}*, since {began}."),
        N_("There was work without a booking on GPU {gpus} of *{node}*, from {began} to {ended}."),
    ),
    Kind.SILENT: (
        N_("*{node}* has had no GPU metrics since {began}. Does its DCGM exporter run?"),
        N_("*{node}* has had no GPU metrics since {began}. Does its DCGM exporter run?"),
        N_("*{node}* has GPU metrics again; there were none from {began} to {ended}."),
    ),
    Kind.OUTAGE: (
        N_("Prometheus gives no GPU readings, since {began}: {why}."),
        N_("Prometheus gives no GPU readings, since {began}: {why}."),
        N_("Prometheus gives GPU readings again; there were none from {began} to {ended}."),
    ),
    Kind.OTHER: (
        N_("*{name}* is firing, since {began}."),
        N_("*{name}* is firing, since {began}."),
        N_("*{name}* was firing from {began} to {ended}. It is resolved."),
    ),
}
MEANWHILE = N_(
    "Until it is back no alert is ended, no booking is asked about for idling, and use is not "
    "counted."
)
NO_LONGER = N_("gpubot no longer watches this.")


def gpu_alert(row: Row, site: Site, _now: datetime, reader: Reader) -> Message:
    """How an alert stands, for the operators' channel and those concerned."""
    alert = get_alert(site, int(row.subject.partition(":")[2]))
    said = reader.sentences(_sign(alert), _state(alert, reader))
    if alert.is_over:
        unwatched = reader.text(NO_LONGER) if _is_unwatched(alert) else Mrkdwn("")
        return _living(reader.sentences(said, unwatched))
    lines = [said, *_whose(alert.about, site, reader), *_what_to_do(alert.about, reader)]
    return _living("\n".join(lines), *_more(alert.about, reader), actions(
        *_buttons(alert.about, site, reader)))  # fmt: skip


def _sign(alert: Alert) -> Mrkdwn:
    if alert.is_over:
        return Mrkdwn(":heavy_minus_sign:" if _is_unwatched(alert) else ":white_check_mark:")
    critical = alert.about.severity is Severity.CRITICAL
    return Mrkdwn(":rotating_light:" if critical else ":warning:")


def _state(alert: Alert, reader: Reader) -> Mrkdwn:
    about = alert.about
    firing, unmeasured, over = SAID[about.kind]
    is_over = alert.is_over and not _is_unwatched(alert)
    template = over if is_over else firing if about.value is not None else unmeasured
    return reader.text(
        template,
        gpus=", ".join(map(str, about.gpus)),
        node=about.node or "",
        value=_shown_value(about),
        began=alert.began_at,
        ended=alert.resolved_at,
        why=about.details.get("why", ""),
        name=about.details.get("name", ""),
    )


def _is_unwatched(alert: Alert) -> bool:
    """Whether it was never seen to end."""
    return UNWATCHED in alert.about.details


def _shown_value(about: About) -> str:
    if about.value is None:
        return ""
    return f"{100 * about.value:.0f}" if about.kind is Kind.MEMORY else f"{about.value:.0f}"


def _whose(about: About, site: Site, reader: Reader) -> list[Mrkdwn]:
    """Whose booking, or who works there, in words for the one who reads it."""
    if about.kind is Kind.UNBOOKED:
        return _who_works(about, reader)
    if about.kind not in HEALTH:
        return []
    if about.booking is None:
        return [reader.text(N_("Nobody has booked it now."))]
    label = booking_label(about.booking)
    try:
        owner = get_booking(site, about.booking).owner
    except NotFound:
        return []
    if owner == reader.user:
        return [reader.text(N_("It belongs to your booking *{label}*."), label=label)]
    return [
        reader.text(N_("It belongs to *{label}* of {owner}."), label=label, owner=UserId(owner))
    ]


def _who_works(about: About, reader: Reader) -> list[Mrkdwn]:
    found = []
    if work := about.details.get("work"):
        found.append(reader.text(N_("What works there: {work}."), work=tuple(work)))
    if about.user is None:
        return found
    if about.user == reader.user:
        said = N_("It seems to be your work. Somebody else may book these GPUs at any time.")
        return [*found, reader.text(said)]
    return [*found, reader.text(N_("It seems to be work of {user}."), user=UserId(about.user))]


def _what_to_do(about: About, reader: Reader) -> list[Mrkdwn]:
    if about.kind in HEALTH:
        return [reader.text(advice(about.kind, about.value or 0.0))]
    return [reader.text(MEANWHILE)] if about.kind is Kind.OUTAGE else []


def _more(about: About, reader: Reader) -> list[Block]:
    """What others wrote about their alert: shown as they wrote it, and cut."""
    if about.kind is not Kind.OTHER:
        return []
    details: dict[str, Any] = dict(about.details)
    texts = (details.get(name) for name in ("summary", "description", "runbook"))
    blocks = [context(_foreign(reader, text)) for text in texts if text]
    labels = [
        f"{key}={value}" for key, value in details.get("labels", {}).items()
        if key not in DULL_LABELS
    ]  # fmt: skip
    if labels:
        blocks.append(context(_foreign(reader, ", ".join(labels[:MOST_LABELS]))))
    return blocks


def _foreign(reader: Reader, text: str) -> str:
    return cut_mrkdwn(reader.text("{text}", text=text[:LONGEST_TEXT]), LONGEST_TEXT)


def _buttons(about: About, site: Site, reader: Reader) -> list[Block]:
    if about.kind is Kind.UNBOOKED and about.user == reader.user:
        caption = reader.plain(N_("Book it now"))
        return [button(caption, ActionId.RESERVE, _request(about, site), style="primary")]
    if about.booking is not None:
        return [button(reader.plain("Show"), ActionId.SHOW, str(about.booking))]
    return []


def _request(about: About, site: Site) -> str:
    """What it would have been booked by, in the words of `/gpu reserve`."""
    slots = max(2, 4 * _HOUR // site.cluster.policy.slot)
    hours = slots * site.cluster.policy.slot // _HOUR
    return f"{len(about.gpus)} now {hours}h on {about.node}"


def _living(text: str, *blocks: Block) -> Message:
    reply = message(text, *blocks)
    return Message(reply.text, reply.blocks, living=True)
