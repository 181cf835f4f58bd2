"""What directories said, kept: who gets and loses rights by it, and what stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import time, timedelta
from typing import Any

import builders
import pytest
from builders import ALICE, BOB, CHEN, DANA, NOW, STRANGER
from wanting import wish

from bot.domain.actor import Person
from bot.domain.cluster import Cluster, Node
from bot.domain.errors import NotAllowed
from bot.domain.membership import Configured, Grant, Group, Member, Role, Source
from bot.domain.waitlist import EntryState
from bot.services import directory, look, people
from bot.services.cancel import cancel
from bot.services.extend import extend
from bot.services.join_waitlist import join_waitlist
from bot.services.look_waiting import get_entry
from bot.services.move import move
from bot.services.reserve import reserve
from bot.services.site import Site
from bot.store import models, queries

LDAP, GROUPS = Source.LDAP, Source.USERGROUPS
HOUR = timedelta(hours=1)
GRANTS = (
    Grant(LDAP, "cn=vision", Role.MEMBER, "vision"),
    Grant(LDAP, "cn=nlp", Role.MEMBER, "nlp"),
    Grant(LDAP, "cn=urgent", Role.URGENT),
    Grant(GROUPS, "S0NLP", Role.MEMBER, "nlp"),
)
ZOE, YAN = "U0ZOE", "U0YAN"


@pytest.fixture
def configured(site: Site) -> Configured:
    return Configured(site.cluster, GRANTS)


def in_ldap(name: str, *users: str) -> Group:
    """A group of people whose addresses are made of their ids."""
    return Group(name, tuple(Member(f"uid={user}", user, (address(user),)) for user in users))


def address(user: str) -> str:
    return f"{user.lower()}@lab.example"


def read(site: Site, configured: Configured, *groups: Group, now: Any = NOW) -> None:
    directory.keep_reading(site, configured, LDAP, groups, now=now)


def match(site: Site, configured: Configured, *users: str, now: Any = NOW) -> None:
    directory.keep_users(site, configured, {address(u): u for u in users}, now=now)


def teams_of(site: Site, user: str) -> list[str]:
    return [team.name for team in site.cluster.teams_of(user)]


def outbox(site: Site, topic: str) -> list[Any]:
    with site.database.snapshot() as connection:
        rows = connection.execute(queries.columns(models.Outbox)).all()
    return [row for row in rows if row.topic == topic]


def audited(site: Site, *actions: str) -> list[tuple[str, Any]]:
    records = look.history(site, limit=100)
    return [(record.action, record.after) for record in records if record.action in actions]


def test_people_get_their_rights_once_it_is_known_who_they_are_in_slack(
    site: Site, configured: Configured
) -> None:
    read(site, configured, in_ldap("cn=vision", ZOE), in_ldap("cn=urgent", ZOE))
    assert teams_of(site, ZOE) == []
    assert directory.addresses_to_ask(site, now=NOW, limit=9) == (address(ZOE),)
    match(site, configured, ZOE)
    assert teams_of(site, ZOE) == ["vision"]
    assert ZOE in site.cluster.urgent
    reserve(site, builders.actor(ZOE), builders.request(), now=NOW)


def test_whose_address_is_known_from_their_profile_need_not_be_asked_for(
    site: Site, configured: Configured
) -> None:
    for user, mail in ((ZOE, address(ZOE).upper()), (YAN, "same@lab"), (STRANGER, "same@lab")):
        people.remember_person(site, Person(user, user, "UTC", "en-US", mail, NOW))
    twins = Group("cn=nlp", (Member("uid=twin", "Twin", ("same@lab",)),))
    read(site, configured, in_ldap("cn=vision", ZOE), twins)
    assert teams_of(site, ZOE) == ["vision"]
    assert (teams_of(site, YAN), teams_of(site, STRANGER)) == ([], [])
    assert directory.addresses_to_ask(site, now=NOW, limit=9) == ("same@lab",)


def test_user_groups_need_no_addresses(site: Site, configured: Configured) -> None:
    groups = [Group("S0NLP", (Member(ZOE), Member(BOB)))]
    directory.keep_reading(site, configured, GROUPS, groups, now=NOW)
    assert teams_of(site, ZOE) == ["nlp"]
    assert teams_of(site, BOB) == ["vision", "nlp"]
    assert directory.addresses_to_ask(site, now=NOW, limit=9) == ()


def test_an_address_is_asked_about_again_after_a_day_or_when_unknown_after_some_hours(
    site: Site, configured: Configured
) -> None:
    read(site, configured, in_ldap("cn=vision", ZOE, YAN))
    found = {address(ZOE): ZOE, address(YAN): None}
    directory.keep_users(site, configured, found, now=NOW)

    def to_ask(hours: int) -> tuple[str, ...]:
        return directory.addresses_to_ask(site, now=NOW + hours * HOUR, limit=9)

    assert to_ask(5) == ()
    assert to_ask(7) == (address(YAN),)
    assert set(to_ask(25)) == {address(YAN), address(ZOE)}
    assert len(directory.addresses_to_ask(site, now=NOW + 25 * HOUR, limit=1)) == 1


def test_an_address_that_is_somebody_elses_by_now_gives_them_the_rights(
    site: Site, configured: Configured
) -> None:
    read(site, configured, in_ldap("cn=vision", ZOE))
    match(site, configured, ZOE)
    directory.keep_users(site, configured, {address(ZOE): YAN}, now=NOW)
    assert (teams_of(site, ZOE), teams_of(site, YAN)) == ([], ["vision"])


def test_an_outage_changes_nobodys_rights_and_is_told_once_until_it_is_over(
    site: Site, configured: Configured
) -> None:
    read(site, configured, in_ldap("cn=vision", ZOE))
    match(site, configured, ZOE)
    for hours in (1, 2):
        directory.keep_problem(site, LDAP, "gone", now=NOW + hours * HOUR)
    assert teams_of(site, ZOE) == ["vision"]
    (told,) = outbox(site, "directory")
    assert (told.recipient, told.subject) == ("C0OPS", "directory:ldap:1")
    state = directory.source_state(site, LDAP)
    assert (state.problem, state.problem_since, state.read_at) == ("gone", NOW + HOUR, NOW)
    directory.keep_problem(site, LDAP, "slow", now=NOW + 3 * HOUR)
    read(site, configured, in_ldap("cn=vision", ZOE), now=NOW + 4 * HOUR)
    assert directory.source_state(site, LDAP).problem is None
    assert {row.subject for row in outbox(site, "directory")} == {"directory:ldap:1"}
    assert len(outbox(site, "directory")) == 3
    directory.keep_problem(site, LDAP, "gone", now=NOW + 5 * HOUR)
    assert outbox(site, "directory")[-1].subject == "directory:ldap:2"


def test_one_directory_says_nothing_about_the_people_of_another(
    site: Site, configured: Configured
) -> None:
    directory.keep_reading(site, configured, GROUPS, [Group("S0NLP", (Member(ZOE),))], now=NOW)
    read(site, configured, in_ldap("cn=vision"))
    assert teams_of(site, ZOE) == ["nlp"]


def test_whoever_stands_in_the_file_stays(site: Site, configured: Configured) -> None:
    read(site, configured, in_ldap("cn=vision", BOB))
    match(site, configured, BOB)
    read(site, configured, in_ldap("cn=vision"))
    assert teams_of(site, BOB) == ["vision"]
    assert audited(site, "left_team", "joined_team") == []


def test_the_same_answer_again_leaves_no_trace(site: Site, configured: Configured) -> None:
    read(site, configured, in_ldap("cn=vision", ZOE))
    match(site, configured, ZOE)
    known, before = site.cluster, look.history(site, limit=100)
    for hours in (1, 2):
        read(site, configured, in_ldap("cn=vision", ZOE), now=NOW + hours * HOUR)
        match(site, configured, ZOE, now=NOW + hours * HOUR)
    assert look.history(site, limit=100) == before
    assert site.cluster is known


def test_after_a_restart_everybody_has_their_rights_before_anything_is_read(
    open_site: Callable[[Cluster], Site],
) -> None:
    first = open_site(builders.cluster())
    configured = Configured(first.cluster, GRANTS)
    read(first, configured, in_ldap("cn=vision", ZOE))
    match(first, configured, ZOE)
    second = open_site(builders.cluster())
    assert teams_of(second, ZOE) == []
    assert directory.adopt(second, configured)
    assert teams_of(second, ZOE) == ["vision"]
    assert not directory.adopt(second, configured)


def test_another_process_makes_known_what_one_has_read(
    open_site: Callable[[Cluster], Site],
) -> None:
    one, other = open_site(builders.cluster()), open_site(builders.cluster())
    configured = Configured(one.cluster, GRANTS)
    read(one, configured, in_ldap("cn=vision", ZOE))
    match(one, configured, ZOE)
    directory.adopt(other, configured)
    assert teams_of(other, ZOE) == ["vision"]
    read(other, configured, in_ldap("cn=vision"), now=NOW + HOUR)
    directory.adopt(one, configured)
    assert teams_of(one, ZOE) == []


def test_nodes_learnt_from_elsewhere_stay_known(site: Site, configured: Configured) -> None:
    more = (*builders.NODES, Node("gpu-09", 8, "A100"))
    site.adopt(replace(site.cluster, nodes=more))
    read(site, configured, in_ldap("cn=vision", ZOE))
    match(site, configured, ZOE)
    assert site.cluster.nodes == more
    assert teams_of(site, ZOE) == ["vision"]


def test_what_was_made_known_and_lost_again_is_made_known_anew(
    site: Site, configured: Configured
) -> None:
    read(site, configured, in_ldap("cn=vision", ZOE))
    match(site, configured, ZOE)
    site.adopt(configured.cluster)
    assert directory.adopt(site, configured)
    assert teams_of(site, ZOE) == ["vision"]


def test_joining_leaving_and_roles_are_audited(site: Site, configured: Configured) -> None:
    both = [in_ldap("cn=vision", ZOE, YAN), in_ldap("cn=urgent", ZOE)]
    read(site, configured, *both)
    match(site, configured, ZOE, YAN)
    read(site, configured, in_ldap("cn=vision", YAN), in_ldap("cn=nlp"), in_ldap("cn=urgent"))
    assert audited(site, "joined_team", "left_team", "gained_role", "lost_role") == [
        ("joined_team", {"team": "vision", "users": [YAN, ZOE]}),
        ("gained_role", {"role": "urgent", "team": "", "users": [ZOE]}),
        ("lost_role", {"role": "urgent", "team": "", "users": [ZOE]}),
        ("left_team", {"team": "vision", "user": ZOE}),
    ]


def _joined(site: Site, configured: Configured, *users: str) -> None:
    read(site, configured, in_ldap("cn=vision", *users))
    match(site, configured, *users)


def test_what_somebody_who_left_has_booked_stays_and_is_listed_for_the_lead(
    site: Site, configured: Configured
) -> None:
    _joined(site, configured, ZOE, YAN)
    booked = reserve(site, builders.actor(ZOE), builders.request(), now=NOW)
    read(site, configured, in_ldap("cn=vision"))
    assert look.get_booking(site, booked.id) == booked
    (told,) = outbox(site, "left_team")
    assert told.recipient == ALICE
    with pytest.raises(NotAllowed):
        reserve(site, builders.actor(ZOE), builders.request(gpus=1), now=NOW)
    _joined(site, configured, ZOE)
    read(site, configured, in_ldap("cn=vision", ZOE))
    assert len(outbox(site, "left_team")) == 1
    reserve(site, builders.actor(ZOE), builders.request(gpus=1), now=NOW)


def test_whoever_changes_teams_is_not_listed(site: Site, configured: Configured) -> None:
    _joined(site, configured, ZOE)
    reserve(site, builders.actor(ZOE), builders.request(), now=NOW)
    read(site, configured, in_ldap("cn=vision"), in_ldap("cn=nlp", ZOE))
    assert teams_of(site, ZOE) == ["nlp"]
    assert outbox(site, "left_team") == []
    assert ("left_team", {"team": "vision", "user": ZOE}) in audited(site, "left_team")


def test_without_a_lead_the_admins_are_told(open_site: Callable[[Cluster], Site]) -> None:
    cluster = builders.cluster()
    vision, nlp = cluster.teams
    cluster = replace(cluster, teams=(replace(vision, leads=frozenset()), nlp))
    site = open_site(cluster)
    configured = Configured(cluster, GRANTS)
    _joined(site, configured, ZOE)
    reserve(site, builders.actor(ZOE), builders.request(), now=NOW)
    read(site, configured, in_ldap("cn=vision"))
    assert [row.recipient for row in outbox(site, "left_team")] == [builders.ADMIN]


def test_what_is_left_can_wait_until_the_leads_morning(
    open_site: Callable[[Cluster], Site],
) -> None:
    site = open_site(builders.cluster(quiet_hours=(time(22), time(7))))
    configured = Configured(site.cluster, GRANTS)
    _joined(site, configured, ZOE)
    start = builders.TONIGHT + 24 * HOUR
    reserve(site, builders.actor(ZOE), builders.request(start=start), now=NOW)
    read(site, configured, in_ldap("cn=vision"), now=builders.TONIGHT + HOUR)
    (told,) = outbox(site, "left_team")
    assert told.held_until.astimezone(site.cluster.zone).hour == 7


def test_whoever_left_may_give_up_what_they_have_and_not_have_it_longer_or_later(
    site: Site, configured: Configured
) -> None:
    _joined(site, configured, ZOE)
    booked = reserve(site, builders.actor(ZOE), builders.request(), now=NOW)
    read(site, configured, in_ldap("cn=vision"))
    with pytest.raises(NotAllowed, match="You are not in any team any more"):
        extend(site, builders.actor(ZOE), booked.id, 2 * HOUR, now=NOW)
    with pytest.raises(NotAllowed, match="You are not in any team any more"):
        move(site, builders.actor(ZOE), booked.id, builders.TONIGHT + 4 * HOUR, now=NOW)
    extend(site, builders.actor(ALICE), booked.id, 2 * HOUR, reason="handed over", now=NOW)
    cancel(site, builders.actor(ZOE), booked.id, now=NOW)


def test_whoever_left_waits_for_nothing_and_what_was_on_offer_goes_to_the_next(
    site: Site, configured: Configured
) -> None:
    _joined(site, configured, ZOE, YAN)
    taken = reserve(site, builders.actor(DANA), builders.request(8, node="gpu-03"), now=NOW)
    wanted = wish(8, node="gpu-03", earliest=builders.TONIGHT, latest=builders.TONIGHT + 8 * HOUR)
    first = join_waitlist(site, builders.actor(ZOE), wanted, now=NOW)
    second = join_waitlist(site, builders.actor(CHEN), wanted, now=NOW)
    third = join_waitlist(site, builders.actor(YAN), wanted, now=NOW)
    cancel(site, builders.actor(DANA), taken.id, now=NOW)
    assert get_entry(site, first.id).state is EntryState.OFFERED
    read(site, configured, in_ldap("cn=vision"))
    assert [get_entry(site, one.id).state for one in (first, second, third)] == [
        EntryState.LEFT, EntryState.OFFERED, EntryState.LEFT,
    ]  # fmt: skip
