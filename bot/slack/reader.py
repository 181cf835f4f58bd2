"""Who reads a message, and how sentences are put into their words.

Every sentence people see is an English template with named `{places}`; a Reader translates it and
writes each value by its type, so that times appear in the reader's own zone, people as mentions,
and text that somebody typed can neither format nor address anything.
"""

from __future__ import annotations

import gettext
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache
from string import Formatter
from typing import NamedTuple

from bot.domain.actor import Person
from bot.domain.booking import Priority
from bot.domain.cluster import Cluster
from bot.domain.errors import N_, UserId
from bot.domain.notes import Note
from bot.domain.window import Window
from bot.domain.zones import zone_named
from bot.locale import dates, listed, translator
from bot.locale.places import is_month_first
from bot.slack import wording


class Mrkdwn(str):
    """Text that is safe as it stands: already escaped, or our own."""

    __slots__ = ()


class Channel(str):
    """A Slack channel id; shown as a link to the channel."""

    __slots__ = ()


class _Template(NamedTuple):
    """A sentence ready to be filled: what is the same every time is worked out once."""

    #: Where it has places, `%s` stands for each.
    text: Mrkdwn
    #: The places in their order, and whether they are inside backticks.
    places: tuple[tuple[str, bool], ...]
    #: Where it has none: what it says without formatting.
    caption: str


#: Slack's pattern for a day and a time of day, in words where the day is near.
FULL = "{date_short_pretty} {time}"
#: The same in the middle of a sentence, where English puts the time of day first.
INSIDE = N_("{time} {date_short_pretty}")


def _no_names(user: str) -> str:
    return user


def _show_simple(value: object) -> str:
    match value:
        case Priority():
            return value.name
        case float():
            return f"{value:g}"
        case _:
            return str(value)


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who reads what gpubot writes."""

    #: Slack user id; empty for a channel.
    user: str
    zone: tzinfo
    zone_name: str
    locale: str
    #: Whether 12/1 is the first of December to them.
    month_first: bool = True
    #: False when their profile could not be read, or its zone is not known here: the zone is the
    #: cluster's.
    known: bool = True
    #: People's names, for places where Slack shows no mentions (buttons, option lists).
    name_of: Callable[[str], str] = _no_names
    #: The zone in their profile where that is not known on this machine.
    unknown_zone: str = ""

    @classmethod
    def of_person(
        cls, person: Person, cluster: Cluster, name_of: Callable[[str], str] = _no_names
    ) -> Reader:
        """The reader whose profile was read; in the cluster's zone where theirs is not known here.

        Slack may have a zone that is newer than the zones of this machine.
        """
        zone = zone_named(person.zone_name)
        return cls(
            user=person.user,
            zone=zone or cluster.zone,
            zone_name=person.zone_name if zone else cluster.zone_name,
            locale=person.locale,
            month_first=is_month_first(person.locale),
            known=zone is not None,
            name_of=name_of,
            unknown_zone="" if zone else person.zone_name,
        )

    @classmethod
    def of_channel(cls, cluster: Cluster, user: str = "", *, known: bool = True) -> Reader:
        """Everybody in a channel, in the cluster's language and zone.

        With `known` False, a person whose profile cannot be read.
        """
        return cls(
            user=user,
            zone=cluster.zone,
            zone_name=cluster.zone_name,
            locale=cluster.language,
            month_first=is_month_first(cluster.language),
            known=known,
        )

    def text(self, template: str, **fields: object) -> Mrkdwn:
        """`template` in the reader's language as mrkdwn; fields are shown by their type."""
        return self._filled(_translated(template, self.locale), fields)

    def plain(self, template: str, **fields: object) -> str:
        """`template` in the reader's language for places without formatting, such as buttons."""
        found = _translated(template, self.locale)
        if not found.places:
            return found.caption
        return self._filled_plain(found, fields).replace("`", "")

    def many(self, one: str, more: str, number: int, **fields: object) -> Mrkdwn:
        """Like `text`, with the form of the sentence that `number` needs; `{n}` is the number."""
        template = self._catalogue.ngettext(one, more, number)
        fields["n"] = number
        return self._filled(_read(template), fields)

    def many_plain(self, one: str, more: str, number: int, **fields: object) -> str:
        """Like `plain`, with the form of the sentence that `number` needs."""
        template = self._catalogue.ngettext(one, more, number)
        fields["n"] = number
        return self._filled_plain(_read(template), fields)

    def sentences(self, *said: Mrkdwn) -> Mrkdwn:
        """Sentences one after the other, with a space between them where the language has one."""
        whole, *rest = [one for one in said if one] or [Mrkdwn("")]
        for after in rest:
            whole = self.text(N_("{before} {after}"), before=whole, after=after)
        return whole

    def note(self, note: Note) -> Mrkdwn:
        """A remark of the domain as mrkdwn."""
        return self.text(note.template, **note.fields)

    def moment(self, instant: datetime) -> str:
        """`instant` in words in the reader's zone: "Thu 26 Nov 22:00"."""
        return dates.moment(instant.astimezone(self.zone), self.locale)

    def clock(self, instant: datetime, today: datetime) -> Mrkdwn:
        """`instant` as mrkdwn, without its day when it lies on the reader's day of `today`."""
        same = instant.astimezone(self.zone).date() == today.astimezone(self.zone).date()
        return Mrkdwn(self._date_token(instant, "{time}" if same else _words(INSIDE, self.locale)))

    def length(self, length: timedelta) -> str:
        """`length` in words: "20 h", "1 d 12 h", "90 min"."""
        return dates.length(length, self.locale)

    @property
    def _catalogue(self) -> gettext.NullTranslations:
        return translator(self.locale)

    def _filled(self, template: _Template, fields: Mapping[str, object]) -> Mrkdwn:
        """Its sentence as mrkdwn; inside backticks values are shown as code."""
        text, places, _ = template
        if not places:
            return text
        show, code = self._show, self._show_code
        shown = [(code if is_code else show)(fields[name]) for name, is_code in places]
        return Mrkdwn(text % tuple(shown))

    def _filled_plain(self, template: _Template, fields: Mapping[str, object]) -> str:
        text, places, _ = template
        if not places:
            return str(text)
        return text % tuple([self._show_plain(fields[name]) for name, _ in places])

    def _show(self, value: object) -> str:
        # Most values are text that somebody typed, and most others a sentence's parts.
        if type(value) is str:
            return wording.escape(wording.cleaned(value))
        match value:
            case Mrkdwn():
                return value
            case UserId():
                return f"<@{value}>"
            case Channel():
                return f"<#{value}>"
            case datetime():
                return self._date_token(value, FULL)
            case Window():
                return self._window(value)
            case Note():
                return self.note(value)
            case tuple() | list():
                return listed((self._show(item) for item in value), self.locale)
            case _:
                return wording.escape(self._show_plain(value))

    def _show_code(self, value: object) -> str:
        return wording.escape_code(self._show_plain(value))

    def _show_plain(self, value: object) -> str:
        if type(value) is str:
            return wording.cleaned(value)
        match value:
            case UserId():
                return f"@{self.name_of(value)}"
            case datetime() | date() | timedelta() | Window():
                return self._show_time(value)
            case Note():
                return self.plain(value.template, **value.fields)
            case tuple() | list():
                return listed((self._show_plain(item) for item in value), self.locale)
            case None:
                return "–"
            case _:
                return wording.cleaned(_show_simple(value))

    def _show_time(self, value: date | timedelta | Window) -> str:
        match value:
            case datetime():
                return self.moment(value)
            case date():
                return dates.day(value, self.locale)
            case timedelta():
                return self.length(value)
            case Window():
                return self._window_plain(value)

    def _date_token(self, instant: datetime, style: str) -> str:
        return _date_token(instant, style, self.zone, self.locale)

    def _window(self, window: Window) -> str:
        return _window(window, self.zone, self.locale, bool(self.user))

    def _window_plain(self, window: Window) -> str:
        start, end = (at.astimezone(self.zone) for at in (window.start, window.end))
        return dates.local_window(start, end, window.length, self.locale)


