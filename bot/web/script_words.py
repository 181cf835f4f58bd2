"""The sentences of the pages' scripts in another language, for the page to carry along.

Scripts mark theirs as `t("…")` and `tn("one", "more", n)` (static/words.js); they are found in the
source, so that no list of them can lag behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from bot.locale import SOURCE, translator
from bot.web.assets import STATIC

#: The marks, and which of their arguments are sentences.
MARKS = {"t": None, "tn": (1, 2)}


@lru_cache(maxsize=8)
def script_words(language: str) -> Mapping[str, str | list[str]]:
    """Sentence → translation; one counted: [for one, for more]. Empty for the source language."""
    if language == SOURCE:
        return {}
    catalogue = translator(language)
    found: dict[str, str | list[str]] = {}
    for sentence in _sentences():
        if isinstance(sentence, str):
            found.setdefault(sentence, catalogue.gettext(sentence))
        else:
            one, more = sentence
            found[one] = [catalogue.ngettext(one, more, n) for n in (1, 2)]
    return found


def _sentences() -> Iterator[str | tuple[str, str]]:
    from babel.messages.extract import extract_from_file  # noqa: PLC0415 - long to import

    for path in sorted(STATIC.glob("*.js")):
        for _, found, _, _ in extract_from_file("javascript", path, keywords=MARKS):
            yield found if isinstance(found, str) else (found[0], found[1])
