"""What the asker should know about how their words were read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Note:
    """One remark, as a template and named fields, like the message of an error.

    The template is marked for translation where the note is made; fields keep their types
    (datetime, date, timedelta, int, str).
    """

    template: str
    fields: Mapping[str, object] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return self.template.format(**self.fields)
