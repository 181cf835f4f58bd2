"""Quiet hours: the part of the day in which messages that can wait do wait."""

from __future__ import annotations

from datetime import datetime, time, timedelta, tzinfo

from bot.domain.window import on_wall_clock


def quiet_until(now: datetime, zone: tzinfo, hours: tuple[time, time]) -> datetime | None:
    """When the quiet hours that `now` lies in are over, aware UTC; None outside of them.

    `hours` are the first quiet moment and the first loud one on the wall clock of `zone`; they
    may span midnight. Two equal moments mean no quiet hours at all.
    """
    begin, end = hours
    local = now.astimezone(zone)
    of_day = local.time()
    spans_midnight = end < begin
    after_begin, before_end = begin <= of_day, of_day < end
    if not (after_begin or before_end if spans_midnight else after_begin and before_end):
        return None
    day = local.date() + timedelta(days=0 if before_end else 1)
    over = on_wall_clock(day, zone, end)
    # The clock may have been put back over the end, which then comes a second time.
    return over if over > now else on_wall_clock(day, zone, end.replace(fold=1))
