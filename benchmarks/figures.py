"""What is measured, as figures: a value, what it should be, and what is possible at best."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value.

    `target` is the bound that it should keep, `floor` what plain Python with the bare driver took
    for the least that has to happen, in the same run; None: there is none.
    """

    group: str
    name: str
    value: float
    unit: str
    target: float | None = None
    floor: float | None = None
    #: More is better, as with requests a second.
    more: bool = False

    @property
    def ratio(self) -> float | None:
        """How many times the floor it is; for rates, how many times less than the floor."""
        if not self.floor or not self.value:
            return None
        return self.floor / self.value if self.more else self.value / self.floor

    @property
    def verdict(self) -> str:
        """Whether the target is met; "" without one."""
        if self.target is None:
            return ""
        met = self.value >= self.target if self.more else self.value <= self.target
        return "met" if met else "missed"


@dataclass(frozen=True, slots=True)
class Times:
    """How long repetitions took, in milliseconds."""

    all: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean."""
        return statistics.fmean(self.all)

    @property
    def p50(self) -> float:
        """The median."""
        return statistics.median(self.all)

    @property
    def p99(self) -> float:
        """What one in a hundred exceeds."""
        ordered = sorted(self.all)
        return ordered[min(int(len(ordered) * 0.99), len(ordered) - 1)]

    @property
    def least(self) -> float:
        """The fastest: the least disturbed by whatever else the machine does."""
        return min(self.all)


class Stopwatch:
    """How time is taken: by the clock on the wall, or by what this thread had of a processor.

    The second leaves out all waiting, also for the disk. It is for a machine that others use too.
    """

    read: Callable[[], float] = staticmethod(time.perf_counter)

    @classmethod
    def take_processor_time(cls) -> None:
        """Take processor time from now on."""
        cls.read = staticmethod(time.thread_time)


def timed(runs: Iterable[Callable[[], object]]) -> Times:
    """How long each of `runs` takes."""
    took = []
    for run in runs:
        began = Stopwatch.read()
        run()
        took.append((Stopwatch.read() - began) * 1000)
    return Times(tuple(took))


def repeated(run: Callable[[], object], times: int) -> Times:
    """How long `run` takes, again and again, after one try that does not count."""
    run()
    return timed([run] * times)


def table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table."""
    head = ("group", "what", "measured", "target", "floor", "times the floor", "verdict")
    rows = [head, *(_row(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [" | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, " | ".join("-" * width for width in widths))
    return "\n".join(f"| {line} |" for line in lines)


def _row(figure: Figure) -> tuple[str, ...]:
    bound = "≥" if figure.more else "≤"
    return (
        figure.group,
        figure.name,
        f"{_short(figure.value)} {figure.unit}",
        "" if figure.target is None else f"{bound} {_short(figure.target)} {figure.unit}",
        "" if figure.floor is None else f"{_short(figure.floor)} {figure.unit}",
        "" if figure.ratio is None else f"{figure.ratio:.1f}",
        figure.verdict,
    )


def _short(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def machine() -> str:
    """Where it was measured, and how busy that was."""
    load = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    model = _processor() or platform.machine()
    return f"{os.cpu_count()} × {model}, Python {platform.python_version()}, load {load}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "")


def as_json(figures: Sequence[Figure], where: str) -> str:
    """The figures as a JSON document."""
    rows = [{**asdict(one), "ratio": one.ratio, "verdict": one.verdict} for one in figures]
    return json.dumps({"machine": where, "figures": rows}, ensure_ascii=False, indent=2)
