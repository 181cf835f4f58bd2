"""Words for people: gettext catalogues, with English as the source.

A catalogue lies in `<language>/LC_MESSAGES/gpubot.po` beside this file and is compiled when it is
read first, so that no compiled copy can lag behind it. A language without a catalogue, or a
sentence that a catalogue lacks, is shown in English.
"""

from __future__ import annotations

import gettext
from collections.abc import Iterable
from functools import lru_cache
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

DOMAIN = "gpubot"
FOLDER = Path(__file__).parent

#: The language that sentences are written in; it needs no catalogue.
SOURCE = "en"

#: Catalogues that do for every place where a language is spoken.
ANYWHERE = {"zh": "zh_CN"}


@lru_cache(maxsize=64)
def translator(locale: str) -> gettext.NullTranslations:
    """The catalogue for a locale such as `zh-CN` or `en_US`; English where there is none."""
    found = language(locale)
    return gettext.NullTranslations() if found == SOURCE else _compiled(catalogue_path(found))


@lru_cache(maxsize=64)
def language(locale: str) -> str:
    """The language that a locale is served in: the name of its catalogue, or `en`."""
    names = (name for name in _candidates(locale) if catalogue_path(name).is_file())
    return next(names, SOURCE)


def listed(parts: Iterable[str], locale: str) -> str:
    """As in "a, b"."""
    return translator(locale).gettext(", ").join(parts)


def catalogue_path(name: str) -> Path:
    """Where the catalogue of that language lies, or would lie: `zh_CN`."""
    return FOLDER / name / "LC_MESSAGES" / f"{DOMAIN}.po"


@lru_cache(maxsize=16)
def _compiled(path: Path) -> gettext.GNUTranslations:
    compiled = BytesIO()
    with path.open("rb") as source:
        write_mo(compiled, read_po(source, abort_invalid=True))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def _candidates(locale: str) -> list[str]:
    """`zh-CN` is looked for as `zh_CN`, then `zh`, then what does for the whole language."""
    full = locale.replace("-", "_")
    language = full.partition("_")[0]
    found = [full, language, ANYWHERE.get(language, "")]
    return [name for name in found if name.replace("_", "").isalnum()]
