"""Signing in with Slack as somebody whom only a directory knows."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import at_slack
import builders
from at_slack import allow
from builders import BOB, NOW
from databases import new_database

from bot.domain.membership import Configured, Grant, Group, Member, Role, Source
from bot.services.directory import keep_reading, keep_users

GRANTS = (Grant(Source.LDAP, "cn=vision", Role.MEMBER, "vision"),)
BOOKING = {"gpus": 1, "start": "now", "length": "4h"}


def test_whoever_is_in_a_team_by_ldap_alone_signs_in_and_books_until_they_leave(
    tmp_path: Path,
) -> None:
    cluster = builders.cluster()
    vision, nlp = cluster.teams
    cluster = replace(cluster, teams=(replace(vision, members=frozenset()), nlp))
    with at_slack.lab(new_database(tmp_path), cluster) as lab, lab.browser() as browser:
        back = allow(browser.get("/sign-in").headers["Location"], BOB)
        assert browser.get(back).status_code == 303
        token = re.search(r'name="csrf" content="([^"]+)"', browser.get("/").text)
        assert token is not None

        def books() -> int:
            headers = {"X-CSRF-Token": token[1]}
            return browser.post("/api/v1/bookings", json=BOOKING, headers=headers).status_code

        assert books() == 403
        configured = Configured(cluster, GRANTS)
        bob = Group("cn=vision", (Member("uid=bob", "Bob", ("bob@lab.example",)),))
        keep_reading(lab.site, configured, Source.LDAP, [bob], now=NOW)
        keep_users(lab.site, configured, {"bob@lab.example": BOB}, now=NOW)
        assert books() == 201
        assert browser.get("/api/v1/me").json()["user"] == BOB
        keep_reading(lab.site, configured, Source.LDAP, [Group("cn=vision", ())], now=NOW)
        assert books() == 403
