"""What the API takes: bodies and parameters, with every bound that needs no database.

Unknown fields are refused, so that a misspelt option is never silently the default.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Header
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, StrictStr
from pydantic import WithJsonSchema as Schema

from bot.domain.booking import parse_booking_id
from bot.domain.waitlist import parse_entry_id

#: Instants outside of these years are mistakes, and some cannot be turned into UTC.
FIRST_YEAR, LAST_YEAR = 2000, 2999
LONGEST_WORDS, LONGEST_NAME, LONGEST_TEXT, LONGEST_KEY = 1000, 100, 2000, 200
#: Numbers of rows are no larger than this.
LARGEST_ID = 2**31 - 1

_LOST_PLUS = re.compile(r"(?<=:\d\d) (?=\d\d:?\d\d$)")


def with_plus(text: str) -> str:
    """An instant with its `+`, which arrives as a space where a query did not encode it."""
    return _LOST_PLUS.sub("+", text)


def _instant(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError("give an instant as text, such as 2026-11-25T22:00+08:00")
    try:
        found = datetime.fromisoformat(with_plus(value))
    except ValueError:
        raise ValueError("give an instant such as 2026-11-25T22:00+08:00") from None
    if found.tzinfo is None:
        raise ValueError("say the offset from UTC as well, such as 2026-11-25T22:00+08:00")
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise ValueError(f"the year must lie between {FIRST_YEAR} and {LAST_YEAR}")
    return found.astimezone(UTC)


def _start(value: Any) -> datetime | None:
    return None if value in (None, "now") else _instant(value)


def _booking_id(value: Any) -> int:
    found = parse_booking_id(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("A booking is named by its number, such as B142.")
    return found


def _entry_id(value: Any) -> int:
    found = parse_entry_id(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("A wish is named by its number, such as W12.")
    return found


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


_ISO = {"type": "string", "format": "date-time", "examples": ["2026-11-25T22:00+08:00"]}

#: An instant: ISO 8601 with an offset; becomes aware UTC.
Instant = Annotated[datetime, BeforeValidator(_instant), Schema(_ISO)]
#: An instant, or now (None).
Start = Annotated[
    datetime | None,
    BeforeValidator(_start),
    Schema({"anyOf": [{"const": "now", "type": "string"}, _ISO]}),
]
BookingId = Annotated[
    int,
    BeforeValidator(_booking_id),
    Schema({"type": "string", "pattern": "^[Bb]?[0-9]{1,9}$", "examples": ["B142"]}),
]
EntryId = Annotated[
    int,
    BeforeValidator(_entry_id),
    Schema({"type": "string", "pattern": "^[Ww]?[0-9]{1,9}$", "examples": ["W12"]}),
]
Gpus = Annotated[StrictInt, Field(ge=1, le=1_000_000, examples=[4])]
Length = Annotated[
    StrictStr,
    Field(max_length=LONGEST_NAME, description="A length of time in words.", examples=["20h"]),
]
#: Control characters stand in no name, and not every database takes them in a query.
Name = Annotated[
    StrictStr, Field(min_length=1, max_length=LONGEST_NAME, pattern=r"^[^\x00-\x1f]+$")
]
Words = Annotated[StrictStr, Field(max_length=LONGEST_WORDS)]
FreeText = Annotated[StrictStr, Field(max_length=LONGEST_TEXT)]
PriorityName = Annotated[Literal["P0", "P1", "P2"], BeforeValidator(_upper)]

#: The header by which a request that is sent twice is done once.
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=LONGEST_KEY,
        description="Any text of your own, new for each request; send it again with a retry. "
        "Kept for 30 days.",
    ),
]


class Body(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid")


JobWords = Annotated[list[Annotated[StrictStr, Field(max_length=2000)]], Field(max_length=100)]
VariableName = Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
ShortText = Annotated[StrictStr, Field(max_length=300)]


class JobVolume(Body):
    """Data that a job finds at `mount`: exactly one of `claim`, `host` and `nfs`."""

    claim: Name | None = Field(default=None, description="A PersistentVolumeClaim's name.")
    host: ShortText | None = Field(default=None, description="A folder of the nodes.")
    nfs: ShortText | None = Field(default=None, description="As in `server:/data`.")
    mount: ShortText
    read_only: StrictBool = False


class JobBody(Body):
    """What a booking runs: a `template` with its `parameters`, or a job of your own."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"template": "yolo-train", "parameters": {"data": "coco.yaml"}}]
        }
    )

    template: Name | None = None
    parameters: Annotated[
        dict[Name, StrictStr | StrictBool | StrictInt | float], Field(max_length=50)
    ] = {}
    #: How many processes run together; left out: one a node.
    workers: Annotated[StrictInt, Field(ge=1, le=64)] | None = None
    image: ShortText = ""
    command: JobWords = []
    #: The words to use instead where `checkpoint` is there.
    resume: JobWords = []
    checkpoints: ShortText = ""
    checkpoint: ShortText = ""
    #: Environment variables; their values are never shown.
    env: Annotated[dict[VariableName, FreeText], Field(max_length=100)] = {}
    secrets: Annotated[
        dict[VariableName, ShortText],
        Field(max_length=100, description="Variables whose values are kept: `wandb/api-key`."),
    ] = {}
    volumes: Annotated[list[JobVolume], Field(max_length=20)] = []
    folder: ShortText = ""
    grace_s: Annotated[
        StrictInt, Field(ge=0, le=1800, description="Seconds that it has to end after SIGTERM.")
    ] = 30


