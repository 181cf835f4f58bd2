"""One life of gpubot: it starts, plays its part of the story, and ends or is killed.

Everything but the clock is the real thing; time goes from event to event.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from restart.killer import Killer
from restart.story import BEGIN, CLUSTER, END, STORY
from simulation.ahead import ahead
from simulation.books import Books
from simulation.watch import Watch

import bot.main
from bot.config.settings import Settings
from bot.domain.errors import BookingError
from bot.main import Bot
from bot.services.recover import note_alive

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


class StoryClock:
    """A clock that is set by the story."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


class Diary:
    """What the process wrote down of its life; what is written outlives it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch()

    def write(self, entry: dict[str, Any]) -> None:
        with self._path.open("a") as stream:
            stream.write(json.dumps(entry) + "\n")

    def read(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._path.read_text().splitlines()]


class _Errors(logging.Handler):
    """Notes every error that is logged: there should be none."""

    def __init__(self, diary: Diary) -> None:
        super().__init__(logging.ERROR)
        self._diary = diary

    def emit(self, record: logging.LogRecord) -> None:
        self._diary.write({"error": self.format(record)})


class Life:
    """gpubot from its start to its end."""

    def __init__(self, order: dict[str, Any]) -> None:
        folder = Path(order["folder"])
        self._diary = Diary(folder / "diary.jsonl")
        Killer(*order["kill"], self._diary.write).install()
        logging.getLogger().addHandler(_Errors(self._diary))
        self._clock = StoryClock(datetime.fromisoformat(order["now"]))
        # Pauses and leases are of the story's time as well.
        bot.main.SystemClock = lambda: self._clock
        self._first = order["step"]
        self._settings = Settings(
            bot_token=order["token"],
            signing_secret="not used here",
            slack_api_url=order["api"],
            database_url=order["database"],
            port=0,
        )

    def live(self) -> None:
        """Start, catch up with what is due, and play on to the end of the story."""
        self._bot = Bot(self._settings, CLUSTER, self._clock, pace=timedelta(0))
        self._books = Books(self._settings.database_url)
        self._watch = Watch(self._books, CLUSTER)
        self._watch.look(self._clock.at)
        self._bot.site.database.on_commit(self._look)
        self._bot._deliverer._render, self._render = self._show, self._bot._deliverer._render
        self._bot._refresh_profiles()
        self._stop_at(self._clock.at)
        for number in range(self._first, len(STORY)):
            step = STORY[number]
            self._pass_time(step.at)
            self._diary.write({"step": number})
            try:
                step.act(self._bot.site, self._clock.at)
            except BookingError as error:
                self._diary.write({"refused": f"{step.what}: {error}"})
            self._deliver()
        self._pass_time(END)

    def _pass_time(self, until: datetime) -> None:
        """Stop at every instant before `until` at which something is due."""
        while True:
            later = self._clock.at + 10 * MINUTE
            due = (
                at if at > self._clock.at else later
                for _, at, _ in ahead(self._books, self._clock.at, CLUSTER.policy)
            )
            at = min((*due, until))
            if at >= until:
                break
            self._stop_at(at)
        self._stop_at(max(until, self._clock.at + SECOND))

    def _stop_at(self, at: datetime) -> None:
        self._clock.at = at
        self._diary.write({"now": at.isoformat()})
        note_alive(self._bot.site, now=at)
        self._bot.run_ticks()
        self._deliver()

    def _deliver(self) -> None:
        while self._bot._deliverer.run_once():
            pass

    def _show(self, delivery: Any, now: datetime) -> Any:
        """Note what is about to be told, and when."""
        message = self._render(delivery, now)
        told = None if message is None else message.text
        self._diary.write({"told": told, "topic": delivery.topic, "subject": delivery.subject,
                           "to": delivery.recipient, "at": now.isoformat()})  # fmt: skip
        return message

    def _look(self) -> None:
        try:
            self._watch.look(self._clock.at)
        except AssertionError as failure:
            self._diary.write({"error": f"at {self._clock.at}: {failure}"})


def live(order: dict[str, Any]) -> None:
    """Live as ordered: a folder, a database, where Slack is, from when on, and when to die."""
    Life(order).live()


__all__ = ["BEGIN", "live"]
