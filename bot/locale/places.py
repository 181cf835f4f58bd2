"""How dates in digits are read in places that differ."""

from __future__ import annotations

#: English-speaking places that write the day first, though their locale is `en-…`.
DAY_FIRST_ENGLISH = frozenset({"GB", "AU", "NZ", "IE", "IN", "ZA"})
MONTH_FIRST_LANGUAGES = frozenset({"en", "zh", "ja", "ko", "hu", "mn"})


def is_month_first(locale: str) -> bool:
    """Whether 12/1 is the first of December in that locale (and not the twelfth of January)."""
    language, _, place = locale.replace("_", "-").partition("-")
    if language.lower() not in MONTH_FIRST_LANGUAGES:
        return False
    return place.upper() not in DAY_FIRST_ENGLISH
