"""The heat map of a report as a picture in Slack, and what it says in words."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from bot.domain.errors import N_
from bot.domain.report import Report, Scope
from bot.domain.report_heat import DAY_HOURS, WEEK_DAYS
from bot.domain.report_reading import percent, reading
from bot.locale import dates
from bot.slack.context import Picture
from bot.slack.reader import Mrkdwn, Reader


def report_picture(reader: Reader, report: Report, scope: Scope) -> Picture:
    """When the GPUs are held, of one team or the whole cluster."""
    # Seldom needed, and long to import.
    from bot.pictures.fonts import locale_for  # noqa: PLC0415
    from bot.pictures.heatmap import HeatWords, draw_heatmap  # noqa: PLC0415

    title = reader.plain(N_("When GPUs are held: {name}"), name=scope.name)
    # A machine without the letters of the reader's language draws the picture in English.
    drawer = replace(reader, locale=locale_for(reader.locale))
    words = HeatWords(
        title=drawer.plain(N_("When GPUs are held: {name}"), name=scope.name),
        days=dates.weekdays(drawer.locale),
        legend=drawer.plain(
            N_("Per cent of the GPU-hours in service that were held, by day and hour.")
        ),
    )
    key = hashlib.sha256(repr((scope.heat, words)).encode()).hexdigest()
    return Picture(
        key=key,
        title=title,
        alt=in_words(reader, report, scope),
        draw=lambda: draw_heatmap(scope.heat, words),
        missing=reader.text(N_("The picture could not be shown: Slack did not take it.")),
    )


def in_words(reader: Reader, report: Report, scope: Scope) -> str:
    """The essentials for those who do not see the picture: the sentences, and the busiest hour."""
    # Nothing is escaped in alternative texts, so they are joined as they are.
    said = [Mrkdwn(reader.plain(note.template, **note.fields)) for note in reading(report, scope)]
    hours = [
        (share, day, hour)
        for day in range(WEEK_DAYS)
        for hour in range(DAY_HOURS)
        if (share := scope.heat.share(day, hour))
    ]
    if hours:
        share, day, hour = max(hours, key=lambda found: found[0])
        busiest = reader.plain(
            N_("The busiest hour is {day} {start}–{end}, with {share} %."),
            day=dates.weekdays(reader.locale)[day],
            start=f"{hour:02}:00",
            end=f"{hour + 1:02}:00",
            share=percent(share),
        )
        said.append(Mrkdwn(busiest))
    return str(reader.sentences(*said))
