"""By what means somebody did what a record says: on the page, by a token, by a pipeline."""

from __future__ import annotations

from bot.domain.errors import N_
from bot.services.record import AuditRecord
from bot.slack.reader import Mrkdwn, Reader

ON_THE_PAGE = N_(" (on the page)")
#: By how `via` begins; the rest of it, behind a token's number, is the name of the means.
MEANS = {
    "token": N_(" (by the token {name})"),
    "pipeline": N_(" (by the pipeline {name})"),
    "github": N_(" (by GitHub, {name})"),
}


def by_means(reader: Reader, record: AuditRecord) -> Mrkdwn:
    """As in " (by the token nightly)"; nothing where it was done in Slack."""
    via = str((record.after or {}).get("via", ""))
    if via == "page":
        return reader.text(ON_THE_PAGE)
    first, _, name = via.partition(" ")
    template = MEANS.get(first.partition(":")[0])
    return Mrkdwn("") if template is None else reader.text(template, name=name)
