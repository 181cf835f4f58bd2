"""A training from the words that book it to the log that is left of it, in the embedded Slack."""

from __future__ import annotations

from datetime import timedelta

import pytest
from people import BOB, Lab, button
from telling import direct, tells

MINUTE = timedelta(minutes=1)


@pytest.fixture
def lab(lab_over_http: Lab) -> Lab:
    return lab_over_http


def test_a_training_that_fails_says_why_and_runs_again_by_a_press(lab: Lab) -> None:
    label, _ = lab.books(BOB, "1 now 4h on gpu-03 job demo-train epochs=3 seconds=0 fail=2")
    tells(lab, label, "Its run failed", "loss is nan")
    failed = direct(lab, BOB, f"{label}*: its run failed")
    lab.slack.click(BOB, failed, **button(failed, "Run it again"))
    tells(lab, label, "had its job started again", "Its run failed")
