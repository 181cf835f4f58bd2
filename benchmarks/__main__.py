"""`python -m benchmarks [--quick] [--json FILE] [GROUP …]` measures and prints a table."""

from __future__ import annotations

import argparse
import compileall
import gc
import importlib
import tempfile
from pathlib import Path

import bot
from benchmarks.figures import Figure, Stopwatch, as_json, machine, table
from benchmarks.sites import Sites

#: Each a module with `measure(sites, quick=…)`, in the order in which they run.
GROUPS = (
    "search", "reserve", "postgresql", "http", "preemption", "waitlist", "ticks", "process",
    "calendar_data", "report", "replicas", "history",
)  # fmt: skip


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--quick", action="store_true", help="a tenth of the bookings and tries")
    parser.add_argument(
        "--processor-time",
        action="store_true",
        help="leave out waiting, also for the disk: for a machine that is not idle; http, "
        "process and replicas are timed by the clock all the same",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parsed = parser.parse_args()
    if unknown := set(parsed.groups) - set(GROUPS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(GROUPS)}")
    if parsed.processor_time:
        Stopwatch.take_processor_time()
    # Programs start with their modules compiled: pip does that when it installs them.
    compileall.compile_dir(Path(bot.__file__).parent, quiet=2)
    figures: list[Figure] = []
    where = machine()
    with tempfile.TemporaryDirectory(prefix="gpubot-benchmarks-") as folder:
        sites = Sites(Path(folder), quick=parsed.quick)
        for name in parsed.groups or GROUPS:
            group = importlib.import_module(f"benchmarks.{name}")
            gc.collect()
            figures += group.measure(sites, quick=parsed.quick)
            print(f"{name}: done", flush=True)
    print(f"\n{where} before, {machine()} after\n\n{table(figures)}")
    if parsed.json:
        parsed.json.write_text(as_json(figures, where) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
