"""Every deed as every role, on the real handlers, and no deed without a row in the table."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from clients import client
from patience import PATIENCE_S
from put_back import keep
from rights import DEEDS, RIGHTS, Attempt, Deed, Effect
from talk import Talk
from town_of_roles import NOW, ROLES, build, site_of_town

from bot.domain.errors import BookingError, NotAllowed
from bot.runners.archive import FolderArchive
from bot.runners.run_logs import RunLogs
from bot.slack.ids import ActionId, CallbackId
from bot.slack.registry import VERBS
from bot.web.app import build_web
from bot.web.run_logs import ShownLogs
from bot.web.server import WebServer
from bot.web.sessions import COOKIE, new_session, seal_session

#: Handled by the router itself, or only read when a form is submitted.
NO_DEEDS = {ActionId.RUN, ActionId.MORE, ActionId.FIELD}

#: Whoever changes what is somebody else's is asked for a reason first.
ASKED = (Effect.OPENS, "error: reason_needed")
#: Of what is somebody's alone nobody else learns even that it is there.
HIDDEN = {"not_found": "no"}


class Lab:
    """The town as it was, for as long as nobody changes anything; then anew."""

    def __init__(self, url: str, logs: FolderArchive) -> None:
        self.town = build(url)
        self._kept = keep(url)
        self.site = site_of_town(self._kept.put_back())
        self.things = self.town.bob
        shown = ShownLogs(
            RunLogs(None, logs), booking_of=lambda _: self.things.reserved,
            latest_of=lambda _: "gpubot-b1-1",
        )  # fmt: skip
        web = build_web(None, list, self.site, lambda: NOW, logs=shown)
        self._server = WebServer(web, "127.0.0.1", 0)
        self._server.start()
        self._clients: dict[str, httpx.Client] = {}

    def page(self, user: str) -> httpx.Client:
        """Somebody who signed in."""
        if user not in self._clients:
            session = new_session(user, now=NOW)
            made = client(self._server.address, headers={"X-CSRF-Token": session.csrf})
            made.cookies.set(COOKIE, seal_session(self.site, session))
            self._clients[user] = made
        return self._clients[user]

    def attempt(self, role: str) -> Attempt:
        self.things = self.town.things(role)
        return Attempt(Talk(self.site, ROLES[role]), self.things, self.page)

    def changed(self) -> bool:
        return self._kept.has_changed()

    def begin_anew(self) -> None:
        self.site.database.close()
        new = site_of_town(self._kept.put_back())
        # The one that the handlers and the web side know goes on with it.
        self.site.__init__(new.database, new.cluster, new.address)  # type: ignore[misc]

    def close(self) -> None:
        for one in self._clients.values():
            one.close()
        self._server.stop(PATIENCE_S)
        self.site.database.close()
        self._kept.close()


@pytest.fixture(scope="module")
def lab(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("rights")
    logs = FolderArchive(folder / "logs", lambda: "http://lab")
    (folder / "worker-0.log").write_bytes(b"epoch 1\n")
    logs.keep("gpubot-b1-1", [folder / "worker-0.log"])
    made = Lab(module_database_url, logs)
    yield made
    made.close()


def outcome(lab: Lab, deed: Deed, role: str) -> str:
    """What came of it: an effect, "no", or what else went wrong."""
    attempt = lab.attempt(role)
    try:
        deed.tried(attempt)
    except NotAllowed:
        return "no"
    except BookingError as error:
        return HIDDEN.get(error.code, f"error: {error.code}")
    answer = attempt.answer
    if answer is not None and answer.status_code == 403:
        return "no" if answer.json()["code"] in ("not_allowed", "team") else answer.text
    if answer is not None and not answer.is_success:
        return f"error: {answer.text}"
    if lab.changed():
        return Effect.CHANGES
    return Effect.SHOWS if attempt.talk.window is None else Effect.OPENS


@pytest.mark.parametrize("deed", DEEDS, ids=[deed.name for deed in DEEDS])
def test_a_deed_is_done_for_those_who_may_and_changes_nothing_for_others(
    lab: Lab, deed: Deed
) -> None:
    found, wanted = {}, {}
    for role in ROLES:
        came = outcome(lab, deed, role)
        may = role in RIGHTS[deed.right]
        asked = came in ASKED and deed.effect is Effect.CHANGES and role != "owner"
        found[role] = deed.effect if asked and may else came
        wanted[role] = deed.effect if may else "no"
        assert came == Effect.CHANGES or not lab.changed(), f"{role}: {came}, and a change"
        if came == Effect.CHANGES:
            lab.begin_anew()
    assert found == wanted


def _named(kind: str) -> set[str]:
    """The names of all deeds of a kind: "/gpu", "button" or "form"."""
    return {deed.name.split()[1] for deed in DEEDS if deed.name.startswith(f"{kind} ")}


def test_every_verb_button_and_form_that_there_is_has_a_row() -> None:
    assert _named("/gpu") == set(VERBS)
    assert _named("button") == set(ActionId) - NO_DEEDS
    assert _named("form") == set(CallbackId) - {CallbackId.TOLD}
    assert {deed.right for deed in DEEDS} == set(RIGHTS)
