"""Everything that can be wrong with what a person asks for, as data.

    BookingError
    ├── InputError            what was typed or chosen cannot be read or lies out of bounds
    │   ├── NotUnderstood     a word no rule knows
    │   ├── Missing           a part that the command needs was left out
    │   ├── Contradiction     two words that exclude one another
    │   ├── AmbiguousTime     a wall-clock time that occurs twice on a daylight-saving day
    │   ├── NonexistentTime   a wall-clock time that the clock skips
    │   ├── BadCount          a number of GPUs that no node or mixture of nodes has
    │   │   ├── NoNodes       any number, as long as no node is known
    │   │   ├── NeedsSpread   more than one model has, but not more than there are
    │   │   └── ReleaseCount  a number of GPUs to give back that a booking does not have
    │   ├── NotWholeNodes     more than one node's GPUs that do not fill whole nodes
    │   ├── BadLength         a length of zero or below
    │   ├── EndBeforeStart    an end that is not after its start
    │   ├── TooShort          less than a slot
    │   ├── TooLong           over the longest length for the priority
    │   ├── TooLongForQueue   a slot or more, where short work is queued
    │   ├── WindowTooSmall    less time between two instants than the length asked for
    │   ├── InThePast         a start that has passed
    │   ├── PastHorizon       a start beyond the planning horizon
    │   ├── UnknownName       a node, model, team or job that does not exist
    │   ├── BadJob            a job, or one of its parameters, that cannot run
    │   ├── TextTooLong       a purpose, reason or command over its bound
    │   └── ReasonNeeded      a change that the rules want a reason for
    ├── NotAllowed            the rule and who can lift it
    ├── QuotaExceeded         a quota and what would have been held
    ├── NotFound              no such booking, transfer or node
    ├── WrongState            the booking's state does not allow it
    └── Conflict              the GPUs are taken; see bot.domain.conflict

A message is a template and named fields. Templates are marked for translation; fields keep their
types (datetime, timedelta, int, str, UserId, …), so that each reader sees times in their own zone
and text that people typed is escaped. `str(error)` is plain English for logs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from bot.domain.notes import Note

if TYPE_CHECKING:
    from bot.domain.request import BookingRequest


def N_(message: str) -> str:  # noqa: N802 - the name that gettext's extractors know
    """Mark `message` for translation; it is translated where it is shown."""
    return message


class UserId(str):
    """A Slack user id; shown to people as a mention."""

    __slots__ = ()


class BookingError(Exception):
    """A request that cannot be done, for a reason the asker can act on."""

    #: Stable name for logs, tests and the API.
    code: ClassVar[str] = "booking_error"
    #: What the asker reads, with `{field}` places.
    template: ClassVar[str] = N_("That cannot be done.")
    #: Which field of a form it belongs to, where it belongs to one:
    #: gpus, model, node, start, length, earliest, latest, priority, team, purpose, command,
    #: reason, receiver, job.
    form_field: str | None = None

    def __init__(self, *, form_field: str | None = None, **fields: object) -> None:
        super().__init__(fields)
        self.fields = fields
        if form_field is not None:
            self.form_field = form_field

    def __str__(self) -> str:
        return self.template.format(**self.fields)


class InputError(BookingError):
    """What was typed or chosen cannot be read or lies out of bounds."""

    code = "bad_input"
    template = N_("That could not be read.")


class NotUnderstood(InputError):
    """Fields: `word` as typed, `example` of what to type."""

    code = "not_understood"
    template = N_("I did not understand “{word}”. Try: `{example}`")


class Missing(InputError):
    """Fields: `what` (a Note: the sentence that asks for it), `example` of what to type."""

    code = "missing"
    template = N_("{what} Try: `{example}`")


class Contradiction(InputError):
    """Fields: `first`, `second` (as typed), `example`."""

    code = "contradiction"
    template = N_("“{first}” and “{second}” exclude one another. Try: `{example}`")


class AmbiguousTime(InputError):
    """Fields: `phrase`, `first` and `second` (the two instants), `example`."""

    code = "ambiguous_time"
    form_field = "start"
    template = N_(
        "“{phrase}” happens twice because the clocks go back that day: did you mean {first} or "
        "{second}? Say which, for example: `{example}`"
    )


class NonexistentTime(InputError):
    """Fields: `phrase`, `before` and `after` (instants next to the gap), `example`."""

    code = "nonexistent_time"
    form_field = "start"
    template = N_(
        "“{phrase}” does not exist because the clocks go forward that day. "
        "Did you mean {after}? Try: `{example}`"
    )


class BadCount(InputError):
    """Fields: `gpus` asked, `highest` possible, `where` (the cluster, a node or a model)."""

    code = "bad_count"
    form_field = "gpus"
    template = N_("{gpus} GPUs cannot be booked on {where}: ask for 1 to {highest}.")


class NoNodes(BadCount):
    """Where nodes are read from Kubernetes, and none has been yet. Fields: as for BadCount."""

    code = "no_nodes"
    template = N_(
        "No node with GPUs is known yet, so there is nothing to book. Please tell an admin."
    )


class NeedsSpread(BadCount):
    """Fields: `gpus` asked, `highest` that one model has."""

    code = "needs_spread"
    template = N_(
        "{gpus} GPUs are more than the nodes of any one model have: ask for 1 to {highest}, or "
        "add `spread` to take {gpus} GPUs from any nodes."
    )


class ReleaseCount(BadCount):
    """Fields: `gpus` asked, `highest`: how many the booking has, `where`: its label."""

    code = "release_count"
    template = N_("{what}")

    def __init__(self, *, gpus: int, highest: int, where: str) -> None:
        template = _RELEASE.get(highest, N_("{where} has {highest} GPUs: release 1 to {highest}."))
        what = Note(template, {"where": where, "highest": highest})
        super().__init__(gpus=gpus, highest=highest, where=where, what=what)


_RELEASE = {
    1: N_("{where} has 1 GPU: release it with `/gpu release {where}`."),
    2: N_("{where} has 2 GPUs: release 1 or 2."),
}


class NotWholeNodes(InputError):
    """Fields: `gpus` asked, `node_size`, `lower` and `upper`: the nearest whole-node counts."""

    code = "not_whole_nodes"
    form_field = "gpus"
    template = N_(
        "{gpus} GPUs are more than one node has ({node_size}), and a booking over several nodes "
        "takes whole nodes: ask for {lower} or {upper}, or add `spread` to take {gpus} GPUs from "
        "any nodes."
    )


class BadLength(InputError):
    """Fields: `word` as typed, `example`."""

    code = "bad_length"
    form_field = "length"
    template = N_("“{word}” is not a length of time I can book. Try: `{example}`")


class EndBeforeStart(InputError):
    """Fields: `start`, `end` (instants as asked)."""

    code = "end_before_start"
    form_field = "length"
    template = N_("The end, {end}, is not after the start, {start}.")


class TooShort(InputError):
    """Fields: `length` asked, `slot`. Carries the request rounded up, for a button."""

    code = "too_short"
    form_field = "length"
    template = N_("Bookings are made of {slot} slots; {length} is less than one.")
    #: The same request with a length of one slot; None where more than the length is wrong.
    rounded: BookingRequest | None = None


class TooLong(InputError):
    """Fields: `length` asked, `longest`, `priority`."""

    code = "too_long"
    form_field = "length"
    template = N_("{length} is too long: a {priority} booking may last at most {longest}.")


class TooLongForQueue(InputError):
    """Fields: `length` asked, `slot`, `example` of a booking instead."""

    code = "too_long_for_queue"
    form_field = "length"
    template = N_(
        "{length} is too long to queue: queued work fills gaps of less than a slot ({slot}). "
        "Book it instead: `{example}`"
    )


class WindowTooSmall(InputError):
    """Fields: `length` asked, in whole slots, `window`: the time there is for it, `example`."""

    code = "window_too_small"
    form_field = "latest"
    template = N_(
        "That takes {length} in whole slots, but there is time for {window} only. Try: `{example}`"
    )


class InThePast(InputError):
    """Fields: `start` (or end) asked, `now`."""

    code = "in_the_past"
    form_field = "start"
    template = N_("{start} is in the past.")


class PastHorizon(InputError):
    """Fields: `start` (or end) asked, `horizon`, `latest` start that is possible."""

    code = "past_horizon"
    form_field = "start"
    template = N_("{start} is too far ahead: bookings start within {horizon}, until {latest}.")


class UnknownName(InputError):
    """Fields: `kind` ("node", "model", "team", "job"), `name` as typed, `known`, comma separated.

    `close` is what was probably meant; empty: nothing is like it.
    """

    code = "unknown_name"
    template = N_("{what}")

    def __init__(
        self, *, kind: str, name: str, known: str, close: str = "", form_field: str | None = None
    ) -> None:
        said = _MEANT if kind == "job" and close else _UNKNOWN[kind]
        what = Note(said, {"name": name, "known": known, "close": close})
        super().__init__(kind=kind, name=name, known=known, what=what, form_field=form_field)


_UNKNOWN = {
    "node": N_("There is no node called “{name}”. I know: {known}."),
    "model": N_("There is no model called “{name}”. I know: {known}."),
    "team": N_("There is no team called “{name}”. I know: {known}."),
    "job": N_("There is no job called “{name}”. I know: {known}."),
}
_MEANT = N_("There is no job called “{name}”: did you mean {close}? I know: {known}.")


class BadJob(InputError):
    """Fields: `what` (a Note: what is wrong with the job), `example` of what to type."""

    code = "bad_job"
    form_field = "job"
    template = N_("{what} Try: `{example}`")


class TextTooLong(InputError):
    """Fields: `what` ("purpose", "reason", "command"), `found` and `longest` in characters."""

    code = "text_too_long"
    template = N_("{said}")

    def __init__(
        self, *, what: str, found: int, longest: int, form_field: str | None = None
    ) -> None:
        said = Note(_TOO_LONG.get(what, _TEXT_TOO_LONG), {"found": found, "longest": longest})
        super().__init__(what=what, found=found, longest=longest, said=said, form_field=form_field)


_TEXT_TOO_LONG = N_("That text is {found} characters long; {longest} are allowed.")
_TOO_LONG = {
    "purpose": N_("The purpose is {found} characters long; {longest} are allowed."),
    "reason": N_("The reason is {found} characters long; {longest} are allowed."),
    "command": N_("The command is {found} characters long; {longest} are allowed."),
}


class ReasonNeeded(InputError):
    """Fields: `example`."""

    code = "reason_needed"
    form_field = "reason"
    template = N_("This concerns other people's work, so please say why. Try: `{example}`")


class NotAllowed(BookingError):
    """Fields: `rule` (a marked sentence), `who` can lift it (a marked sentence)."""

    code = "not_allowed"
    template = N_("{rule} {who}")


class QuotaExceeded(BookingError):
    """Fields: `whose`, `bound`, `would_hold`, `unit`; who can lift it: an admin."""

    code = "quota_exceeded"
    template = N_(
        "That would put {whose} at {would_hold} {unit}; the quota is {bound}. "
        "An admin can raise it."
    )


class NotFound(BookingError):
    """Fields: `what` as asked for."""

    code = "not_found"
    template = N_("There is no {what}. `/gpu mine` lists your bookings.")


class WrongState(BookingError):
    """Fields: `booking` label or node, `why`: the rest of the sentence that begins with it."""

    code = "wrong_state"
    template = N_("{booking} {why}")
