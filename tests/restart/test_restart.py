"""Killed at any point, gpubot goes on where it was: nothing is lost and nothing happens twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import ADMIN, ALICE, BOB, CHEN, DANA
from databases import empty_database
from patience import PATIENCE_S
from restart.ending import PROMISES, Ending
from restart.killer import KINDS
from restart.life import Diary
from restart.story import BEGIN, CLUSTER, END

from bot.sandbox import Sandbox, SandboxChannel, SandboxUser

TESTS = Path(__file__).parents[1]
PEOPLE = (ALICE, BOB, CHEN, DANA, ADMIN)

#: How long gpubot is away after each death, in seconds, and how much it gets done between two.
AWAY = {
    "at once": ((0, 1, 5, 40), 0.06),
    "minutes later": ((130, 600, 1500), 0.1),
    "hours later": ((2400, 7200, 18000, 30000), 0.1),
}
#: On which database: the next process begins at once by the real clock, whatever the story's
#: says, and finds what the one that died has left at the server; so one kind of pause is enough.
LIVES = [(when, "SQLite") for when in AWAY]
LIVES += [pytest.param("hours later", "PostgreSQL", marks=pytest.mark.postgresql)]
#: About how much of each kind happens in the whole story.
IN_ALL = {"write": 1400, "commit": 500, "committed": 500, "send": 170, "sent": 170}

Birth = Callable[[dict[str, Any]], int]


@pytest.fixture(scope="module")
def birth() -> Iterator[Birth]:
    """Gives life to a gpubot as ordered; returns how that life ended."""
    nursery = subprocess.Popen(
        [sys.executable, "-m", "restart.nursery"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])},
    )
    assert nursery.stdin is not None
    assert nursery.stdout is not None

    def give(order: dict[str, Any]) -> int:
        nursery.stdin.write(json.dumps(order) + "\n")
        nursery.stdin.flush()
        return int(nursery.stdout.readline())

    yield give
    nursery.stdin.close()
    nursery.stdout.close()
    nursery.wait(10)


@pytest.fixture
def slack() -> Iterator[Sandbox]:
    users = [SandboxUser(user, user[2:].lower(), user[2:].title()) for user in PEOPLE]
    names = [team.channel for team in CLUSTER.teams] + [CLUSTER.ops_channel]
    channels = [SandboxChannel(name, name[2:].lower(), members=PEOPLE) for name in names]
    manifest = TESTS.parent / "manifest.yml"
    made = Sandbox(manifest=manifest, users=users, channels=channels, ack_timeout=PATIENCE_S)
    with made as workspace:
        yield workspace


def live_on(diary: Diary, away: float) -> dict[str, Any]:
    """Where the next life begins: it repeats what was being done, which may have been done."""
    entries = diary.read()
    now = max((e["now"] for e in entries if "now" in e), default=BEGIN.isoformat())
    step = max((e["step"] for e in entries if "step" in e), default=0)
    died = datetime.fromisoformat(now)
    # The last steps may come after the end of the story; nobody is away until before they died.
    at = max(died, min(died + timedelta(seconds=away), END))
    return {"now": at.isoformat(), "step": step}


# What a life that was given up says in the end would be taken for the next one's.
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(int(os.environ.get("GPUBOT_DEATHS", "1"))))
@pytest.mark.parametrize(("when", "kind"), LIVES)
def test_whenever_it_is_killed_it_goes_on_without_losing_or_repeating_anything(
    when: str, kind: str, seed: int, birth: Birth, slack: Sandbox, tmp_path: Path
) -> None:
    with empty_database(kind, tmp_path) as url:
        check_life(url, when, seed, birth, slack, tmp_path)


def check_life(url: str, when: str, seed: int, birth: Birth, slack: Sandbox, folder: Path) -> None:
    rng, (pauses, part) = random.Random(f"{when} {seed}"), AWAY[when]
    diary = Diary(folder / "diary.jsonl")
    order = {"folder": str(folder), "database": url,
             "token": slack.bot_token, "api": slack.api_url}  # fmt: skip
    deaths = 0
    while True:
        pause = rng.choice(pauses) if deaths else 0
        kind = rng.choice(KINDS)
        kill = {"kill": [kind, rng.randint(1, round(IN_ALL[kind] * part))]}
        ended = birth(order | kill | live_on(diary, pause))
        if ended != -signal.SIGKILL:
            break
        deaths += 1
    ending = Ending(url, diary.read(), slack)
    try:
        assert ended == 0, f"after {deaths} deaths"
        ending.check()
        # Away for hours, it may have nothing of a kind to promise any more.
        assert when != "at once" or ending.promised == set(PROMISES)
    finally:
        ending.close()
    assert deaths > 4
