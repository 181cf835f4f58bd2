"""Records say by what means somebody did a thing."""

from __future__ import annotations

import pytest
from builders import BOB, NOW, request
from talk import Talk, words

from bot.domain.actor import Actor
from bot.services.cancel import cancel
from bot.services.reserve import reserve
from bot.services.site import Site


@pytest.mark.parametrize(
    ("via", "said"),
    [
        ("", "<@U0BOB> cancelled it"),
        ("page", "<@U0BOB> cancelled it (on the page)"),
        ("token:7 night run", "<@U0BOB> cancelled it (by the token night run)"),
        ("pipeline:7 train", "<@U0BOB> cancelled it (by the pipeline train)"),
        ("github lab/yolo#123", "<@U0BOB> cancelled it (by GitHub, lab/yolo#123)"),
        ("token:7 <!here>", "<@U0BOB> cancelled it (by the token &lt;!here&gt;)"),
    ],
)
def test_the_means_stands_behind_what_was_done(bob: Talk, site: Site, via: str, said: str) -> None:
    reserve(site, Actor(BOB), request(4), now=NOW)
    cancel(site, Actor(BOB, via), 1, reason="node needed", now=NOW)
    lines = words(bob.types("audit B1")).splitlines()
    assert lines[-1].endswith(f": {said}: “node needed”"), lines[-1]
