"""The team of a booking reads what its run writes; nobody else does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from builders import ADMIN, ALICE, BOB, CHEN, NOW, STRANGER, actor, request
from databases import new_database
from serving import Served, served

from bot.domain.access import Scope, TokenKind
from bot.runners.archive import FolderArchive
from bot.runners.run_logs import RunLogs
from bot.services.reserve import reserve
from bot.services.tokens import create_token
from bot.web.access import Access
from bot.web.run_logs import ShownLogs, run_log_routes
from bot.web.sessions import COOKIE, new_session, seal_session

KEY = "gpubot-b1-1"
LOG = b"epoch 1\n 10%|# |\r100%|##|\n<script>alert(1)</script>\n"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Served]:
    """Bob of vision has a booking, B1, with a run whose log is archived, and B2 with none."""
    archive = FolderArchive(tmp_path / "logs", lambda: "http://gpubot.example.com")
    path = tmp_path / "worker-0.log"
    path.write_bytes(LOG)
    archive.keep(KEY, [path, path])
    shown = ShownLogs(
        RunLogs(None, archive), booking_of={KEY: 1}.get, latest_of={1: KEY, 3: "gpubot-b3-1"}.get
    )
    with served(
        new_database(tmp_path), lambda site, now: run_log_routes(site, Access(site, now), shown)
    ) as lab:
        for _ in range(3):
            reserve(lab.site, actor(BOB), request(1), now=NOW)
        yield lab


def get(lab: Served, user: str | None, path: str = f"/runs/{KEY}/log") -> httpx.Response:
    """What somebody who signed in gets there; None: who did not."""
    cookies = {}
    if user is not None:
        cookies[COOKIE] = seal_session(lab.site, new_session(user, now=lab.now))
    lab.web.cookies = httpx.Cookies(cookies)
    return lab.web.get(path)


def by_token(lab: Served, user: str, path: str, *, team: str | None = None) -> httpx.Response:
    _, secret = create_token(
        lab.site, actor(user), kind=TokenKind.PIPELINE if team else TokenKind.PERSON, name="ci",
        scopes=(Scope.READ,), team=team, expires_at=None, now=NOW,
    )  # fmt: skip
    return lab.web.get(path, headers={"Authorization": f"Bearer {secret}"})


@pytest.mark.parametrize("user", [BOB, ALICE, ADMIN])
def test_the_team_and_admins_read_the_log_as_plain_text(lab: Served, user: str) -> None:
    answer = get(lab, user)
    assert (answer.status_code, answer.content) == (200, LOG)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("user", [CHEN, STRANGER])
def test_others_do_not(lab: Served, user: str) -> None:
    answer = get(lab, user)
    assert answer.status_code == 403
    assert "members of team vision" in answer.json()["detail"]
    assert "epoch" not in answer.text
    assert get(lab, user, "/api/v1/bookings/B1/log").status_code == 403


def test_who_did_not_sign_in_is_told_how_to(lab: Served) -> None:
    answer = get(lab, None)
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "epoch" not in answer.text
    assert get(lab, None, "/api/v1/bookings/B1/log").status_code == 401


def test_the_last_lines_are_as_a_terminal_shows_them(lab: Served) -> None:
    answer = get(lab, BOB, f"/runs/{KEY}/log?tail=2&worker=1")
    assert answer.text == "100%|##|\n<script>alert(1)</script>\n"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_the_api_has_the_log_of_the_latest_run(lab: Served) -> None:
    answer = by_token(lab, BOB, "/api/v1/bookings/B1/log?tail=1")
    assert answer.text == "<script>alert(1)</script>\n"
    assert by_token(lab, BOB, "/api/v1/bookings/B1/log", team="vision").content == LOG
    assert by_token(lab, CHEN, "/api/v1/bookings/B1/log", team="nlp").status_code == 403


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/runs/gpubot-b9-1/log", 404, "There is no run gpubot-b9-1."),
        ("/runs/..%2f..%2fetc/log", 404, ""),
        ("/runs/UPPER/log", 422, ""),
        (f"/runs/{KEY}/log?worker=2", 404, "There is no log of worker 2"),
        (f"/runs/{KEY}/log?worker=-1", 422, ""),
        (f"/runs/{KEY}/log?tail=0", 422, ""),
        ("/api/v1/bookings/B2/log", 404, "B2 has had no run."),
        ("/api/v1/bookings/B3/log", 404, "There is no log of worker 0 of gpubot-b3-1."),
        ("/api/v1/bookings/B99/log", 404, ""),
    ],
)
def test_what_is_not_there_is_told(lab: Served, path: str, status: int, said: str) -> None:
    answer = get(lab, BOB, path)
    assert answer.status_code == status
    assert said in answer.json()["detail"]


def test_an_archive_that_cannot_be_read_is_told(lab: Served, tmp_path: Path) -> None:
    log = tmp_path / "logs" / KEY / "worker-0.log"
    log.unlink()
    log.mkdir()
    answer = get(lab, BOB)
    assert answer.status_code == 503
    assert "cannot be read at present" in answer.json()["detail"]
