"""Groups read from a real OpenLDAP server, and everything that keeps them from being read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ldap3 import NONE, Connection, Server
from slapd import (
    BOUND,
    PASSWORD,
    READER,
    Slapd,
    group,
    group_of,
    name_of,
    needs_slapd,
    person,
)
from slapd_people import CROWD, ODD

from bot.directory import ldap
from bot.directory.errors import DirectoryError
from bot.directory.ldap import read_groups
from bot.directory.settings import LdapServer
from bot.domain.membership import Group

pytestmark = needs_slapd


def read(server: LdapServer, name: str, password: str = PASSWORD) -> Group:
    (found,) = read_groups(server, password, [group_of(name)])
    return found


def addresses(found: Group) -> list[str]:
    return [address for member in found.members for address in member.addresses]


def refused(server: LdapServer, name: str = "vision", password: str = PASSWORD) -> str:
    with pytest.raises(DirectoryError) as caught:
        read(server, name, password)
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("way", ["StartTLS", "LDAPS", "plain, because it is asked for"])
def test_a_group_is_read_with_names_and_addresses_in_lower_case(lab: Slapd, way: str) -> None:
    server = {
        "StartTLS": lab.settings(),
        "LDAPS": lab.settings(url=lab.tls_url),
    }.get(way) or lab.settings(start_tls=False, ca_file=None)
    found = read(server, "vision")
    assert [(member.key, member.name) for member in found.members] == [
        (name_of("alice"), "Alice Martin"), (name_of("bob"), "Bob Keller"),
    ]  # fmt: skip
    assert addresses(found) == ["alice@lab.example", "a.martin@lab.example", "bob@lab.example"]


def test_several_groups_are_read_in_the_order_asked_for(lab: Slapd) -> None:
    names = [group_of("unique"), group_of("posix"), group_of("vision")]
    found = read_groups(lab.settings(), PASSWORD, names)
    assert [one.name for one in found] == names
    assert addresses(found[0]) == ["bob@lab.example"]
    assert "odd@lab.example" in addresses(found[1])
    assert len(addresses(found[1])) == 3


def test_groups_within_groups_count_and_a_cycle_of_them_ends(lab: Slapd) -> None:
    both = ["chen@lab.example", "dana@lab.example"]
    assert addresses(read(lab.settings(), "nested")) == both
    assert addresses(read(lab.settings(), "inner")) == both


def test_a_group_that_holds_only_itself_is_empty(lab: Slapd) -> None:
    assert read(lab.settings(), "self").members == ()


@pytest.mark.parametrize("name", ["crowd", "hidden-crowd"])
def test_more_people_than_the_server_gives_at_once_are_read_in_pages(lab: Slapd, name: str) -> None:
    found = read(lab.settings(), name)
    assert addresses(found) == [f"{user}@lab.example" for user in CROWD]


def test_the_server_really_refuses_so_many_at_once(lab: Slapd) -> None:
    server = Server(lab.url, get_info=NONE)
    with Connection(server, READER, PASSWORD) as connection:
        connection.search("dc=lab", "(uid=crowd*)")
        assert connection.result["description"] == "sizeLimitExceeded"


def test_where_an_account_may_not_read_so_many_nothing_is_read_by_half(lab: Slapd) -> None:
    said = refused(lab.settings(bind_dn=BOUND), "hidden-crowd")
    assert said == f"{lab.url}: a search under dc=lab ended with sizeLimitExceeded"


def test_names_that_would_change_the_search_find_only_whom_they_name(lab: Slapd) -> None:
    found = read(lab.settings(), "strange")
    assert addresses(found) == ["odd@lab.example", "bob@lab.example"]
    assert found.members[0].name == ODD


def test_a_group_may_be_called_by_its_own_name_where_only_one_has_it(lab: Slapd) -> None:
    (found,) = read_groups(lab.settings(), PASSWORD, ["vision"])
    assert (found.name, len(found.members)) == ("vision", 2)
    with pytest.raises(DirectoryError, match="2 groups are called twice: name one by its full dn"):
        read_groups(lab.settings(), PASSWORD, ["twice"])
    with pytest.raises(DirectoryError, match="is not there"):
        read_groups(lab.settings(), PASSWORD, ["*"])


def test_people_without_an_address_are_counted_and_left_out(lab: Slapd) -> None:
    found = read(lab.settings(), "mailless")
    assert addresses(found) == ["bob@lab.example"]
    assert found.without_mail == 1


def test_a_group_in_which_nobody_has_an_address_points_to_a_wrong_setting(lab: Slapd) -> None:
    said = refused(lab.settings(), "all-mailless")
    assert "none of the 3 people in cn=all-mailless,ou=groups,dc=lab has an e-mail address" in said
    assert "attribute telexNumber" in refused(lab.settings(mail="telexNumber"), "crowd")


def test_a_team_of_one_may_be_of_nobody_who_can_be_known(lab: Slapd) -> None:
    assert read(lab.settings(), "only-mailless") == Group(group_of("only-mailless"), (), 1)
    assert read(lab.settings(), "only-gone") == Group(group_of("only-gone"), ())


def test_who_is_disabled_in_active_directory_is_in_no_group(lab: Slapd) -> None:
    assert addresses(read(lab.settings(), "accounts")) == ["here@lab.example"]


def test_only_whom_the_filter_lets_through_counts(lab: Slapd) -> None:
    assert addresses(read(lab.settings(user_filter="(uid=b*)"), "vision")) == ["bob@lab.example"]
    assert "user_filter is no LDAP filter" in refused(lab.settings(user_filter="(uid=b*"))
    assert "check its rights, ldap.base" in refused(lab.settings(user_filter="(uid=zoe)"), "crowd")


def test_people_elsewhere_than_under_the_base_are_found_by_their_names(lab: Slapd) -> None:
    found = read(lab.settings(base="ou=groups,dc=lab"), "nested")
    assert addresses(found) == ["chen@lab.example", "dana@lab.example"]


def test_a_group_that_is_not_there_or_is_none_is_named(lab: Slapd) -> None:
    missing = refused(lab.settings(), "missing")
    assert missing.endswith("the group cn=missing,ou=groups,dc=lab is not there, or the account "
                            "may not read it")  # fmt: skip
    with pytest.raises(DirectoryError, match="uid=bob,ou=people,dc=lab is no group"):
        read_groups(lab.settings(), PASSWORD, [name_of("bob")])


def test_what_the_account_may_not_see_is_no_empty_group(lab: Slapd) -> None:
    assert "may not read who is in" in refused(lab.settings(), "hidden-none")
    assert "may read nobody of the 3 in" in refused(lab.settings(), "unreadable")


def test_a_group_that_may_be_empty_may_be_read_empty(lab: Slapd) -> None:
    assert read(lab.settings(), "nobody").members == ()


def test_a_wrong_password_is_told_without_the_password(lab: Slapd) -> None:
    said = refused(lab.settings(), password="wr0ng")
    assert said == (
        f"{lab.url} does not let cn=gpubot,dc=lab in (invalidCredentials): check ldap.bind_dn and "
        "GPUBOT_LDAP_PASSWORD"
    )
    assert "GPUBOT_LDAP_PASSWORD is not set" in refused(lab.settings(), password="")


def test_nobody_in_particular_may_not_read_here(lab: Slapd) -> None:
    assert "is not there, or the account may not read" in refused(lab.settings(bind_dn=""))


def test_a_certificate_by_somebody_else_is_refused_before_the_password_is_sent(lab: Slapd) -> None:
    for server in (lab.settings(ca_file=None), lab.settings(ca_file=None, url=lab.tls_url)):
        said = refused(server)
        assert "shows a certificate that is not accepted (" in said
        assert said.endswith("check ldap.ca_file")


def test_a_certificate_for_another_host_is_refused(lab: Slapd) -> None:
    elsewhere = lab.settings(url=lab.url.replace("127.0.0.1", "localhost"))
    assert "not accepted (Hostname mismatch" in refused(elsewhere)


def test_a_missing_file_of_authorities_is_named(lab: Slapd) -> None:
    assert "/no/such.pem cannot be read" in refused(lab.settings(ca_file="/no/such.pem"))


def test_a_server_that_wants_encryption_gets_it(new_slapd: Callable[..., Slapd]) -> None:
    server = new_slapd("security simple_bind=128")
    server.add(person("alice") | group("vision", [name_of("alice")]))
    assert addresses(read(server.settings(), "vision")) == ["alice@lab.example"]
    assert "(confidentialityRequired)" in refused(server.settings(start_tls=False))


def test_a_server_that_is_gone_is_told_of_in_words_that_stay_the_same(
    new_slapd: Callable[..., Slapd],
) -> None:
    server = new_slapd()
    server.stop()
    said = {refused(server.settings()) for _ in range(2)}
    assert said == {f"{server.url} cannot be reached: connection refused"}


def test_more_people_or_groups_than_can_be_meant_are_refused(
    lab: Slapd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ldap, "MOST_ENTRIES", 600)
    assert refused(lab.settings(), "crowd").endswith("its groups hold more than 600 entries")
    monkeypatch.setattr(ldap, "MOST_GROUPS", 1)
    assert refused(lab.settings(), "nested").endswith("holds more than 1 groups")
