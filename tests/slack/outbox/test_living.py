"""Messages that show the present state of something: posted once, then edited."""

from __future__ import annotations

import builders
from mailing import Post


def test_a_living_message_is_edited_in_place(post: Post) -> None:
    post.write("C0VISION", "reserved", topic="card")
    post.deliver_all()
    post.write("C0VISION", "extended", topic="card")
    post.deliver_all()
    assert post.texts("C0VISION") == ["extended"]
    assert len(post.slack.calls("chat.postMessage")) == 1


def test_a_living_direct_message_is_edited_in_place(post: Post) -> None:
    post.write(builders.ALICE, "offered", topic="card")
    post.deliver_all()
    post.write(builders.ALICE, "accepted", topic="card")
    post.deliver_all()
    assert [m.text for m in post.slack.direct_messages(builders.ALICE)] == ["accepted"]


def test_an_edit_that_changes_nothing_is_not_sent(post: Post) -> None:
    post.write("C0VISION", "reserved", topic="card")
    post.deliver_all()
    post.write("C0VISION", "reserved", topic="card")
    post.deliver_all()
    assert post.slack.calls("chat.update") == []
    assert post.states() == ["sent", "sent"]


def test_a_living_message_that_was_deleted_is_posted_anew(post: Post) -> None:
    post.write("C0VISION", "reserved", topic="card")
    post.deliver_all()
    post.slack.faults.add(method="chat.update", kind="error", code="message_not_found", times=1)
    post.write("C0VISION", "extended", topic="card")
    post.deliver_all()
    post.write("C0VISION", "ended", topic="card")
    post.deliver_all()
    assert post.texts("C0VISION") == ["reserved", "ended"]


def test_cards_of_one_booking_that_wait_together_become_one_call(post: Post) -> None:
    for text in ("same", "same", "same"):
        post.write("C0VISION", text, topic="card")
    post.write("C0VISION", "other", topic="card", subject="booking:2")
    post.deliver_all()
    assert [call.arguments["text"] for call in post.slack.calls("chat.postMessage")] == [
        "same",
        "other",
    ]
    assert post.states() == ["sent"] * 4


def test_a_card_in_one_channel_does_not_do_for_another(post: Post) -> None:
    post.write("C0VISION", "card", topic="card")
    post.write("C0NLP", "card", topic="card")
    post.deliver_all()
    assert post.texts("C0VISION") == post.texts("C0NLP") == ["card"]


def test_what_happened_stands_in_the_thread_of_the_card(post: Post) -> None:
    post.write("C0VISION", "card", topic="card")
    post.write("C0VISION", "extended by 2 h", topic="event")
    post.deliver_all()
    card = post.slack.messages("C0VISION", builders.ALICE)[0]
    thread = post.slack.thread("C0VISION", card.ts)
    assert [message.text for message in thread] == ["card", "extended by 2 h"]


def test_an_event_without_a_card_is_posted_by_itself(post: Post) -> None:
    post.write("C0VISION", "extended by 2 h", topic="event")
    post.deliver_all()
    assert post.texts("C0VISION") == ["extended by 2 h"]
