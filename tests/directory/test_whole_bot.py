"""The whole bot with people from a real LDAP server: they come, an outage passes, they go."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from builders import NOW
from clients import client
from ldap3 import MODIFY_REPLACE
from patience import PATIENCE_S
from slapd import PASSWORD, READER, Slapd, group, group_of, name_of, needs_slapd, person

from bot.check import check
from bot.config.problems import load_config
from bot.config.settings import Settings
from bot.main import Bot
from bot.sandbox import Sandbox, SandboxChannel, SandboxClock, SandboxUser, SandboxUsergroup

pytestmark = needs_slapd

MANIFEST = Path(__file__).parents[2] / "manifest.yml"
ALICE, ZOE, YAN, OPS = "U0ALICE", "U0ZOE", "U0YAN", "U0OPS"
VISION = "C0VISION"

CONFIG = """
[cluster]
timezone = "Asia/Shanghai"
ops_channel = "C0OPS"
[policy]
digest = "off"
[[nodes]]
name = "gpu-01"
gpus = 4
model = "V100"
[[teams]]
name = "vision"
channel = "C0VISION"
ldap_group = "{vision}"
ldap_leads_group = "cn=leads,ou=groups,dc=lab"
usergroup = "S0VISION"
[ldap]
url = "{url}"
ca_file = "{ca}"
base = "dc=lab"
bind_dn = "{reader}"
timeout = 5
urgent_group = "leads"
[roles]
admins = ["U0OPS"]
"""


@dataclass
class Lab:
    """A running bot, its workspace, and its directory."""

    slapd: Slapd
    slack: Sandbox
    settings: Settings
    clock: SandboxClock
    bot: Bot

    def types(self, user: str, text: str) -> str:
        """What `/gpu text` is answered with."""
        result = self.slack.command(user, VISION, f"/gpu {text}")
        (answer,) = result.messages
        return "\n".join([answer.text, *(str(block.get("text")) for block in answer.blocks)])

    def sees(self, what: Callable[[], Any]) -> Any:
        return self.slack.wait_for(what, timeout=PATIENCE_S)

    def in_vision(self) -> set[str]:
        team = self.bot.site.cluster.team("vision")
        assert team is not None
        return set(team.members | team.leads)

    def reads_again(self) -> None:
        """Let the time pass until the directories are read, and have them read."""
        self.clock.jump(self.clock.now() + timedelta(minutes=10))
        self.bot._around._directories.refresh()

    def in_ops(self) -> list[str]:
        return [message.text for message in self.slack.messages("C0OPS", OPS)]


@pytest.fixture
def slapd(new_slapd: Callable[..., Slapd]) -> Slapd:
    server = new_slapd()
    server.add(person("alice", "Alice Martin") | person("zoe", "Zoë Ünal"))
    server.add(group("vision", [name_of("alice"), name_of("zoe")]))
    server.add(group("leads", [name_of("alice")]))
    return server


@pytest.fixture
def slack() -> Iterator[Sandbox]:
    users = [
        SandboxUser(ALICE, "alice", "Alice Martin", email="alice@lab.example"),
        SandboxUser(ZOE, "zoe", "Zoë Ünal", email="Zoe@Lab.Example"),
        SandboxUser(YAN, "yan", "Yan Li"),
        SandboxUser(OPS, "ops", "Olga Petrova"),
    ]
    everybody = [user.id for user in users]
    workspace = Sandbox(
        manifest=MANIFEST,
        users=users,
        channels=[
            SandboxChannel(VISION, "vision", members=everybody),
            SandboxChannel("C0OPS", "ops", members=everybody),
        ],
        usergroups=[SandboxUsergroup("S0VISION", "vision", "Vision", [YAN])],
        clock=SandboxClock(NOW, speed=0),
        ack_timeout=PATIENCE_S,
    )
    with workspace:
        yield workspace


@pytest.fixture
def settings(slapd: Slapd, slack: Sandbox, tmp_path: Path) -> Settings:
    config = tmp_path / "gpubot.toml"
    config.write_text(
        CONFIG.format(
            url=slapd.url, ca=slapd.certificates.ca, reader=READER, vision=group_of("vision")
        )
    )
    return Settings(
        bot_token=slack.bot_token,
        signing_secret=slack.signing_secret,
        slack_api_url=slack.api_url,
        database_url=f"sqlite:///{tmp_path / 'gpubot.db'}",
        config_path=config,
        port=0,
        base_url="",
        ldap_password=PASSWORD,
    )


@pytest.fixture
def lab(slapd: Slapd, slack: Sandbox, settings: Settings) -> Iterator[Lab]:
    cluster, edges = load_config(settings.config_path)
    bot = Bot(settings, cluster, slack.clock, edges=edges, pace=timedelta(0))
    bot.start()
    slack.request_url = f"{bot.address}/slack/events"
    try:
        made = Lab(slapd, slack, settings, slack.clock, bot)
        deadline = time.monotonic() + PATIENCE_S
        while made.in_vision() != {ALICE, ZOE, YAN}:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield made
    finally:
        bot.stop()


def is_ready(lab: Lab) -> bool:
    with client(lab.bot.address) as web:
        answer: httpx.Response = web.get("/readyz")
    return answer.status_code == 200


def test_people_come_by_ldap_stay_through_an_outage_and_leave_their_bookings_to_the_lead(
    lab: Lab,
) -> None:
    for user in (ZOE, YAN):
        assert "Booked." in lab.types(user, "reserve 1 tomorrow 22:00 4h")
    assert "Booked." in lab.types(ALICE, "reserve 1 tomorrow 22:00 4h p0")

    lab.slapd.stop()
    lab.reads_again()
    (told,) = lab.sees(lambda: [text for text in lab.in_ops() if "cannot be read" in text])
    assert "LDAP" in told
    assert "connection refused" in told
    assert is_ready(lab)
    assert "Booked." in lab.types(ZOE, "reserve 1 tomorrow 22:00 2h")
    lab.slapd.start()
    lab.slapd.change(group_of("vision"), {"member": [(MODIFY_REPLACE, [name_of("alice")])]})
    lab.reads_again()
    lab.sees(lambda: any("can be read again" in text for text in lab.in_ops()))
    assert not any("cannot be read" in text for text in lab.in_ops())

    assert "not in any team" in lab.types(ZOE, "reserve 1 tomorrow 22:00 2h")
    assert "not in any team" in lab.types(ZOE, "extend B1 2h")
    listed = lab.sees(
        lambda: next((m for m in lab.slack.direct_messages(ALICE) if "no team" in m.text), None)
    )
    assert listed.text.startswith(f"<@{ZOE}> is in no team any more and has left 2 bookings")
    cancels = [
        element
        for block in listed.blocks
        for element in block.get("elements", ())
        if element["text"]["text"] == "Cancel…"
    ]
    assert len(cancels) == 2
    lab.slack.click(ALICE, listed, cancels[0]["action_id"], value=cancels[0]["value"])
    view = lab.sees(lambda: lab.slack.open_view(ALICE))
    assert view["callback_id"].startswith("give_up")
    lab.reads_again()
    assert "joined team vision" in lab.types(ALICE, "audit")
    assert len([m for m in lab.slack.direct_messages(ALICE) if "no team" in m.text]) == 1


def test_the_check_reads_every_group_and_says_whom_it_found(
    slapd: Slapd, settings: Settings
) -> None:
    slapd.add(person("xue", mail=None) | person("walt"))
    everybody = [name_of(user) for user in ("alice", "zoe", "xue", "walt")]
    slapd.change(group_of("vision"), {"member": [(MODIFY_REPLACE, everybody)]})
    found = [str(finding) for finding in check(settings)]
    assert found[-5:] == [
        f"✓ LDAP: {slapd.url} lets {READER} in, over StartTLS",
        (
            "– LDAP group cn=vision,ou=groups,dc=lab: 3 people, 2 in Slack, nobody in Slack has "
            "walt@lab.example, 1 more without an e-mail address"
        ),
        "✓ LDAP group cn=leads,ou=groups,dc=lab: 1 person, 1 in Slack",
        "✓ LDAP group leads: 1 person, 1 in Slack",
        "✓ user group S0VISION: 1 person",
    ]


def test_the_check_names_what_keeps_a_directory_from_being_read(
    slapd: Slapd, slack: Sandbox, settings: Settings
) -> None:
    slack.faults.add("usergroups.users.list", "error", code="plan_upgrade_required")
    slapd.delete(group_of("leads"))
    found = [str(finding) for finding in check(settings)]
    assert found[-3].startswith("✗ LDAP group cn=leads,ou=groups,dc=lab: ")
    assert found[-1] == (
        "✗ user group S0VISION: user group S0VISION: user groups need a paid plan of Slack; list "
        "the members instead"
    )
    slapd.stop()
    found = [str(finding) for finding in check(settings)]
    assert f"✗ LDAP: {slapd.url} cannot be reached: connection refused" in found
    assert PASSWORD not in "".join(found)


def test_the_check_misses_a_table_that_groups_need(settings: Settings) -> None:
    text = settings.config_path.read_text()
    ldap, roles = text.index("[ldap]"), text.index("[roles]")
    settings.config_path.write_text(text[:ldap] + text[roles:])
    found = [str(finding) for finding in check(settings)]
    assert "✗ team vision: its group of LDAP needs a table [ldap], and there is none" in found
