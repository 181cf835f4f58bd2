"""Handing a booking to somebody else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

#: How long a transfer waits for its receiver (design: part of "transfer").
TRANSFER_EXPIRES = timedelta(hours=24)


class TransferState(StrEnum):
    """What became of a transfer."""

    #: Waiting for the receiver.
    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    #: Taken back by the giver, or overtaken by another change of the booking.
    WITHDRAWN = "withdrawn"
    #: Nobody answered in time.
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Transfer:
    """An offer to hand `booking` from `giver` to `receiver`."""

    id: int
    booking: int
    giver: str
    receiver: str
    reason: str
    created_at: datetime
    expires_at: datetime
    state: TransferState

    def is_open(self, now: datetime) -> bool:
        """Whether the receiver can still answer."""
        return self.state is TransferState.OPEN and now < self.expires_at
