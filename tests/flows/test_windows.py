"""What is pressed inside a window is told where the window came from."""

from __future__ import annotations

from people import ALICE, BOB, Lab, button


def test_booking_an_alternative_in_the_form_is_told_in_the_conversation(lab: Lab) -> None:
    lab.books(BOB, "4 now 20h on gpu-01")
    form = lab.window(ALICE, "reserve")
    lab.slack.submit(ALICE, form, {"gpus": "4", "node": "=gpu-01", "length": "4h"})
    taken = lab.sees(lambda: lab.slack.open_view(ALICE))
    assert "not free" in str(taken.blocks)
    before = lab.bookings()
    assert lab.slack.click(ALICE, taken, **button(taken, "Book 4 × V100")).ok
    lab.sees(lambda: any("Booked" in m.text for m in lab.answers(ALICE)))
    assert lab.bookings() == before + 1
    assert "Booked B" in str(lab.slack.open_view(ALICE).blocks)
