"""Bookings, shapes and people in a reader's words: the parts that sentences are made of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.domain import policy
from bot.domain.booking import Booking, BookingState, Placement, Shape, Share, booking_label
from bot.domain.cluster import Cluster
from bot.domain.drain import Drain
from bot.domain.errors import N_, UserId
from bot.domain.job import JobOrder
from bot.domain.job_shown import job_name, job_parameters
from bot.domain.preemption_notice import Preemption, PreemptionState
from bot.domain.transfer import Transfer
from bot.domain.window import Window
from bot.services.site import Site
from bot.slack.reader import Mrkdwn, Reader
from bot.slack.wording import cut

#: More nodes than this are named as "gpu-01 … gpu-16".
NAMED_NODES = 3
#: A purpose is cut to this many characters in lists and cards; `show` has it whole.
SHOWN_PURPOSE = 120

_USER_ID = re.compile(r"[UW][A-Z0-9]{1,20}")


def person(reader: Reader, user: str) -> UserId | Mrkdwn:
    """Somebody: a mention, or in a channel their name, because a mention there calls them."""
    name = user if reader.user else reader.name_of(user)
    return UserId(user) if name == user else reader.text("{name}", name=name)


def person_in_bold(reader: Reader, user: str) -> Mrkdwn:
    """Like `person`, with the name in bold."""
    shown = person(reader, user)
    return Mrkdwn(f"*{shown}*") if isinstance(shown, Mrkdwn) else reader.text("{user}", user=shown)


def actor_name(reader: Reader, name: str) -> object:
    """Who did something: a person, an API token's name, or gpubot."""
    if name.startswith("token:"):
        return reader.plain(N_("the API token {name}"), name=name.removeprefix("token:"))
    return person(reader, name) if _USER_ID.fullmatch(name) else name


def label(booking: Booking) -> str:
    """The booking's id as people say it."""
    return booking_label(booking.id)


def gpus(cluster: Cluster, shares: Sequence[Share]) -> str:
    """As in "4 × V100", "2 × V100 + 4 × A100"; plain text."""
    return cluster.models_of(shares)


def nodes(reader: Reader, shares: Sequence[Share]) -> str:
    """As in "gpu-01", "gpu-01, gpu-02", or "gpu-01 … gpu-16 (16 nodes)"; plain text."""
    names = [share.node for share in shares]
    if len(names) <= NAMED_NODES:
        return ", ".join(names)
    return reader.plain(
        N_("{first} … {last} ({n} nodes)"), first=names[0], last=names[-1], n=len(names)
    )


def where(reader: Reader, booking: Booking) -> str:
    """Its nodes, and which of their GPUs once that is settled: "gpu-03 (GPUs 0–3)"; plain text."""
    settled = booking.gpu_ids
    if not settled or not booking.state.is_live or len(settled) > NAMED_NODES:
        return nodes(reader, booking.shares)
    return ", ".join(
        reader.many_plain("{node} (GPU {ids})", "{node} (GPUs {ids})", len(ids), node=node,
                          ids=ranges(ids))
        for node, ids in settled
    )  # fmt: skip


def ranges(ids: Sequence[int]) -> str:
    """Numbers in order, as in "0–3" or "0, 2–3"."""
    runs: list[tuple[int, int]] = []
    for number in sorted(ids):
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return ", ".join(f"{a}" if a == b else f"{a}–{b}" for a, b in runs)


def promised(booking: Booking) -> Window:
    """Its window without the overrun, which is no promise."""
    window, end = booking.window, booking.overrun_from
    return window if end is None or end >= window.end else Window(window.start, end)


def held(reader: Reader, cluster: Cluster, shares: Sequence[Share]) -> str:
    """As in "4 × V100 on gpu-01"; plain text."""
    what, where = gpus(cluster, shares), nodes(reader, shares)
    return reader.plain(N_("{what} on {where}"), what=what, where=where)


def shape(reader: Reader, asked: Shape) -> str:
    """What is asked for: "4 × A100", "4 GPUs on gpu-01", "16 GPUs on any nodes"; plain text."""
    if asked.model is not None:
        what = f"{asked.gpus} × {asked.model}"
    else:
        what = reader.many_plain("{n} GPU", "{n} GPUs", asked.gpus)
    if asked.node is not None:
        return reader.plain(N_("{what} on {where}"), what=what, where=asked.node)
    return reader.plain(N_("{what} on any nodes"), what=what) if asked.spread else what


def kind(reader: Reader, booking: Booking) -> Mrkdwn:
    """As in "P2 · preemptible"."""
    priority = booking.priority.name
    if booking.preemptible:
        return reader.text(N_("{priority} · preemptible"), priority=priority)
    return reader.text(N_("{priority} · firm"), priority=priority)


def purpose(reader: Reader, text: str, longest: int = SHOWN_PURPOSE) -> Mrkdwn:
    """The purpose in quotes, cut for display; empty when there is none."""
    return reader.text(N_("“{text}”"), text=cut(text, longest)) if text else Mrkdwn("")


def job(reader: Reader, order: JobOrder | None) -> Mrkdwn:
    """As in "runs *yolo-train* (data=coco.yaml)"; empty when nothing runs by itself."""
    if order is None:
        return Mrkdwn("")
    if order.own is not None:
        return reader.text(N_("runs `{command}`"), command=job_name(order))
    said = job_parameters(order)
    if not said:
        return reader.text(N_("runs *{name}*"), name=job_name(order))
    return reader.text(N_("runs *{name}* ({parameters})"), name=job_name(order), parameters=said)


