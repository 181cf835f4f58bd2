"""What directories say, merged with what the operators wrote."""

from __future__ import annotations

from dataclasses import replace

import builders
from builders import ALICE, BOB, CHEN, DANA, STRANGER

from bot.domain.cluster import Team
from bot.domain.membership import (
    Changes,
    Configured,
    Gained,
    Grant,
    Role,
    Source,
    changes_between,
    grants_of_teams,
)

LDAP, GROUPS = Source.LDAP, Source.USERGROUPS
GRANTS = (
    Grant(LDAP, "cn=vision", Role.MEMBER, "vision"),
    Grant(GROUPS, "S0VISION", Role.MEMBER, "vision"),
    Grant(LDAP, "cn=leads", Role.LEAD, "nlp"),
    Grant(LDAP, "cn=leads", Role.ADMIN),
    Grant(LDAP, "cn=urgent", Role.URGENT),
)
CONFIGURED = Configured(builders.cluster(), GRANTS)


def test_without_anything_read_the_file_holds() -> None:
    assert CONFIGURED.merged({}) == builders.cluster()


def test_directories_add_to_the_file_and_to_one_another() -> None:
    found = CONFIGURED.merged(
        {
            (LDAP, "cn=vision"): frozenset({CHEN}),
            (GROUPS, "S0VISION"): frozenset({DANA, BOB}),
            (LDAP, "cn=leads"): frozenset({STRANGER}),
            (LDAP, "cn=urgent"): frozenset({DANA}),
            (LDAP, "cn=other"): frozenset({"U0OTHER"}),
            (GROUPS, "cn=vision"): frozenset({"U0OTHER"}),
        }
    )
    vision, nlp = found.teams
    assert (vision.members, vision.leads) == ({BOB, CHEN, DANA}, {ALICE})
    assert (nlp.members, nlp.leads) == ({DANA}, {CHEN, STRANGER})
    assert found.admins == {builders.ADMIN, STRANGER}
    assert found.urgent == {ALICE, DANA}
    assert found.nodes == builders.NODES


def test_each_group_is_read_once_however_many_roles_it_gives() -> None:
    assert CONFIGURED.groups(LDAP) == ("cn=vision", "cn=leads", "cn=urgent")
    assert CONFIGURED.groups(GROUPS) == ("S0VISION",)


def test_groups_of_ldap_give_nothing_where_there_is_no_ldap() -> None:
    team = Team("vision", "C0", usergroup="S0", ldap_group="cn=v", ldap_leads_group="cn=l")
    usergroup = Grant(GROUPS, "S0", Role.MEMBER, "vision")
    assert grants_of_teams([team], ldap=False) == (usergroup,)
    assert grants_of_teams([team], ldap=True) == (
        Grant(LDAP, "cn=v", Role.MEMBER, "vision"),
        Grant(LDAP, "cn=l", Role.LEAD, "vision"),
        usergroup,
    )


def test_between_equal_states_nothing_has_changed() -> None:
    assert changes_between(builders.cluster(), builders.cluster()) == Changes()


def test_who_joined_left_and_got_other_roles_is_told_team_by_team() -> None:
    before = builders.cluster()
    vision, nlp = before.teams
    after = replace(
        before,
        teams=(
            replace(vision, members=frozenset({CHEN, STRANGER})),
            replace(nlp, members=frozenset({DANA, BOB}), leads=frozenset()),
        ),
        urgent=frozenset({CHEN}),
    )
    assert changes_between(before, after) == Changes(
        joined=(("vision", (CHEN, STRANGER)), ("nlp", (BOB,))),
        left=((BOB, "vision"), (CHEN, "nlp")),
        gained=(Gained(Role.URGENT, "", (CHEN,)),),
        lost=(Gained(Role.LEAD, "nlp", (CHEN,)), Gained(Role.URGENT, "", (ALICE,))),
    )


def test_a_member_who_becomes_lead_has_not_left() -> None:
    before = builders.cluster()
    vision, nlp = before.teams
    promoted = replace(vision, members=frozenset(), leads=frozenset({ALICE, BOB}))
    found = changes_between(before, replace(before, teams=(promoted, nlp)))
    assert (found.joined, found.left) == ((), ())
    assert found.gained == (Gained(Role.LEAD, "vision", (BOB,)),)
