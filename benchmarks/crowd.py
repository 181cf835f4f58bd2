"""A few hundred people who book, cancel, wait and look, and remember what they were told."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from benchmarks.balancer import Answer, Balancer
from benchmarks.load import slash_command
from benchmarks.presses import Told, buttons, press, told_after

#: What people type, and how often.
VERBS, WEIGHTS = ("reserve", "extend", "cancel", "wait", "mine"), (55, 12, 12, 7, 14)
#: How many days ahead they book, from tomorrow on.
DAYS = 8
#: How many answers with buttons lead to a press, and how many presses Slack delivers twice, the
#: second time after others have acted.
PRESSED, DELIVERED_TWICE = 0.8, 0.4

BOOKED = re.compile(r"Booked\.\n\*B(\d+)\* (\d+) × .*? on (\S+), <!date\^(\d+)\^.*?<!date\^(\d+)\^")
EXTENDED = re.compile(r"B(\d+) is extended until <!date\^(\d+)\^.*\n\*B\d+\* .* on (\S+), ")
CANCELLED = re.compile(r"B(\d+) is cancelled\.")
WAITS = re.compile(r"You are on the waitlist\.\n\*W(\d+)\*")

#: What an answer says when nothing was done though it could have been.
NOT_DONE = {
    "busy": "I am very busy",
    "late": "I was too busy to begin this",
    "away": "I cannot reach my database",
}
#: Nobody knows whether it was done.
UNSURE = "I lost my database just while I was saving this"
BROKEN = "Something went wrong on my side"


@dataclass(slots=True)
class Held:
    """A booking as its owner was told that it is."""

    owner: str
    gpus: int
    node: str
    start: int
    end: int
    #: Its owner asked to have it cancelled, and was told that it is.
    cancelled: bool = False
    #: Ends that were asked for, and cancelling, without a clear answer.
    perhaps_until: set[int] = field(default_factory=set)
    perhaps_cancelled: bool = False


@dataclass(slots=True)
class Crowd:
    """Everybody, and what they were told."""

    balancer: Balancer
    people: Sequence[str]
    now: datetime
    #: Most seconds that somebody thinks before the next command.
    thinks_s: float = 0.0
    days: int = DAYS
    #: What people are told after they pressed a button; None: they press none.
    told: Told | None = None
    held: dict[int, Held] = field(default_factory=dict)
    waits: dict[int, str] = field(default_factory=dict)
    #: What came of the commands, by kind of answer.
    outcomes: Counter[str] = field(default_factory=Counter)
    #: Answers that should not have been: a status other than 200, or an incident.
    troubles: list[str] = field(default_factory=list)
    #: Seconds of each answered request, when it was answered, and how often it was sent.
    answers: list[tuple[float, float, int]] = field(default_factory=list)
    #: Nobody sends anything any more.
    over: bool = False

    async def live(self, seed: int) -> None:
        """Have everybody type one command after another until it is `over`."""
        seeds = (f"{seed} {user}" for user in self.people)
        dice = (random.Random(one) for one in seeds)  # noqa: S311 - no secret
        await asyncio.gather(*map(self._person, self.people, dice))

    async def until(self, more: int) -> None:
        """Wait for so many more answers."""
        wanted = len(self.answers) + more
        while len(self.answers) < wanted:
            await asyncio.sleep(0.01)

    async def _person(self, user: str, rng: random.Random) -> None:
        mine: list[int] = []
        await asyncio.sleep(rng.random() * self.thinks_s)
        while not self.over:
            await self._act(user, rng, mine)
            await asyncio.sleep(rng.random() * self.thinks_s)

    async def _act(self, user: str, rng: random.Random, mine: list[int]) -> None:
        (verb,) = rng.choices(VERBS, WEIGHTS)
        if verb in ("extend", "cancel") and not mine:
            verb = "reserve"
        booking = rng.choice(mine) if mine else 0
        match verb:
            case "reserve":
                at, length = self._some_time(rng), rng.choice(("2h", "4h", "8h", "12h"))
                text = f"reserve {rng.choice((1, 1, 2, 4))} {at} {length}"
            case "extend":
                text = f"extend B{booking} 2h"
            case "cancel":
                text = f"cancel B{booking}"
            case "wait":
                text = f"wait 8 4h from {self._some_time(rng)}"
            case _:
                text = "mine"
        answer = await self._send(text, slash_command(user, text))
        said = "" if answer is None else self._said(text, answer)
        self._note(user, verb, booking, mine, self._sure(answer, said))
        if said and answer is not None and self.told is not None and rng.random() < PRESSED:
            await self._press(user, rng, mine, answer.body)

    def _some_time(self, rng: random.Random) -> str:
        day = self.now + timedelta(days=1 + rng.randrange(self.days))
        return f"{day:%Y-%m-%d} {2 * rng.randrange(12):02}:00"

    async def _press(self, user: str, rng: random.Random, mine: list[int], body: str) -> None:
        """Press a button of an answer, if it has one that does something at once."""
        assert self.told is not None
        if not (found := buttons(body)):
            return
        pressed = rng.choice(found)
        before, request = len(self.told(user)), press(user, pressed)
        answer = await self._send(pressed.action, request)
        self._check_status(pressed.action, answer)
        said = await told_after(self.told, user, before)
        if rng.random() < DELIVERED_TWICE:
            await asyncio.sleep(rng.random() * self.thinks_s / 2)
            self._check_status(pressed.action, await self._send(pressed.action, request))
            await told_after(self.told, user, before + 1)
        said = self._sure(answer, said)
        if said:
            self.outcomes[f"pressed {pressed.kind}"] += 1
        self._note(user, "press", 0, mine, said)
        if pressed.kind == "extend_by" and not EXTENDED.search(said):
            number, seconds = pressed.value.split(":")
            kept = self.held[int(number)]
            kept.perhaps_until.add(kept.end + int(seconds))

    def _check_status(self, what: str, answer: Answer | None) -> None:
        if answer is not None and answer.status != 200:
            self.troubles.append(f"{what}: {answer.status} {answer.body[:500]}")

    async def _send(self, what: str, request: bytes) -> Answer | None:
        """What came back in the end."""
        try:
            answer = await self.balancer.send(request)
        except TimeoutError as error:
            self.troubles.append(f"{what}: {error}")
            return None
        self.answers.append((answer.took_s, time.monotonic(), answer.tries))
        return answer

    def _sure(self, answer: Answer | None, said: str) -> str:
        """What was said; "" where that is no answer to go by."""
        if BROKEN in said:
            self.troubles.append(said)
        # Whoever went away before it answered may have done it.
        is_sure = answer is not None and not (answer.tries > 1 and _not_done(said))
        return said if is_sure else ""

    def _said(self, text: str, answer: Answer) -> str:
        try:
            said = str(json.loads(answer.body)["text"])
        except (ValueError, KeyError):
            said = ""
        if answer.status != 200 or not said or BROKEN in said or "Traceback" in answer.body:
            self.troubles.append(f"{text}: {answer.status} {answer.body[:500]}")
            return ""
        return said

    def _note(self, user: str, verb: str, booking: int, mine: list[int], said: str) -> None:
        """Remember what was promised, and what may have been."""
        kept = self.held.get(booking)
        if not_done := _not_done(said):
            self.outcomes[not_done] += 1
        elif not said or said.startswith(UNSURE):
            self.outcomes["unsure"] += 1
            if kept is not None and verb == "extend":
                kept.perhaps_until.add(kept.end + 7200)
            elif kept is not None and verb == "cancel":
                kept.perhaps_cancelled = True
        elif found := BOOKED.search(said):
            self.outcomes["booked"] += 1
            number, gpus, node, start, end = found.groups()
            # Told a second time, it is as it was then; meanwhile it may have been changed.
            if int(number) not in self.held:
                self.held[int(number)] = Held(user, int(gpus), node, int(start), int(end))
                mine.append(int(number))
        elif found := EXTENDED.search(said):
            self.outcomes["extended"] += 1
            longer = self.held[int(found[1])]
            # A booking that has not begun may have to go to another node for it.
            longer.end, longer.node = int(found[2]), found[3]
        elif found := CANCELLED.search(said):
            self.outcomes["cancelled"] += 1
            self.held[int(found[1])].cancelled = True
            mine.remove(int(found[1]))
        elif found := WAITS.search(said):
            self.outcomes["waits"] += 1
            self.waits[int(found[1])] = user
        else:
            self.outcomes["looked" if verb == "mine" else "refused"] += 1


def _not_done(said: str) -> str:
    return next((kind for kind, words in NOT_DONE.items() if said.startswith(words)), "")
