"""A gpubot that has ended leaves nothing behind in its process."""

from __future__ import annotations

import threading

from builders import ALICE
from faulty import eventually, running

from bot.sandbox import Sandbox


def test_the_threads_that_answer_slack_end_with_it(slack: Sandbox, database_url: str) -> None:
    before = set(threading.enumerate())
    with running(slack, database_url) as lab:
        lab.types(ALICE, "help")
        answering = {one for one in threading.enumerate() if one.name.startswith("slack-")} - before
        assert answering
    eventually(lambda: not any(one.is_alive() for one in answering))
