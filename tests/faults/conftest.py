"""A Slack workspace, and a gpubot in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from faulty import Lab, running, workspace

from bot.sandbox import Sandbox


@pytest.fixture
def slack() -> Iterator[Sandbox]:
    with workspace().start() as started:
        yield started


@pytest.fixture
def lab(slack: Sandbox, database_url: str) -> Iterator[Lab]:
    """On both databases, with the machine's clock."""
    with running(slack, database_url) as started:
        yield started
