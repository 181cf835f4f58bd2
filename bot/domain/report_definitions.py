"""The figures of a report by name, and what exactly each of them is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.errors import N_


class Unit(StrEnum):
    """What a figure counts."""

    #: From 0 to 1.
    SHARE = "share"
    GPU_HOURS = "GPU-hours"
    HOURS = "hours"
    COUNT = "count"


class FigureName(StrEnum):
    """Stable names, for files and programs."""

    UTILISATION = "utilisation"
    HELD = "held"
    IN_SERVICE = "in_service"
    BOOKED = "booked"
    USED = "used"
    MEASURED = "measured"
    BUSY = "busy"
    BUSY_RATE = "busy_rate"
    BEGUN = "begun"
    LEAD_MEDIAN = "lead_median"
    LEAD_P90 = "lead_p90"
    CANCELLED = "cancelled"
    CANCELLATION_RATE = "cancellation_rate"
    CANCELLATION_NOTICE = "cancellation_notice"
    NO_SHOWS = "no_shows"
    NO_SHOW_RATE = "no_show_rate"
    EARLY_RATE = "early_rate"
    OVERESTIMATE = "overestimate"
    EXTENSION_RATE = "extension_rate"
    WISHES = "wishes"
    SERVED = "served"
    EXPIRED = "expired"
    OPEN = "open"
    WAIT_MEDIAN = "wait_median"
    WAIT_P90 = "wait_p90"
    REFUSALS = "refusals"
    REFUSED_HOURS = "refused_hours"
    YIELDED = "yielded"
    YIELDED_HOURS = "yielded_hours"
    TOOK = "took"
    TOOK_HOURS = "took_hours"


@dataclass(frozen=True, slots=True)
class Definition:
    """What a figure is called, what it counts, and what exactly it is; for translation."""

    title: str
    unit: Unit
    meaning: str


DEFINITIONS: Mapping[FigureName, Definition] = {
    FigureName.UTILISATION: Definition(
        N_("Utilisation"),
        Unit.SHARE,
        N_(
            "Held GPU-hours as a share of the GPU-hours in service; for a team, of the whole "
            "cluster's."
        ),
    ),
    FigureName.HELD: Definition(
        N_("Held"),
        Unit.GPU_HOURS,
        N_(
            "GPU-hours that bookings kept from others, used or not, up to the end of the period "
            "and without the time in which their node was out of service."
        ),
    ),
    FigureName.IN_SERVICE: Definition(
        N_("In service"),
        Unit.GPU_HOURS,
        N_("GPUs times hours of today's nodes, without the time in which they were drained."),
    ),
    FigureName.BOOKED: Definition(
        N_("Booked"),
        Unit.GPU_HOURS,
        N_("GPU-hours promised: each booking as it stood when it began."),
    ),
    FigureName.USED: Definition(
        N_("Used"),
        Unit.GPU_HOURS,
        N_(
            "GPU-hours from each booking's beginning to its end or release. Bookings that were "
            "released because nobody used them count nothing; whether the GPUs worked is another "
            "figure, where it is measured."
        ),
    ),
    FigureName.MEASURED: Definition(
        N_("Measured"),
        Unit.GPU_HOURS,
        N_("GPU-hours of bookings in which monitoring had readings of their GPUs."),
    ),
    FigureName.BUSY: Definition(
        N_("Really used"),
        Unit.GPU_HOURS,
        N_("Measured GPU-hours in which the GPU worked, by its utilisation."),
    ),
    FigureName.BUSY_RATE: Definition(
        N_("Really used, of the measured"),
        Unit.SHARE,
        N_("GPU-hours with work as a share of those measured."),
    ),
    FigureName.BEGUN: Definition(
        N_("Bookings begun"), Unit.COUNT, N_("Bookings that began, without queue runs.")
    ),
    FigureName.LEAD_MEDIAN: Definition(
        N_("Lead time, median"),
        Unit.HOURS,
        N_("From the making of a booking to its beginning; half of those begun had less."),
    ),
    FigureName.LEAD_P90: Definition(
        N_("Lead time, 90th percentile"),
        Unit.HOURS,
        N_("From the making of a booking to its beginning; nine in ten of those begun had less."),
    ),
    FigureName.CANCELLED: Definition(
        N_("Cancelled"),
        Unit.COUNT,
        N_("Bookings that people took back before they began; not what gpubot called off."),
    ),
    FigureName.CANCELLATION_RATE: Definition(
        N_("Cancellation rate"),
        Unit.SHARE,
        N_("Bookings cancelled, of those cancelled and those begun."),
    ),
    FigureName.CANCELLATION_NOTICE: Definition(
        N_("Notice of cancellations, median"),
        Unit.HOURS,
        N_("From a cancellation to when the booking would have begun; half had less."),
    ),
    FigureName.NO_SHOWS: Definition(
        N_("No-shows"),
        Unit.COUNT,
        N_("Bookings begun that were released because nobody used them."),
    ),
    FigureName.NO_SHOW_RATE: Definition(
        N_("No-show rate"), Unit.SHARE, N_("No-shows, of the bookings begun.")
    ),
    FigureName.EARLY_RATE: Definition(
        N_("Given back early"),
        Unit.SHARE,
        N_("Bookings that their people released as a whole before the end, of those that ended."),
    ),
    FigureName.OVERESTIMATE: Definition(
        N_("Overestimate of lengths"),
        Unit.SHARE,
        N_(
            "Of the bookings given back early: GPU-hours that were left, as a share of those "
            "held. 40 % means that 14 h were booked for 10 h of work."
        ),
    ),
    FigureName.EXTENSION_RATE: Definition(
        N_("Extended"),
        Unit.SHARE,
        N_("Bookings that were extended at least once, of those that ended."),
    ),
    FigureName.WISHES: Definition(
        N_("Wishes"), Unit.COUNT, N_("Entries that joined the waitlist, queue runs included.")
    ),
    FigureName.SERVED: Definition(
        N_("Wishes served"), Unit.COUNT, N_("Entries of the waitlist that became bookings.")
    ),
    FigureName.EXPIRED: Definition(
        N_("Wishes expired"),
        Unit.COUNT,
        N_("Entries that joined in the period and whose time passed unserved."),
    ),
    FigureName.OPEN: Definition(
        N_("Wishes open"), Unit.COUNT, N_("Entries that joined in the period and still wait.")
    ),
    FigureName.WAIT_MEDIAN: Definition(
        N_("Waiting time, median"),
        Unit.HOURS,
        N_("From joining the waitlist to the booking; half of those served had less."),
    ),
    FigureName.WAIT_P90: Definition(
        N_("Waiting time, 90th percentile"),
        Unit.HOURS,
        N_("From joining the waitlist to the booking; nine in ten of those served had less."),
    ),
    FigureName.REFUSALS: Definition(
        N_("Refusals"),
        Unit.COUNT,
        N_(
            "Requests refused because the GPUs were taken; the same person asking for the same "
            "again within an hour counts once."
        ),
    ),
    FigureName.REFUSED_HOURS: Definition(
        N_("Refused"), Unit.GPU_HOURS, N_("GPUs times length of the requests refused.")
    ),
    FigureName.YIELDED: Definition(
        N_("Preemptions suffered"),
        Unit.COUNT,
        N_("Bookings that gave way to urgent work, moved ones included; not what was called off."),
    ),
    FigureName.YIELDED_HOURS: Definition(
        N_("Given up for urgent work"),
        Unit.GPU_HOURS,
        N_("What was left of those bookings' time when the urgent work began, times their GPUs."),
    ),
    FigureName.TOOK: Definition(
        N_("Preemptions caused"),
        Unit.COUNT,
        N_("Bookings of anybody that gave way to urgent work of this team, or of the cluster."),
    ),
    FigureName.TOOK_HOURS: Definition(
        N_("Taken for urgent work"),
        Unit.GPU_HOURS,
        N_("What was left of the time of those that gave way, times their GPUs."),
    ),
}

#: What is short of each model and day of the week, which stands beside the figures.
SHORTAGE = "shortage"
SHORTAGE_MEANING = N_(
    "How many more GPUs were needed at the worst hour of the day, on at least half of these days: "
    "those held and those asked for in vain, beyond those in service. A request or wish counts as "
    "asked in vain as far as the same person booked nothing for that time afterwards."
)
