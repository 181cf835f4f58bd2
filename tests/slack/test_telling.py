"""What people and channels are told: names, drained nodes, transfers, and how things ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import builders
import pytest
from talk import Talk, captions, reader, words
from told import last, told

from bot.domain.actor import Person
from bot.domain.cluster import Node
from bot.sandbox.blocks import checked_view
from bot.services.look import get_booking
from bot.services.people import remember_person
from bot.services.site import Site
from bot.services.turn_over import turn_over
from bot.slack.context import FormErrors, Reply
from bot.slack.home import home_view

MENTION_OF_ALICE = f"<@{builders.ALICE}>"


@pytest.fixture
def chen(site: Site) -> Talk:
    """The lead of team nlp."""
    return Talk(site, builders.CHEN)


def known(site: Site, user: str, name: str) -> None:
    remember_person(site, Person(user, name, "UTC", "en-US", None, builders.NOW))


# Links, channels and mentions in what people type


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("<https://wandb.ai/run/1>", "https://wandb.ai/run/1"),
        ("<https://wandb.ai/?a=1&amp;b=2|wandb.ai>", "https://wandb.ai/?a=1&amp;b=2"),
        ("<mailto:a@example.org|a@example.org>", "a@example.org"),
        ("<#C0NLP|nlp> <#C0NLP|>", "#nlp #C0NLP"),
        ("<@U0BOB|bob> <@U0BOB>", "@bob @U0BOB"),
        ("<!here> <!channel|channel>", "@here @channel"),
        ("<!subteam^S012|@vision-leads>", "@vision-leads"),
        (
            "&lt;!channel&gt; &lt;b&gt;x&lt;/b&gt; a &lt; b",
            "@channel &lt;b&gt;x&lt;/b&gt; a &lt; b",
        ),
    ],
)
def test_what_slack_marks_in_a_purpose_is_shown_as_words_that_call_nobody(
    alice: Talk, site: Site, sent: str, shown: str
) -> None:
    known(site, builders.ALICE, "Alice Martin")
    reply = alice.types(f'reserve 4 tonight 8h "run {sent}"')
    assert f"“run {shown}”" in words(reply)
    card = last(site, alice, "card", "C0VISION")
    assert f"“run {shown}”" in words(card)
    for text in (card.text, words(card)):
        assert "<@" not in text
        assert "<!" not in text.replace("<!date^", "")
        assert "<#" not in text
        assert "<http" not in text


def test_a_link_in_a_reason_is_told_as_its_address(alice: Talk, admin: Talk, site: Site) -> None:
    alice.types("reserve 4 tonight 8h")
    admin.types("cancel B1 see <https://status.example.org|the page>")
    notice = last(site, alice, "notice", builders.ALICE)
    assert "“see https://status.example.org”" in notice.text


# People's names


def test_a_channel_is_told_names_where_they_are_known_and_calls_nobody(
    alice: Talk, bob: Talk, site: Site
) -> None:
    known(site, builders.ALICE, "Alice *Martin* <!here>")
    alice.types("reserve 4 tonight 8h")
    alice.types("extend B1 2h")
    assert "*B1* · *Alice ∗Martin∗ &lt;!here&gt;* ·" in words(last(site, alice, "card", "C0VISION"))
    event = last(site, alice, "event", "C0VISION")
    assert event.text.startswith("Alice ∗Martin∗ &lt;!here&gt; extended it by 2 h")
    bob.types("reserve 4 tomorrow 10:00 4h")
    assert f"*B2* · <@{builders.BOB}> ·" in words(last(site, bob, "card", "C0VISION"))
    assert MENTION_OF_ALICE not in "".join(
        m.text for _, r, m in told(site, bob) if m and r[0] == "C"
    )


def test_a_direct_message_mentions_people(alice: Talk, bob: Talk, site: Site) -> None:
    known(site, builders.ALICE, "Alice Martin")
    bob.types("reserve 4 tonight 8h")
    alice.types("cancel B1 the node is needed")
    assert MENTION_OF_ALICE in last(site, bob, "notice", builders.BOB).text
    assert "Alice Martin cancelled it" in last(site, bob, "card", "C0VISION").text


# Nodes out of service


def test_a_booking_on_a_drained_node_says_so_wherever_it_is_shown(
    alice: Talk, admin: Talk, site: Site
) -> None:
    alice.types("reserve 8 now 20h model A100")
    admin.types("node drain gpu-03 until tomorrow 18:00 new fans")
    home = home_view(site, reader(site, builders.ALICE), alice.now)
    checked_view(home, ("home",))
    card = last(site, alice, "card", "C0VISION")
    for shown in (home, card, alice.types("mine"), alice.types("show B1")):
        assert "· gpu-03 is out of service until <!date^" in words(shown)


def test_a_drain_that_ends_before_a_booking_starts_is_no_concern_of_it(
    alice: Talk, admin: Talk
) -> None:
    alice.types("reserve 8 tomorrow 20:00 8h model A100")
    admin.types("node drain gpu-03 until tomorrow 18:00 new fans")
    assert "out of service" not in words(alice.types("mine"))


def test_a_drain_without_an_end_is_said_without_one(alice: Talk, admin: Talk) -> None:
    alice.types("reserve 8 tomorrow 20:00 8h model A100")
    admin.types("node drain gpu-03 new fans")
    assert "· gpu-03 is out of service" in words(alice.types("mine"))
    assert "out of service until" not in words(alice.types("mine"))
    admin.types("node resume gpu-03")
    assert "out of service" not in words(alice.types("mine"))


# Transfers


def test_an_offer_to_another_team_says_where_the_booking_would_go(
    alice: Talk, bob: Talk, chen: Talk, site: Site
) -> None:
    alice.types("reserve 4 tonight 8h")
    said = alice.types(f"transfer B1 <@{builders.CHEN}>")
    moves = "Accepting it moves the booking from team vision to team nlp."
    assert f"It stays yours until they accept. {moves}" in words(said)
    assert moves in words(last(site, chen, "transfer", builders.CHEN))
    alice.types(f"transfer B1 <@{builders.BOB}>")
    assert "moves the booking" not in words(last(site, bob, "transfer", builders.BOB))


def test_an_accepted_offer_is_told_as_the_act_of_who_accepted(
    alice: Talk, chen: Talk, site: Site
) -> None:
    known(site, builders.CHEN, "Chen")
    known(site, builders.ALICE, "Alice")
    alice.types("reserve 4 tonight 8h")
    alice.types(f"transfer B1 <@{builders.CHEN}>")
    chen.acts(Reply("x"), "transfer_accept", "1")
    event = last(site, chen, "event", "C0NLP")
    assert event.text == "Chen accepted it from Alice; it belongs to team nlp now"


def test_a_withdrawn_offer_names_whom_it_was_made_to(alice: Talk, admin: Talk, site: Site) -> None:
    alice.types("reserve 4 tonight 8h")
    said = alice.types(f"transfer B1 <@{builders.BOB}>")
    done = alice.presses(said, "Withdraw the offer")
    assert done is not None
    assert "B1 stays yours" in words(done)
    assert f"withdrew the offer to hand it over to <@{builders.BOB}>" in words(alice.types("b1"))


def test_who_offers_somebody_elses_booking_reads_whose_it_stays(
    alice: Talk, bob: Talk, admin: Talk, site: Site
) -> None:
    bob.types("reserve 4 tonight 8h")
    alice.opens(f"transfer B1 <@{builders.CHEN}>")
    said = alice.submits(reason="a paper")
    assert isinstance(said, Reply)
    assert f"It stays with <@{builders.BOB}> until they accept" in words(said)
    Talk(site, builders.CHEN).acts(Reply("x"), "transfer_decline", "1")
    assert "It stays yours" in last(site, bob, "notice", builders.BOB).text
    assert "yours" not in last(site, alice, "notice", builders.ALICE).text


def test_ones_own_booking_cannot_be_offered_to_oneself(alice: Talk, bob: Talk) -> None:
    bob.types("reserve 4 tonight 8h")
    assert "B1 is yours already." in words(bob.types(f"transfer B1 <@{builders.BOB}>"))
    bob.opens("transfer B1")
    answer = bob.submits(receiver=builders.BOB)
    assert isinstance(answer, FormErrors)
    assert answer.errors == {"receiver": "B1 is yours already."}
    alice.opens(f"transfer B1 <@{builders.BOB}>")
    answer = alice.submits(reason="a paper")
    assert isinstance(answer, FormErrors)
    assert "it is theirs already" in answer.errors["receiver"]


def test_somebody_without_a_team_cannot_take_a_booking_over(alice: Talk) -> None:
    alice.types("reserve 4 tonight 8h")
    said = words(alice.types("transfer B1 <@U0GPUBOT>"))
    assert "<@U0GPUBOT> cannot take this booking: this person is not in any team" in said


# How bookings begin and end


def test_beginning_and_ending_stand_in_the_history(alice: Talk, site: Site) -> None:
    alice.types("reserve 4 now 2h")
    alice.now += timedelta(hours=4)
    turn_over(site, now=builders.NOW)
    turn_over(site, now=get_booking(site, 1).window.end)
    shown = words(alice.types("show B1"))
    assert ": It started\n" in shown
    assert shown.endswith(": It ended")


def test_the_card_says_how_a_booking_ended_whatever_became_of_its_open_offer(
    alice: Talk, site: Site
) -> None:
    alice.types("reserve 4 tonight 8h")
    alice.types(f"transfer B1 <@{builders.BOB}>")
    alice.types("cancel B1")
    cancelled = last(site, alice, "card", "C0VISION").text
    assert cancelled.endswith(f"~ · {MENTION_OF_ALICE} cancelled it")
    alice.types("reserve 2 now 4h")
    alice.types(f"transfer B2 <@{builders.BOB}>")
    alice.now += timedelta(hours=6)
    turn_over(site, now=builders.NOW)
    turn_over(site, now=alice.now)
    assert not get_booking(site, 2).state.is_live
    assert last(site, alice, "card", "C0VISION").text.endswith("~ · ended")


# Who has what


def test_status_names_booking_holder_gpus_end_and_priority(alice: Talk, chen: Talk) -> None:
    alice.types("reserve 3 now 8h on gpu-01 p1")
    chen.types("reserve 1 today 22:00 4h on gpu-01")
    text = words(alice.types("status"))
    assert f"`gpu-01 V100 ■■■□` B1 {MENTION_OF_ALICE} 3 GPUs until <!date^" in text
    assert f">, P1 · then B2 <@{builders.CHEN}> 1 GPU from <!date^" in text


def test_status_of_a_large_cluster_fits_into_a_message(open_site: object) -> None:
    nodes = tuple(Node(f"gpu-{n:03}", 8, "A100") for n in range(1, 129))
    site = open_site(builders.cluster(nodes=nodes))  # type: ignore[operator]
    alice = Talk(site)
    for n in range(1, 17):
        for gpus in (2, 2, 2, 2):
            alice.types(f"reserve {gpus} now 8h on gpu-{n:03}")
        alice.types(f"reserve 8 tomorrow 01:00 4h on gpu-{n:03}")
    text = words(alice.types("status"))
    assert text.count("and 1 more") == 16
    assert text.count("then B") == 16
    assert "…" not in text


def test_an_alternative_on_another_node_names_that_node_on_its_button(
    alice: Talk, site: Site
) -> None:
    alice.types("reserve 4 tonight 8h on gpu-01")
    offered = captions(alice.types("reserve 4 tonight 8h on gpu-01"))
    (caption,) = [caption for caption in offered if "gpu-02" in caption]
    assert caption.startswith("Book 4 × V100 on gpu-02 at Wed 25 Nov")
    assert not any("gpu-01" in caption for caption in offered)


def test_the_button_of_a_node_with_the_longest_name_still_fits(open_site: object) -> None:
    name = "gpu-" + "x" * 59
    nodes = (*builders.NODES[:1], replace(builders.NODES[1], name=name))
    alice = Talk(open_site(builders.cluster(nodes=nodes)))  # type: ignore[operator]
    alice.types("reserve 4 tonight 8h on gpu-01")
    offered = captions(alice.types("reserve 4 tonight 8h on gpu-01"))
    assert any("on gpu-xx" in caption for caption in offered)
    assert max(map(len, offered)) <= 75


def test_the_home_lists_what_runs_and_what_comes_next_in_the_team(alice: Talk, site: Site) -> None:
    alice.types("reserve 4 now 8h")
    alice.types("reserve 4 tomorrow 10:00 4h")
    text = words(home_view(site, reader(site, builders.ALICE), alice.now))
    assert text.index("Team vision: running and next") < text.rindex("*B1*") < text.rindex("*B2*")
