"""`/gpu report`: how the cluster was used, in a few sentences and figures.

Everybody may read about the cluster and all teams; nobody is told about single people.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from difflib import get_close_matches
from urllib.parse import urlencode

from bot.domain.cluster import Cluster, Team
from bot.domain.errors import N_, NotUnderstood, UnknownName
from bot.domain.report import Report, Scope
from bot.domain.report_definitions import FigureName
from bot.domain.report_period import Period, parse_period
from bot.domain.report_reading import about, percent, reading
from bot.services.links import page_link
from bot.services.report import report as make_report
from bot.slack import phrases
from bot.slack.blocks.build import context, sections, told
from bot.slack.context import Call, Reply
from bot.slack.reader import Mrkdwn, Reader
from bot.slack.registry import Group, verb
from bot.slack.report_picture import report_picture

#: Of how many of the asker's own teams there is a paragraph, beside the cluster's.
OWN_TEAMS = 2


@verb(
    "report",
    group=Group.LAB,
    usage=["report [team] [period]"],
    summary=N_("how the GPUs were used, in words and figures"),
    examples=["report", "report vision", "report last month", "report vision 2026-11"],
    details=N_(
        "Periods: `week`, `last week`, `month`, `last month`, `30d`, `2026-11`, `2026`; without "
        "one, the last 28 days. Without a team it is about the whole cluster and your own teams."
    ),
)
def report(call: Call, text: str) -> Reply:
    """The report of the cluster and the asker's teams, or of one team."""
    cluster = call.site.cluster
    team, words = split_team(cluster, text)
    period = _period(call, words)
    found = make_report(call.site, period)
    title = _title(call, found, period)
    lines = [title]
    scopes = _scopes(call, found, team)
    for scope in scopes:
        lines += _paragraph(call.reader, found, scope)
    reply = told(
        title,
        *sections(lines),
        context(*filter(None, [_links(call, words, team), _how(call.reader, cluster)])),
        title=call.reader.plain("Report"),
    )
    return replace(reply, picture=report_picture(call.reader, found, scopes[0]))


def _period(call: Call, words: str) -> Period:
    """What `words` name. Raises UnknownName for what is hardly anything but a team's name."""
    cluster = call.site.cluster
    try:
        return parse_period(words, now=call.now, zone=cluster.zone)
    except NotUnderstood:
        teams = [team.name for team in cluster.teams]
        for word in words.split():
            if get_close_matches(word.casefold(), teams, n=1):
                raise UnknownName(kind="team", name=word, known=", ".join(teams)) from None
        raise


def split_team(cluster: Cluster, text: str) -> tuple[Team | None, str]:
    """The team that the words begin or end with, and the other words."""
    words = text.strip()
    for team in sorted(cluster.teams, key=lambda team: -len(team.name)):
        name, folded = team.name.casefold(), words.casefold()
        if folded == name or folded.startswith(f"{name} "):
            return team, words[len(team.name) :].strip()
        if folded.endswith(f" {name}"):
            return team, words[: -len(team.name)].strip()
    return None, words


def _scopes(call: Call, found: Report, team: Team | None) -> list[Scope]:
    """What is told: one team, or the cluster and the asker's own teams."""
    if team is not None:
        teams, scopes = [team], []
    else:
        teams = list(call.site.cluster.teams_of(call.actor.name))[:OWN_TEAMS]
        scopes = [found.cluster]
    named = {team.name for team in teams}
    return [*scopes, *(scope for scope in found.teams if scope.name in named)]


def _title(call: Call, found: Report, period: Period) -> Mrkdwn:
    zone = call.site.cluster.zone
    last = (period.window.end - timedelta(seconds=1)).astimezone(zone).date()
    return call.reader.text(
        N_("*Report on {name}, {first} – {last}*"),
        name=found.cluster.name,
        first=period.window.start.astimezone(zone).date(),
        last=last,
    )


def _paragraph(reader: Reader, found: Report, scope: Scope) -> list[Mrkdwn]:
    """Its sentences, and a line of figures."""
    sentences = [
        reader.text(N_("• {sentence}"), sentence=reader.note(note))
        for note in reading(found, scope)
    ]
    shown = _figures(reader, scope)
    heading = reader.text(N_("*{name}*"), name=scope.name)
    return [Mrkdwn(""), heading, *sentences, *([shown] if shown else [])]


def _figures(reader: Reader, scope: Scope) -> Mrkdwn:
    """The figures that there are, in one line."""
    rates = (
        (FigureName.CANCELLATION_RATE, N_("cancelled: {share} %")),
        (FigureName.NO_SHOW_RATE, N_("unused: {share} %")),
        (FigureName.EARLY_RATE, N_("given back early: {share} %")),
    )
    parts = [
        reader.text(template, share=percent(value))
        for name, template in rates
        if (value := scope.value(name)) is not None
    ]
    if (wait := scope.value(FigureName.WAIT_MEDIAN)) is not None:
        parts.append(reader.text(N_("waiting time: {length}"), length=about(wait)))
    if refused := scope.cases(FigureName.REFUSALS):
        parts.append(reader.many("{n} refusal", "{n} refusals", refused))
    return phrases.joined(*parts)


def _links(call: Call, period: str, team: Team | None) -> Mrkdwn:
    """Where the page and its table are; empty where there is no page."""
    query = {"period": period} if period else {}
    of = {"of": f"team:{team.name}"} if team else {}
    path = f"/report?{urlencode({**query, **of})}".rstrip("?")
    address = page_link(call.site, call.actor.name, path, now=call.now)
    if not address:
        return Mrkdwn("")
    words = call.reader.text(N_("The whole report, with heat maps, definitions and CSV"))
    link, note = Mrkdwn(f"<{address}|{words}>"), phrases.link_note(call.reader, call.site)
    return phrases.joined(link, note)


def _how(reader: Reader, cluster: Cluster) -> Mrkdwn:
    return reader.text(
        N_("Days and hours are those of {zone}; the figures are of what was booked and held."),
        zone=cluster.zone_name,
    )
