"""A Slack with two people, and an outbox that delivers to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import builders
import pytest
from mailing import Post, Wall
from patience import PATIENCE_S

from bot.sandbox import Sandbox, SandboxChannel, SandboxUser
from bot.services.site import Site

MANIFEST = Path(__file__).parents[3] / "manifest.yml"


@pytest.fixture
def slack() -> Iterator[Sandbox]:
    people = [builders.ALICE, builders.BOB]
    workspace = Sandbox(
        manifest=MANIFEST,
        users=[SandboxUser(user, user[2:].lower(), user[2:].title()) for user in people],
        channels=[
            SandboxChannel("C0VISION", "vision", members=people),
            SandboxChannel("C0NLP", "nlp", members=people),
            SandboxChannel("C0SECRET", "secret", members=people, private=True, bot_member=False),
        ],
        ack_timeout=PATIENCE_S,
    )
    with workspace.start():
        yield workspace


@pytest.fixture
def post(site: Site, slack: Sandbox) -> Post:
    return Post(site, slack, Wall())
