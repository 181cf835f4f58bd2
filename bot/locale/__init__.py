"""Words for people: gettext catalogues, with English as the source.

A catalogue lies in `<language>/LC_MESSAGES/gpubot.mo` beside this file. A language without a
catalogue, or a sentence a catalogue lacks, is shown in English.
"""

from __future__ import annotations

import gettext
from functools import lru_cache
from pathlib import Path

DOMAIN = "gpubot"


@lru_cache(maxsize=64)
def translator(locale: str) -> gettext.NullTranslations:
    """The catalogue for a locale such as `zh-CN` or `en_US`; English where there is none."""
    return gettext.translation(
        DOMAIN, localedir=Path(__file__).parent, languages=_candidates(locale), fallback=True
    )


def _candidates(locale: str) -> list[str]:
    """`zh-CN` is looked for as `zh_CN`, then `zh`."""
    full = locale.replace("-", "_")
    return [full, full.partition("_")[0]] if full else ["en"]
