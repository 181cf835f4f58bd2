"""How fast the calendar page is in Chromium at 1,024 GPUs and 100,000 bookings.

`python -m benchmarks.calendar_page` fills a database in a temporary folder, serves it, and prints
the milliseconds from asking for the page to its first frame with real data, and of the frames
while it scrolls, pans and zooms. Run it on an idle machine.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import uvicorn
from playwright.sync_api import Page, sync_playwright

from benchmarks.laboratory import NOW, lab, opened
from benchmarks.workload import fill
from bot.web.app import build_web

LIVE = 100_000
#: What the mouse or keyboard would do, a bit in each frame, for two seconds.
MOVES = {
    "scroll": "document.getElementById('scroll').scrollTop += 45",
    "pan": "wheel({deltaX: frame % 120 < 60 ? 24 : -24})",
    "zoom": "wheel({deltaY: frame % 120 < 60 ? -9 : 9, ctrlKey: true})",
}
FRAMES = """
move => new Promise(done => {
  const board = document.getElementById('board');
  const wheel = options => document.getElementById('scroll').dispatchEvent(new WheelEvent('wheel', {
    bubbles: true, cancelable: true, clientX: 700, clientY: 400, ...options}));
  const act = new Function('wheel', 'frame', move);
  const times = [];
  let last = performance.now(), frame = 0;
  const step = at => {
    times.push(at - last);
    last = at;
    if (frame++ >= 120) return done(times.slice(1));
    act(wheel, frame);
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})
"""
DRAWN = """
() => new Promise(done => {
  const look = () => document.body?.dataset.loaded && document.querySelector('.lane .bar')
    ? requestAnimationFrame(() => done(performance.now())) : requestAnimationFrame(look);
  look();
})
"""


@contextmanager
def served() -> Iterator[str]:
    """The address of a large site that everybody may look at."""
    large = lab()
    public = replace(large, policy=replace(large.policy, public_calendar=True))
    with (
        tempfile.TemporaryDirectory() as folder,
        opened(Path(folder) / "large.db", public) as site,
    ):
        fill(site, LIVE)
        print(f"{LIVE:,} bookings on {large.gpus:,} GPUs")
        web = build_web(None, list, site, lambda: NOW)
        server = uvicorn.Server(uvicorn.Config(web, port=0, log_config=None))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        server.should_exit = True
        thread.join(5)


def report(name: str, times: list[float]) -> None:
    """One line about some times in milliseconds."""
    ordered = sorted(times)
    middle, late = statistics.median(ordered), ordered[int(len(ordered) * 0.95)]
    print(f"{name:>12}: median {middle:6.1f}, p95 {late:6.1f}, max {ordered[-1]:6.1f}")


def look(page: Page, address: str) -> None:
    """Open the page several times, then move about in it."""
    paints = []
    for _ in range(5):
        page.goto(f"{address}/?view=week&at=2026-11-23T00:00Z", wait_until="commit")
        paints.append(page.evaluate(DRAWN))
    report("paint", paints)
    page.wait_for_timeout(1500)
    print(f"{page.locator('.lane .bar').count()} bars are drawn")
    for view in ("week", "month", "day"):
        page.locator(f"[data-view={view}]").click()
        page.wait_for_timeout(1500)
        for name, move in MOVES.items():
            report(f"{view} {name}", page.evaluate(FRAMES, move))
            page.wait_for_timeout(700)


def main() -> None:
    """Serve, measure, print."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    with served() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        look(browser.new_page(viewport={"width": 1440, "height": 900}), address)
        browser.close()


if __name__ == "__main__":
    main()
