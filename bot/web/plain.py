"""Sentences of the domain for programs and pages: plain text, in a reader's language and zone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from bot.domain.booking import Priority
from bot.domain.errors import BookingError, UserId
from bot.domain.notes import Note
from bot.domain.window import Window
from bot.locale import SOURCE, dates, listed, translator


def _id_itself(user: str) -> str:
    return user


@dataclass(frozen=True, slots=True)
class Plain:
    """Somebody who reads plain text."""

    zone: tzinfo = UTC
    locale: str = SOURCE
    #: Whether 12/1 is the first of December to them.
    month_first: bool = True
    name_of: Callable[[str], str] = _id_itself

    def text(self, template: str, **fields: object) -> str:
        """`template` in the reader's language; fields are shown by their type."""
        words = translator(self.locale).gettext(template) if template else ""
        shown = {name: self._show(value) for name, value in fields.items()}
        return words.format(**shown).replace("`", "")

    def note(self, note: Note) -> str:
        """A remark of the domain."""
        return self.text(note.template, **note.fields)

    def error(self, error: BookingError) -> str:
        """What a refusal says."""
        return self.text(error.template, **error.fields)

    def _show(self, value: object) -> str:
        match value:
            case UserId():
                return f"@{self.name_of(value)}"
            case Priority():
                return value.name
            case datetime() | date() | timedelta() | Window():
                return self._show_time(value)
            case Note():
                return self.note(value)
            case tuple() | list():
                return listed((self._show(item) for item in value), self.locale)
            case float():
                return f"{value:g}"
            case _:
                return "–" if value is None else str(value)

    def _show_time(self, value: date | timedelta | Window) -> str:
        match value:
            case datetime():
                return dates.moment(value.astimezone(self.zone), self.locale)
            case date():
                return dates.day(value, self.locale)
            case timedelta():
                return dates.length(value, self.locale)
            case Window():
                start, end = (at.astimezone(self.zone) for at in (value.start, value.end))
                return dates.local_window(start, end, value.length, self.locale)
