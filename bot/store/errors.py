"""What people are told when the database cannot be had."""

from __future__ import annotations

from bot.domain.errors import N_, BookingError


class Busy(BookingError):
    """Another writer kept the database too long; nothing was changed."""

    code = "busy"
    template = N_("I am very busy right now and changed nothing. Please try again in a moment.")


class Unreachable(Busy):
    """The database's server is away; nothing was changed."""

    template = N_(
        "I cannot reach my database right now and changed nothing. Please try again in a moment."
    )


class Uncertain(Unreachable):
    """The database's server went away during a commit, or could not be had after it."""

    code = "uncertain"
    template = N_(
        "I lost my database just while I was saving this. Please look with `/gpu mine` whether it"
        " was done, before you try again."
    )


class Full(Busy):
    """The database has no room left on its disk; nothing was changed."""

    template = N_(
        "My disk is full: I could not save this and changed nothing. Please tell an admin; I go on"
        " by myself as soon as there is room."
    )
