"""Changing a wish on the waitlist, leaving it, and what its time running out does."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from bot.domain import policy
from bot.domain.actor import GPUBOT, Actor
from bot.domain.cluster import Cluster
from bot.domain.errors import N_, NotAllowed, WrongState
from bot.domain.job import JobOrder
from bot.domain.notes import Note
from bot.domain.wait_request import WaitRequest
from bot.domain.waitlist import (
    EntryState,
    Offer,
    OfferState,
    WaitlistEntry,
    entry_label,
    find_room,
)
from bot.domain.words import clean_text
from bot.services.change import Change
from bot.services.changing import changing
from bot.services.job_orders import check_own, checked
from bot.services.join_waitlist import FreeAlready, check_wish, span_of
from bot.services.site import Site
from bot.services.wait_rows import (
    load_entry,
    load_offer,
    record_entry,
    tell_entry,
    update_entry,
    update_offer,
)
from bot.store import queries, wait_queries


def change_entry(
    site: Site, actor: Actor, entry_id: int, request: WaitRequest, *, now: datetime
) -> WaitlistEntry:
    """Change a wish; it keeps its place. What was on offer for it is withdrawn.

    Raises FreeAlready when the changed wish can be had without waiting; it stays as it was then.
    """
    with changing(site, now) as change:
        entry = load_entry(change, entry_id)
        check_may_answer(change.cluster, actor, entry)
        _check_open(entry)
        team = check_wish(change.cluster, entry.owner, request, change.now)
        earliest, latest = span_of(change.cluster, request, change.now)
        asked: dict[str, Any] = {
            "team": team.name,
            "shape": request.shape,
            "length": request.length,
            "earliest": earliest,
            "latest": latest,
            "not_before": earliest,
            "priority": request.priority,
            "preemptible": request.preemptible,
            "purpose": request.purpose,
            "job": _job_of(change.cluster, actor, entry, request),
            "unanswered": 0,
        }
        # What is on offer for it is not free: it goes to whoever is first in line afterwards.
        wanted = replace(entry, **asked)
        if (found := find_room(change.calendar, wanted, now=change.now)) is not None:
            raise FreeAlready(found, request)
        entry = withdraw_offer(change, entry)
        after = update_entry(change, entry, **asked)
        record_entry(change, actor, "wait_changed", after, before=entry)
        return after


def _job_of(
    cluster: Cluster, actor: Actor, entry: WaitlistEntry, request: WaitRequest
) -> JobOrder | None:
    """The job that is asked for now; one of somebody's own, which no form shows, stays."""
    if request.job is not None:
        if request.job != entry.job:
            check_own(actor, entry.owner, request.job)
        return checked(cluster, request.job, request.shape)
    return entry.job if entry.job is not None and entry.job.own is not None else None


def leave_waitlist(
    site: Site, actor: Actor, entry_id: int, *, reason: str = "", now: datetime
) -> WaitlistEntry:
    """Take a wish off the list; leaving twice changes nothing."""
    with changing(site, now) as change:
        entry = load_entry(change, entry_id)
        check_may_answer(change.cluster, actor, entry)
        if entry.state is EntryState.LEFT:
            return entry
        _check_open(entry)
        entry = withdraw_offer(change, entry)
        reason = clean_text(reason, "reason", policy.LONGEST_REASON)
        return end_entry(change, actor, entry, EntryState.LEFT, reason)


def expire_entries(site: Site, *, now: datetime) -> int:
    """Close the wishes whose time has passed, with a word to their owners; return how many."""
    with changing(site, now) as change:
        past = wait_queries.waiting_in_vain(change.connection, change.now)
        for entry in past:
            after = end_entry(change, GPUBOT, entry, EntryState.EXPIRED)
            tell_entry(change, after)
        return len(past)


def entries_expire(_site: Site, connection: Connection, now: datetime) -> bool:
    """Whether there are such."""
    return bool(wait_queries.waiting_in_vain(connection, now))


def end_entry(
    change: Change, actor: Actor, entry: WaitlistEntry, state: EntryState, reason: str = ""
) -> WaitlistEntry:
    """Close a wish, with its record."""
    action = "wait_left" if state is EntryState.LEFT else "wait_expired"
    after = update_entry(change, entry, state=state)
    record_entry(change, actor, action, after, before=entry, reason=reason)
    return after


def withdraw_offer(change: Change, entry: WaitlistEntry) -> WaitlistEntry:
    """Give back what is on offer for the wish, if anything is; return the wish, which waits on."""
    offer = wait_queries.open_offer(change.connection, entry.id)
    if offer is None:
        return entry
    change.give_back("offer", offer.id)
    update_offer(change, offer, state=OfferState.WITHDRAWN)
    waiting = update_entry(change, entry, state=EntryState.WAITING)
    record_entry(change, GPUBOT, "offer_withdrawn", waiting, before=entry)
    return waiting


def withdraw_offers_on(change: Change, node: str, start_s: int, end_s: int) -> None:
    """Take back what is on offer on a node that goes out of service; the wishes wait on."""
    claims = queries.claims_overlapping(change.connection, [node], start_s, end_s)
    for offer_id in sorted({claim.holder for claim in claims if claim.kind == "offer"}):
        entry = load_entry(change, load_offer(change, offer_id).entry)
        withdraw_offer(change, entry)


def check_may_answer(cluster: Cluster, actor: Actor, wish: WaitlistEntry | Offer) -> None:
    """Raise NotAllowed unless `actor` is the owner, a lead of the team, or an admin."""
    team = cluster.team(wish.team)
    leads = team.leads if team is not None else frozenset()
    if actor.name == wish.owner or actor.name in leads or cluster.is_admin(actor.name):
        return
    able = {wish.owner, *leads, *cluster.admins}
    raise NotAllowed(
        rule=Note(N_("Only its owner, the team's leads and admins may answer for this wish.")),
        who=Note(N_("Ask {people}."), {"people": policy.mentions(able)}),
    )


def _check_open(entry: WaitlistEntry) -> None:
    whys = {
        EntryState.BOOKED: N_("has been served already."),
        EntryState.LEFT: N_("is not on the waitlist any more."),
        EntryState.EXPIRED: N_("has run out of time and is not on the waitlist any more."),
    }
    if entry.state in whys:
        raise WrongState(booking=entry_label(entry.id), why=Note(whys[entry.state]))