def _date_token(instant: datetime, style: str, zone: tzinfo, locale: str) -> str:
    fallback = dates.moment(instant.astimezone(zone), locale)
    return f"<!date^{int(instant.timestamp())}^{style}|{fallback}>"


# A booking's window is shown again and again, in lists, cards and App Homes.
@lru_cache(maxsize=8192)
def _window(window: Window, zone: tzinfo, locale: str, personal: bool) -> str:  # noqa: FBT001
    # In a channel, readers' zones differ: what is one day to one is two to another.
    one_day = personal and _is_one_day(window, zone)
    start = _date_token(window.start, FULL, zone, locale)
    end = _date_token(window.end, "{time}" if one_day else FULL, zone, locale)
    return dates.window(start, end, window.length, locale)


def _is_one_day(window: Window, zone: tzinfo) -> bool:
    return window.start.astimezone(zone).date() == window.end.astimezone(zone).date()


# Taking a template apart takes longer than filling it.
@lru_cache(maxsize=4096)
def _translated(template: str, locale: str) -> _Template:
    return _read(_words(template, locale))


def _words(template: str, locale: str) -> str:
    # An empty message id is the catalogue's own header.
    return translator(locale).gettext(template) if template else ""


@lru_cache(maxsize=4096)
def _read(template: str) -> _Template:
    pattern, places, ticks = "", [], 0
    for literal, name, _, _ in Formatter().parse(template):
        pattern += literal.replace("%", "%%")
        ticks += literal.count("`")
        if name is not None:
            pattern += "%s"
            places.append((name, ticks % 2 == 1))
    text = pattern if places else pattern % ()
    return _Template(Mrkdwn(text), tuple(places), text.replace("`", ""))
