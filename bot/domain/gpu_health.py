"""What a GPU's readings mean: which trouble it is in, and when that is over.

A trouble begins at a threshold and ends at a lower one, so that a value that sways around the
threshold opens no second alert. What is not known changes nothing: no reading is no health.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from bot.domain.booking import Booking
from bot.domain.errors import N_

#: How far a temperature (°C), and the share of the memory in use, fall before it is over.
COOLER, EMPTIER = 5.0, 0.05

#: XID errors (NVIDIA's "XID Errors" catalogue) after which the GPU, not the program, is in
#: trouble: memory and its rows, NVLink, off the bus, microcontroller, contained and other faults.
HARDWARE_XIDS = frozenset({
    46, 48, 61, 62, 63, 64, 74, 79, 92, 94, 95, 109, 119, 120, 121, 136, 140, 143, 149, 150, 154,
})  # fmt: skip
#: Those that say that the program reached for memory that it does not have.
MEMORY_XIDS = frozenset({13, 31})


class Kind(StrEnum):
    """What an alert is about."""

    TEMPERATURE = "temperature"
    MEMORY = "memory"
    XID = "xid"
    ECC = "ecc"
    #: GPUs work without a booking.
    UNBOOKED = "unbooked"
    #: A node that had metrics has none any more.
    SILENT = "silent"
    #: Prometheus gives no readings at all.
    OUTAGE = "outage"
    #: Whatever else Alertmanager tells of.
    OTHER = "other"


#: Those that are read from the GPUs themselves.
HEALTH = (Kind.TEMPERATURE, Kind.MEMORY, Kind.XID, Kind.ECC)


class Severity(StrEnum):
    """How bad it is."""

    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From when on a reading is trouble, or use; the file's table `[monitoring]` sets them."""

    #: °C.
    temperature: float = 88.0
    #: Share of the framebuffer in use.
    memory: float = 0.97
    #: Utilisation in per cent: below the first a GPU idles, from the second on it works.
    idle_below: float = 5.0
    active_above: float = 10.0
    #: How long GPUs may work without a booking before anybody is told.
    unbooked_after: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one GPU said at one instant; None: it said nothing (that can be true)."""

    node: str
    #: As DCGM numbers them, which is how the driver does.
    gpu: int
    #: Per cent.
    utilisation: float | None = None
    #: °C.
    temperature: float | None = None
    #: MiB of framebuffer.
    used_mib: float | None = None
    free_mib: float | None = None
    #: The number of the last XID error; 0: none.
    xid: int | None = None
    #: Double-bit errors since the driver was loaded.
    ecc: int | None = None
    #: Whether a memory row could not be remapped.
    remap_failed: bool | None = None
    #: What works on it, where the exporter knows.
    namespace: str = ""
    pod: str = ""
    hpc_job: str = ""
    #: Who works on it, where a label says so: a Slack user id or an e-mail address.
    user: str = ""

    @property
    def memory(self) -> float | None:
        """The share of its framebuffer in use, from 0 to 1."""
        if self.used_mib is None or self.free_mib is None:
            return None
        whole = self.used_mib + self.free_mib
        return self.used_mib / whole if whole > 0 else None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a reading says of one kind of trouble."""

    kind: Kind
    #: True: in trouble; False: certainly not; None: cannot be told, so nothing changes.
    trouble: bool | None
    value: float = 0.0


def findings(reading: Reading, thresholds: Thresholds) -> tuple[Finding, ...]:
    """What a reading says of every kind of trouble, in a fixed order."""
    memory, limit = reading.memory, thresholds.memory
    return (
        _above(Kind.TEMPERATURE, reading.temperature, thresholds.temperature, COOLER),
        _above(Kind.MEMORY, memory, limit, EMPTIER),
        _counted(Kind.XID, reading.xid),
        _ecc(reading),
    )


def _above(kind: Kind, value: float | None, threshold: float, margin: float) -> Finding:
    if value is None or threshold - margin < value < threshold:
        return Finding(kind, None, value or 0.0)
    return Finding(kind, value >= threshold, value)


def _counted(kind: Kind, number: int | None) -> Finding:
    return Finding(kind, None if number is None else number > 0, float(number or 0))


def _ecc(reading: Reading) -> Finding:
    if reading.remap_failed:
        return Finding(Kind.ECC, trouble=True, value=float(reading.ecc or 0))
    return _counted(Kind.ECC, reading.ecc)


def severity(kind: Kind, value: float) -> Severity:
    """How bad a trouble is."""
    if kind is Kind.ECC or (kind is Kind.XID and int(value) in HARDWARE_XIDS):
        return Severity.CRITICAL
    return Severity.WARNING


def clears_by_itself(kind: Kind, value: float) -> bool:
    """Whether a trouble is over some time after it happened, whatever the GPU still shows.

    DCGM shows the last XID error until the driver is loaded again; after a mistake of a program,
    which is over, nobody does that.
    """
    return kind is Kind.XID and int(value) not in HARDWARE_XIDS


def advice(kind: Kind, value: float) -> str:
    """What its owner and the operators may do about it; marked for translation."""
    if kind is Kind.XID:
        number = int(value)
        if number in HARDWARE_XIDS:
            return HARDWARE_XID
        return MEMORY_XID if number in MEMORY_XIDS else PROGRAM_XID
    return ADVICE[kind]


ADVICE = {
    Kind.TEMPERATURE: N_(
        "The GPU slows itself down when it is this hot. Operators: look at the fans, the air flow "
        "and what the neighbouring GPUs do. Owner: nothing is lost; save a checkpoint if it stays."
    ),
    Kind.MEMORY: N_(
        "The next allocation may end the run with “out of memory”. Use a smaller batch, gradient "
        "accumulation or checkpointing, and look for processes left over from an earlier run."
    ),
    Kind.ECC: N_(
        "Memory errors that cannot be corrected: what was computed may be wrong. Save a checkpoint "
        "of before, stop the run, and have the operators drain the node and reset the GPU."
    ),
}
HARDWARE_XID = N_(
    "This points to the GPU or its connection, not to the program. Save a checkpoint and stop the "
    "run; operators: drain the node, then reset the GPU or restart the node."
)
MEMORY_XID = N_(
    "Mostly the program reached for memory that it does not own. Look into its log; if several "
    "programs see this on the same GPU, the operators should test it."
)
PROGRAM_XID = N_(
    "Mostly a run that was stopped or crashed. Look into its log; if it happens again with other "
    "programs, the operators should test the GPU."
)


def concerned(bookings: Iterable[Booking], node: str, gpu: int) -> Booking | None:
    """The active booking that has that GPU; None: nobody's."""
    for booking in bookings:
        if any(name == node and gpu in ids for name, ids in booking.gpu_ids):
            return booking
    return None
