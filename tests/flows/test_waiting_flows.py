"""From waiting to an accepted offer, over real HTTP and WebSocket."""

from __future__ import annotations

from people import ALICE, BOB, CHEN, VISION, Lab, button, captions

FAR = "in 240h"


def test_what_is_freed_is_offered_in_the_channel_and_directly_and_accepted_by_a_click(
    lab: Lab,
) -> None:
    label, _ = lab.books(ALICE, f"4 {FAR} 20h on gpu-07")
    refusal = lab.types(BOB, f"reserve 4 {FAR} 20h on gpu-07")
    assert lab.slack.click(BOB, refusal, **button(refusal, "Join waitlist")).ok
    lab.sees(lambda: any("You are on the waitlist" in m.text for m in lab.answers(BOB)))
    lab.types(ALICE, f"cancel {label}")

    def offers() -> list[object]:
        posts = lab.slack.messages(VISION, CHEN)
        return [m for m in posts if f"<@{BOB}>" in m.text and "free for you" in m.text]

    (public,) = lab.sees(offers)
    assert captions(public) == ["Accept", "Decline"]
    (direct,) = lab.sees(
        lambda: [m for m in lab.slack.direct_messages(BOB) if "free for you" in m.text]
    )
    before = lab.bookings()
    assert lab.slack.click(CHEN, public, **button(public, "Accept")).ok
    lab.sees(lambda: any("只有候补人" in m.text for m in lab.answers(CHEN)))
    assert lab.slack.click(BOB, direct, **button(direct, "Accept")).ok
    lab.sees(lambda: any("from the waitlist" in m.text for m in lab.slack.messages(VISION, CHEN)))
    lab.sees(lambda: any("You accepted" in text for text in lab.notices(BOB)))
    assert offers() == []
    assert lab.bookings() == before + 1


def test_the_form_to_wait_joins_and_shows_mistakes_at_their_field(lab_over_http: Lab) -> None:
    lab = lab_over_http
    form = lab.window(BOB, "wait")
    assert list(lab.slack.submit(BOB, form, {"length": "soon"}).errors) == ["length"]
    # More than is free all the week: it has to wait.
    lab.types(ALICE, "reserve 4 now 7d on gpu-07")
    start = int(lab.demo.clock.now().timestamp())
    fields = {"gpus": "4", "node": "=gpu-07", "length": "4h", "latest": start + 86_400}
    assert lab.slack.submit(BOB, form, fields).ok
    lab.sees(lambda: any("You are on the waitlist" in m.text for m in lab.answers(BOB)))
    assert "You wait for 1 thing" in lab.types(BOB, "waitlist").text