class Wanted(Body):
    """Which GPUs, for whom and how urgently."""

    gpus: Gpus | None = None
    node: Name | None = None
    model: Name | None = None
    #: Any mixture of nodes will do.
    spread: StrictBool = False
    priority: PriorityName = "P2"
    #: Left out: as the priority has it.
    preemptible: StrictBool | None = None
    #: Left out: your only team, or the token's.
    team: Name | None = None
    purpose: FreeText = ""
    job: JobBody | Words | None = Field(
        default=None,
        description="What runs on it by itself; or the words for it: `yolo-train data=coco.yaml`.",
    )


class Order(Wanted):
    """A booking to make: `text` alone, or the other fields."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"text": '4 tomorrow 22:00 20h p1 on gpu-03 "yolo"'},
                {"gpus": 4, "start": "2026-11-25T22:00+08:00", "length": "20h", "model": "V100"},
            ]
        }
    )

    text: Words | None = Field(
        default=None, description="The words after `/gpu reserve`, read in your Slack time zone."
    )
    start: Start = Field(default=None, description="An instant, or “now”, the default.")
    length: Length | None = None
    end: Instant | None = Field(default=None, description="Instead of a length.")
    within: Length | None = Field(
        default=None,
        description="How much later it may start where it is not free at the time asked for; "
        "the first such start is taken. May stand beside `text`; not for several orders together.",
        examples=["2h"],
    )


class Orders(Body):
    """Bookings to make together: all of them, or none."""

    orders: Annotated[list[Order], Field(min_length=1, max_length=4)]


class Reason(Body):
    """Why; needed where the booking is somebody else's."""

    reason: FreeText = ""


class PutJob(JobBody):
    """Have a booking run a job."""

    reason: FreeText = ""


class Cancel(Reason):
    """Take a booking back before it starts."""


class Release(Reason):
    """Give GPUs of a running booking back."""

    gpus: Gpus | None = Field(default=None, description="Left out: all, which ends the booking.")


class Extend(Reason):
    """Make a booking longer."""

    length: Length


class Move(Reason):
    """Move a booking that has not started."""

    start: Start = Field(description="An instant, or “now”.")


class Wish(Wanted):
    """A wish for the waitlist: `text` alone, or the other fields."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"gpus": 4, "length": "20h", "by": "2026-11-27T18:00Z"}]}
    )

    text: Words | None = Field(
        default=None, description="The words after `/gpu wait`, read in your Slack time zone."
    )
    length: Length | None = None
    earliest: Start = Field(default=None, alias="from", description="Left out: from now on.")
    latest: Instant | None = Field(
        default=None, alias="by", description="The latest end. Left out: it starts within a week."
    )


class Decline(Body):
    """Turn an offer down."""

    leave: StrictBool = Field(default=False, description="Leave the waitlist as well.")
