"""What is left of a holder's GPUs, compared with a recount of every second that matters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from recount import World, highest_overlap, second, unhurried, windows_of, worlds

from bot.domain.booking import Placement, Share
from bot.domain.calendar import Claim
from bot.domain.fates import left_over


@unhurried
@given(worlds(max_nodes=2), st.data())
def test_all_that_is_free_of_somebodys_gpus_is_kept_at_every_instant(
    world: World, data: st.DataObject
) -> None:
    node = data.draw(st.sampled_from(world.nodes))
    share = Share(node.name, data.draw(st.integers(1, node.gpus)))
    window = data.draw(windows_of(world))
    instead = data.draw(st.none() | st.builds(Placement, windows_of(world), st.just((share,))))
    has = [] if instead is None else [
        Claim(99, node.name, second(instead.window.start), second(instead.window.end), share.gpus)
    ]  # fmt: skip
    calendar = world.calendar.fork()
    for claim in has:
        calendar.add(claim)
    kept = left_over(calendar, [share], window, instead)
    taken = [claim for claim in (*world.claims, *has) if claim.node == node.name]
    pieces = [
        (second(p.window.start), second(p.window.end), s.gpus) for p in kept for s in p.shares
    ]
    cuts = {at for claim in taken for at in (claim.start, claim.end)}
    begin, end = second(window.start), second(window.end)
    for at in {begin, *(cut for cut in cuts if begin <= cut < end)}:
        free = max(0, node.gpus - highest_overlap(taken, at, at + 1))
        given_up = share.gpus if any(c.start <= at < c.end for c in has) else 0
        here = [gpus for start, until, gpus in pieces if start <= at < until]
        assert sum(here) == max(0, min(share.gpus - given_up, free))
        assert len(here) <= 1
    assert all(begin <= start < until <= end for start, until, _ in pieces)
