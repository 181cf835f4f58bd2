"""The tables, as SQLModel classes: rows that do nothing.

Instants are aware UTC datetimes, except in `Claim`, which the calendar reads by the hundred
thousand: there they are whole epoch seconds. Lists and objects are JSON text.
"""

from bot.store.models.bookings import Booking, Claim, Preemption, Transfer
from bot.store.models.gpus import GpuAlert, GpuUse, GpuWatch
from bot.store.models.messages import Called, Outbox, Posted
from bot.store.models.nodes import Drain, Node
from bot.store.models.people import (
    DirectoryAddress,
    DirectoryMember,
    DirectorySource,
    Person,
    Token,
)
from bot.store.models.records import Audit, Memory, Receipt, TickClaim
from bot.store.models.runs import Run
from bot.store.models.waiting import Offer, Refusal, WaitlistEntry

__all__ = [
    "Audit",
    "Booking",
    "Called",
    "Claim",
    "DirectoryAddress",
    "DirectoryMember",
    "DirectorySource",
    "Drain",
    "GpuAlert",
    "GpuUse",
    "GpuWatch",
    "Memory",
    "Node",
    "Offer",
    "Outbox",
    "Person",
    "Posted",
    "Preemption",
    "Receipt",
    "Refusal",
    "Run",
    "TickClaim",
    "Token",
    "Transfer",
    "WaitlistEntry",
]