def because(reader: Reader, reason: str) -> Mrkdwn:
    """As in ": reason" to follow a sentence; nothing when no reason was given."""
    return reader.text(N_(": “{reason}”"), reason=reason) if reason else Mrkdwn("")


def because_of_drain(reader: Reader, drain: Drain) -> Mrkdwn:
    """Why a node is out of service, to follow a sentence."""
    return because(reader, drain.reason_in(reader.plain))


def state(
    reader: Reader, booking: Booking, now: datetime, preemption: Preemption | None = None
) -> Mrkdwn:
    """Where the booking is in its life, in a few words; `preemption` is its latest as preemptee."""
    if booking.is_upcoming(now):
        return reader.text(N_("reserved"))
    if booking.is_running(now):
        return _running(reader, booking, now, preemption)
    return reader.text(ENDS.get(booking.state, N_("ended")))


def _running(
    reader: Reader, booking: Booking, now: datetime, preemption: Preemption | None
) -> Mrkdwn:
    if preemption is not None and preemption.state is PreemptionState.WARNED:
        at = reader.clock(preemption.reclaim_at, now)
        return reader.text(N_("being reclaimed at {at} for urgent work"), at=at)
    if booking.overrun_from is not None and booking.overrun_from <= now:
        end = reader.clock(booking.window.end, now)
        return reader.text(
            N_("running over, until {end} at most, while nobody needs its GPUs"), end=end
        )
    return reader.text(N_("running"))


#: How a booking that holds nothing any more came to its end.
ENDS = {
    BookingState.CANCELLED: N_("cancelled"),
    BookingState.PREEMPTED: N_("preempted"),
    BookingState.NO_SHOW: N_("released because nobody used it"),
}


def out_of_service(
    reader: Reader, booking: Booking, drains: Mapping[str, Drain], now: datetime
) -> Mrkdwn:
    """Which of the booking's nodes are drained in what is left of its window; empty for none."""
    if not drains or booking.is_over(now):
        return Mrkdwn("")
    start, end = max(booking.window.start, now), booking.window.end
    found = [drains[node] for node in booking.nodes if node in drains]
    found = [d for d in found if d.start < end and (d.end is None or d.end > start)]
    parts = [_out_of_service(reader, drain) for drain in found]
    more = len(parts) - NAMED_NODES
    if more > 0:
        parts[NAMED_NODES:] = [reader.text(N_("and {n} more"), n=more)]
    return joined(*parts)


def _out_of_service(reader: Reader, drain: Drain) -> Mrkdwn:
    if drain.end is None:
        return reader.text(N_("{node} is out of service"), node=drain.node)
    return reader.text(N_("{node} is out of service until {end}"), node=drain.node, end=drain.end)


def stays(reader: Reader, owner: str) -> Mrkdwn:
    """Whose a booking is while nobody has taken it over."""
    if owner == reader.user:
        return reader.text(N_("stays yours"))
    return reader.text(N_("stays with {owner}"), owner=UserId(owner))


def other_team(reader: Reader, cluster: Cluster, booking: Booking, transfer: Transfer) -> Mrkdwn:
    """What accepting the transfer would do to the booking's team; empty when it keeps it."""
    team_name = policy.team_after(cluster, booking, transfer.receiver)
    if team_name == booking.team:
        return Mrkdwn("")
    return reader.text(
        N_("Accepting it moves the booking from team {old} to team {new}."),
        old=booking.team,
        new=team_name,
    )


def line(reader: Reader, cluster: Cluster, booking: Booking) -> Mrkdwn:
    """A booking in one line: id, GPUs, node, window."""
    return line_of(reader, booking, gpus(cluster, booking.shares))


def line_of(reader: Reader, booking: Booking, what: str) -> Mrkdwn:
    """The same for GPUs that are told already, as `gpus` tells them."""
    return reader.text(
        N_("*{label}* {held}, {window}"),
        label=label(booking),
        held=reader.plain(N_("{what} on {where}"), what=what, where=where(reader, booking)),
        window=promised(booking),
    )


def placement(reader: Reader, cluster: Cluster, found: Placement) -> Mrkdwn:
    """A window that fits, in one line."""
    return reader.text(
        N_("{held}, {window}"), held=held(reader, cluster, found.shares), window=found.window
    )


def book_caption(reader: Reader, what: str, start: datetime, now: datetime) -> str:
    """A button's text that says what it books: "Book 4 × V100 at Fri 27 Nov 18:00"."""
    if start <= now:
        return reader.plain(N_("Book {what} now"), what=what)
    return reader.plain(N_("Book {what} at {start}"), what=what, start=start)


def joined(*parts: str) -> Mrkdwn:
    """Parts of a line that are already mrkdwn, with dots between; empty ones are left out."""
    return Mrkdwn(" · ".join(filter(None, parts)))


def team(reader: Reader, name: str) -> Mrkdwn:
    """As in "team vision"."""
    return reader.text(N_("team {team}"), team=name)


def link_note(reader: Reader, site: Site) -> Mrkdwn:
    """What a link to a page does besides leading there; empty where one signs in with Slack."""
    if site.open_id:
        return Mrkdwn("")
    return reader.text(N_("The link signs you in, for one day: keep it to yourself."))


def unknown_zone(reader: Reader) -> Mrkdwn:
    """Why times are in the cluster's zone."""
    if reader.unknown_zone:
        return reader.text(
            N_(
                "Times are read and shown in {zone}, because I do not know {theirs}, the time zone "
                "in your profile."
            ),
            zone=reader.zone_name,
            theirs=reader.unknown_zone,
        )
    return reader.text(
        N_("Times are read and shown in {zone}, because I cannot read your profile."),
        zone=reader.zone_name,
    )
