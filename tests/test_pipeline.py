"""`gpubot book`, `release` and `cancel` over HTTP, against the API that runs on this machine."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from builders import ALICE, BOB, CHEN, DANA, NOW, actor, request
from databases import new_database
from fastapi import APIRouter
from serving import Served, served

from bot import cli
from bot.domain.access import Scope, TokenKind
from bot.domain.booking import BookingState
from bot.pipeline.booking import Pipeline, Wish, job_key, worded
from bot.pipeline.client import Client, Failed
from bot.pipeline.exits import MEANINGS, Exit
from bot.pipeline.signals import Interrupted, interruptible
from bot.services.cancel import cancel
from bot.services.keep_time import keep_time
from bot.services.look import bookings_of, get_booking, history
from bot.services.preempt import preempt
from bot.services.reserve import reserve
from bot.services.tokens import create_token, revoke_token
from bot.web.access import Access
from bot.web.api import ROOT, api_routes

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
#: Hours from NOW, 10:37, to the line of the grid at 12:00.
TO_NOON = 83 / 60


def routes(site: Any, now: Any) -> APIRouter:
    router = APIRouter()
    router.include_router(api_routes(site, Access(site, now), now), prefix=ROOT)
    return router


@dataclass
class Ci:
    """A job of a pipeline: its token, what it told people, and how time goes on in it."""

    lab: Served
    secret: str
    token: int
    told: list[str] = field(default_factory=list)
    #: Called with each pause, after the bot's clock went on by it.
    meanwhile: list[Callable[[], None]] = field(default_factory=list)
    seconds: float = 0
    opened: list[Client] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Let the bot's time go on by ten minutes for each look, so that hours pass in a test."""
        self.seconds += seconds
        self.lab.now += 10 * MINUTE
        keep_time(self.lab.site, now=self.lab.now)
        if self.meanwhile:
            self.meanwhile.pop(0)()

    def client(self, url: str = "", patience_s: float = 60) -> Client:
        client = Client(
            url or str(self.lab.web.base_url),
            self.secret,
            patience_s=patience_s,
            tell=self.told.append,
            sleep=self.sleep,
            clock=lambda: self.seconds,
        )
        self.opened.append(client)
        return client

    def book(self, text: str, *, key: str = "k", **wish: Any) -> dict[str, Any]:
        return self.pipeline().book(Wish(text, **wish), key)

    def pipeline(self) -> Pipeline:
        return Pipeline(self.client(), self.told.append, self.sleep)

    @property
    def said(self) -> str:
        return "\n".join(self.told)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Served]:
    with served(new_database(tmp_path), routes) as lab:
        yield lab


@pytest.fixture
def start(lab: Served) -> Iterator[Callable[..., Ci]]:
    """A function that starts a job; its connections are closed at the end."""
    jobs: list[Ci] = []

    def started(**more: Any) -> Ci:
        jobs.append(job(lab, **more))
        return jobs[-1]

    yield started
    for one in jobs:
        for client in one.opened:
            client.close()


@pytest.fixture
def ci(start: Callable[..., Ci]) -> Ci:
    return start()


def job(lab: Served, scopes: tuple[Scope, ...] = (Scope.READ, Scope.BOOK)) -> Ci:
    """A job with a pipeline token of team vision that bob made."""
    token, secret = create_token(
        lab.site,
        actor(BOB),
        kind=TokenKind.PIPELINE,
        name="nightly",
        scopes=scopes,
        team="vision",
        now=NOW,
    )
    return Ci(lab, secret, token.id)


def fill(lab: Served, hours: int, *nodes: str) -> None:
    """Have chen take those nodes until so many hours after noon."""
    for node in nodes or ("gpu-01", "gpu-02"):
        size = next(n.gpus for n in lab.site.cluster.nodes if n.name == node)
        reserve(lab.site, actor(CHEN), request(size, NOW, hours + TO_NOON, node=node), now=NOW)


def failing(ci: Ci, text: str, **wish: Any) -> Failed:
    with pytest.raises(Failed) as caught:
        ci.book(text, **wish)
    return caught.value


def test_without_waiting_it_books_and_returns_at_once(ci: Ci) -> None:
    booking = ci.book("4 now 20h on gpu-01")
    assert (booking["id"], booking["state"], ci.seconds) == ("B1", "reserved", 0)
    assert get_booking(ci.lab.site, 1).owner == BOB
    assert "Booked B1: 4 GPUs on gpu-01, 2026-11-25 02:37 UTC" in ci.said


def test_what_a_pipeline_books_is_its_teams_and_says_by_what(ci: Ci) -> None:
    ci.book("4 now 20h on gpu-01")
    (record,) = history(ci.lab.site, 1)
    assert record.after is not None
    assert record.after["via"] == f"pipeline:{ci.token} nightly"
    after = cancel_soon(ci, 1, ALICE)
    assert after is BookingState.CANCELLED


def cancel_soon(ci: Ci, booking: int, user: str) -> BookingState:
    """Cancel a booking that begins at this instant, before it does."""
    return cancel(ci.lab.site, actor(user), booking, reason="not now", now=NOW - MINUTE).state


def test_waiting_ends_when_it_has_begun_with_its_gpus(ci: Ci) -> None:
    booking = ci.book("2 now 4h on gpu-01", wait="2h")
    assert booking["state"] == "active"
    assert booking["gpu_ids"] == [["gpu-01", [0, 1]]]


def test_when_taken_now_the_first_start_within_the_wait_is_booked(ci: Ci) -> None:
    fill(ci.lab, 0)
    booking = ci.book("4 now 4h model V100", wait="2h")
    assert booking["start"] == "2026-11-25T04:00:00Z"
    assert booking["state"] == "active"
    assert ci.lab.now >= NOW + 83 * MINUTE


def test_a_start_after_the_wait_is_not_taken(ci: Ci) -> None:
    fill(ci.lab, 2)
    error = failing(ci, "4 now 4h model V100", wait="2h")
    assert error.code is Exit.NOT_FREE
    assert bookings_of(ci.lab.site, BOB, now=NOW) == ()


def order(ci: Ci, path: str, body: dict[str, Any]) -> httpx.Response:
    headers = {"Authorization": f"Bearer {ci.secret}"}
    return ci.lab.web.post(f"/api/v1/{path}", json=body, headers=headers)


def test_an_order_may_stand_in_fields_and_begin_later_too(ci: Ci) -> None:
    fill(ci.lab, 0)
    wanted = {"gpus": 4, "start": "now", "length": "4h", "model": "V100", "within": "2h"}
    answer = order(ci, "bookings", wanted)
    assert (answer.status_code, answer.json()["start"]) == (201, "2026-11-25T04:00:00Z")


def test_several_orders_together_begin_when_they_say(ci: Ci) -> None:
    one = {"text": "1 now 4h", "within": "2h"}
    answer = order(ci, "bookings/together", {"orders": [one, one]})
    assert (answer.status_code, answer.json()["code"]) == (422, "within_alone")
    assert bookings_of(ci.lab.site, BOB, now=NOW) == ()


def test_what_is_not_free_names_what_is(
    ci: Ci, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(ci.lab, 2)
    assert run(ci, monkeypatch, "book", "4", "now", "4h", "model", "V100") == Exit.NOT_FREE
    said = capsys.readouterr().err
    assert "free instead: 4 GPUs: 2026-11-25 06:00 UTC – 2026-11-25 10:00 UTC" in said


@pytest.mark.parametrize("text", ["4 sometimes 20h", "4 now", "999 now 4h", "2 now 4h on gpu-99"])
def test_words_that_cannot_be_read_are_a_mistake_in_the_command(ci: Ci, text: str) -> None:
    assert failing(ci, text).code is Exit.USAGE


def test_a_wait_that_is_no_length_is_a_mistake_and_books_nothing(ci: Ci) -> None:
    assert failing(ci, "4 now 4h", wait="soon").code is Exit.USAGE
    assert bookings_of(ci.lab.site, BOB, now=NOW) == ()


@pytest.mark.parametrize("text", ["4 now 20h p0", "4 now 4h team nlp"])
def test_what_the_rules_forbid_is_refused(ci: Ci, text: str) -> None:
    assert failing(ci, text).code is Exit.REFUSED


def test_a_token_without_the_right_to_book_is_refused(start: Callable[..., Ci]) -> None:
    assert failing(start(scopes=(Scope.READ,)), "4 now 4h").code is Exit.REFUSED


def test_a_revoked_token_is_refused(ci: Ci) -> None:
    revoke_token(ci.lab.site, actor(BOB), ci.token, now=NOW)
    assert failing(ci, "4 now 4h").code is Exit.REFUSED


def test_a_booking_that_is_cancelled_while_waiting_is_lost(ci: Ci) -> None:
    fill(ci.lab, 2)
    ci.meanwhile = [
        lambda: None,
        lambda: cancel(ci.lab.site, actor(ALICE), 3, reason="no", now=ci.lab.now) and None,
    ]
    error = failing(ci, "4 now 4h model V100", wait="4h")
    assert (error.code, error.problem["state"]) == (Exit.LOST, "cancelled")


def urgent(ci: Ci, hours: float = 4) -> Callable[[], None]:
    """Have alice take everything that begins at 14:00 for urgent work."""

    def take() -> None:
        wanted = request(8, NOW + 2 * HOUR + 83 * MINUTE, hours, model="V100")
        preempt(ci.lab.site, actor(ALICE), wanted, reason="demo", expected=(3,), now=ci.lab.now)

    return take


def test_a_booking_that_urgent_work_moves_is_waited_for_as_long_as_was_said(ci: Ci) -> None:
    fill(ci.lab, 2)
    ci.meanwhile = [urgent(ci)]
    booking = ci.book("4 now 4h model V100", wait="12h")
    assert "Moved: B3" in ci.said
    assert booking["state"] == "active"


def test_a_booking_that_is_moved_too_late_is_given_back(ci: Ci) -> None:
    fill(ci.lab, 2)
    ci.meanwhile = [urgent(ci)]
    error = failing(ci, "4 now 4h model V100", wait="4h")
    assert error.code is Exit.LOST
    assert get_booking(ci.lab.site, 3).state is BookingState.CANCELLED


def test_or_kept_where_that_was_said(ci: Ci) -> None:
    fill(ci.lab, 2)
    ci.meanwhile = [urgent(ci)]
    assert failing(ci, "4 now 4h model V100", wait="4h", keep=True).code is Exit.LOST
    assert get_booking(ci.lab.site, 3).state is BookingState.RESERVED


def interrupt() -> None:
    raise Interrupted(signal.SIGTERM)


def test_interrupted_while_waiting_it_gives_the_booking_back(ci: Ci) -> None:
    fill(ci.lab, 2)
    ci.meanwhile = [interrupt]
    with pytest.raises(Interrupted) as caught:
        ci.book("4 now 4h model V100", wait="4h")
    assert caught.value.code == 143
    assert get_booking(ci.lab.site, 3).state is BookingState.CANCELLED
    assert len(bookings_of(ci.lab.site, BOB, now=NOW)) == 0


def test_interrupted_it_keeps_the_booking_where_that_was_said(ci: Ci) -> None:
    fill(ci.lab, 2)
    ci.meanwhile = [interrupt]
    with pytest.raises(Interrupted):
        ci.book("4 now 4h model V100", wait="4h", keep=True)
    assert get_booking(ci.lab.site, 3).state is BookingState.RESERVED


def test_interrupted_before_the_answer_came_it_still_gives_the_booking_back(
    ci: Ci, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = httpx.Client.request
    cut = [True]

    def cut_off(client: httpx.Client, method: str, *args: Any, **more: Any) -> httpx.Response:
        answer = send(client, method, *args, **more)
        if cut and method == "POST":
            cut.clear()
            interrupt()
        return answer

    monkeypatch.setattr(httpx.Client, "request", cut_off)
    with pytest.raises(Interrupted):
        ci.book("4 fri 10:00 4h")
    assert get_booking(ci.lab.site, 1).state is BookingState.CANCELLED


def test_a_signal_interrupts_and_a_second_one_would_end_the_program() -> None:
    with pytest.raises(Interrupted) as caught, interruptible():
        signal.raise_signal(signal.SIGINT)
    assert caught.value.code == 130
    with interruptible():
        with pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_the_same_key_books_once(ci: Ci) -> None:
    first, second = (ci.book("4 now 4h model V100", wait="6h") for _ in range(2))
    assert first["id"] == second["id"]
    assert len(bookings_of(ci.lab.site, BOB, now=NOW)) == 1


def test_the_same_key_books_once_although_it_was_not_free_at_first(ci: Ci) -> None:
    fill(ci.lab, 0)
    first = ci.book("4 now 4h model V100", wait="4h")
    second = ci.book("4 now 4h model V100", wait="4h")
    assert first["id"] == second["id"]


def test_a_booking_that_is_over_is_not_passed_off_as_a_new_one(ci: Ci) -> None:
    ci.book("1 fri 10:00 4h")
    cancel(ci.lab.site, actor(BOB), 1, now=ci.lab.now)
    assert failing(ci, "1 fri 10:00 4h").code is Exit.LOST


def test_another_key_books_anew(ci: Ci) -> None:
    assert ci.book("1 now 4h")["id"] != ci.book("1 now 4h", key="other")["id"]


GITHUB = {"GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_JOB": "train"}


def test_a_step_that_is_tried_again_has_the_same_key() -> None:
    assert job_key(GITHUB, "4 now 4h") == job_key(GITHUB, "4 now 4h")
    assert job_key({"CI_JOB_ID": "5"}, "4 now 4h") == job_key({"CI_JOB_ID": "5"}, "4 now 4h")


@pytest.mark.parametrize(
    ("environment", "text", "more"),
    [
        ({**GITHUB, "GITHUB_RUN_ATTEMPT": "2"}, "4 now 4h", ""),
        ({**GITHUB, "GITHUB_JOB": "test"}, "4 now 4h", ""),
        ({**GITHUB, "RUNNER_TRACKING_ID": "github_1"}, "4 now 4h", ""),
        (GITHUB, "2 now 4h", ""),
        (GITHUB, "4 now 4h", "2"),
        ({"CI_JOB_ID": "7"}, "4 now 4h", ""),
    ],
)
def test_another_job_attempt_or_wish_has_another_key(
    environment: dict[str, str], text: str, more: str
) -> None:
    assert job_key(environment, text, more) != job_key(GITHUB, "4 now 4h")


def test_outside_of_a_ci_every_key_is_new() -> None:
    assert job_key({}, "4 now 4h") != job_key({}, "4 now 4h")


@pytest.mark.parametrize(
    ("arguments", "purpose", "text"),
    [
        (["4", "now", "20h"], "", "4 now 20h"),
        (['4 now 20h "yolo"'], "", '4 now 20h "yolo"'),
        (["4", "now", "20h", "night run"], "", '4 now 20h "night run"'),
        (["4", "now", "20h"], "yolo", '4 now 20h "yolo"'),
        (["4", "now", "20h"], 'the "big" one', '4 now 20h «the "big" one»'),
        (["4", "now", "20h", '"night run"'], "", '4 now 20h "night run"'),
    ],
)
def test_the_words_are_put_together_as_they_were_meant(
    arguments: list[str], purpose: str, text: str
) -> None:
    assert worded(arguments, purpose) == text


def test_a_purpose_with_quotes_in_it_arrives_as_it_is(ci: Ci) -> None:
    ci.book(worded(["4", "now", "20h"], 'the "big" <one> & more'))
    assert get_booking(ci.lab.site, 1).purpose == 'the "big" <one> & more'


def test_a_running_booking_is_released(ci: Ci) -> None:
    ci.book("4 now 20h", wait="1h")
    assert ci.pipeline().give_back("B1")["state"] == "ended"
    assert ci.pipeline().give_back("B1")["state"] == "ended"
    assert "over already" in ci.said


def test_a_booking_that_has_not_begun_is_cancelled(ci: Ci) -> None:
    ci.book("4 fri 10:00 20h")
    assert ci.pipeline().give_back("b1")["state"] == "cancelled"


def test_cancelling_what_runs_is_refused(ci: Ci) -> None:
    ci.book("4 now 20h", wait="1h")
    with pytest.raises(Failed) as caught:
        ci.pipeline().cancel("B1")
    assert caught.value.code is Exit.REFUSED
    assert get_booking(ci.lab.site, 1).state is BookingState.ACTIVE


def test_a_cancellation_whose_answer_is_lost_is_no_failure(
    ci: Ci, monkeypatch: pytest.MonkeyPatch
) -> None:
    ci.book("4 fri 10:00 20h")
    send, lost = httpx.Client.request, []

    def shaky(client: httpx.Client, *args: Any, **more: Any) -> httpx.Response:
        answer = send(client, *args, **more)
        if not lost:
            lost.append(answer)
            raise httpx.ReadError("the connection was lost")
        return answer

    monkeypatch.setattr(httpx.Client, "request", shaky)
    assert ci.pipeline().cancel("B1")["state"] == "cancelled"


def test_words_that_are_no_text_are_a_mistake_in_the_command(
    ci: Ci, monkeypatch: pytest.MonkeyPatch
) -> None:
    for job in ({}, {"CI_JOB_ID": "7"}):
        assert run(ci, monkeypatch, "book", "1", "now", "\udcff", **job) == Exit.USAGE


def test_another_teams_booking_is_not_the_pipelines_to_give_back(ci: Ci) -> None:
    reserve(ci.lab.site, actor(DANA), request(4), now=NOW)
    with pytest.raises(Failed) as caught:
        ci.pipeline().give_back("B1")
    assert caught.value.code is Exit.REFUSED


def test_an_outage_is_waited_for(ci: Ci, monkeypatch: pytest.MonkeyPatch) -> None:
    send, failures = httpx.Client.request, [0, 1, 2]

    def shaky(client: httpx.Client, *args: Any, **more: Any) -> httpx.Response:
        if failures and failures.pop() >= 1:
            raise httpx.ConnectError("refused")
        if failures == [] and ci.seconds < 10:
            return httpx.Response(503, json={"detail": "busy"})
        return send(client, *args, **more)

    monkeypatch.setattr(httpx.Client, "request", shaky)
    assert ci.book("4 now 4h")["id"] == "B1"
    assert "trying again in 2 s" in ci.said
    assert "trying again in 4 s" in ci.said


def test_an_outage_that_lasts_is_given_up_on(ci: Ci) -> None:
    client = ci.client("http://127.0.0.1:9", patience_s=100)
    with pytest.raises(Failed) as caught:
        Pipeline(client, ci.told.append, ci.sleep).book(Wish("4 now 4h"), "k")
    assert caught.value.code is Exit.UNREACHABLE
    assert 60 <= ci.seconds <= 100


def test_what_is_no_gpubot_is_named_as_such(ci: Ci, monkeypatch: pytest.MonkeyPatch) -> None:
    page = httpx.Response(200, text="<html>")
    monkeypatch.setattr(httpx.Client, "request", lambda *_args, **_more: page)
    assert failing(ci, "4 now 4h").code is Exit.UNEXPECTED


def test_a_redirect_is_not_followed_with_the_token(ci: Ci, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = httpx.Response(302, headers={"Location": "http://elsewhere.example.org/"})
    monkeypatch.setattr(httpx.Client, "request", lambda *_args, **_more: moved)
    assert failing(ci, "4 now 4h").code is Exit.UNEXPECTED


@pytest.mark.parametrize(
    ("url", "secret"),
    [("http://[bad", "t"), ("http://h:port", "t"), ("http://\0h", "t"), ("http://a b", "t"),
     ("", "t"), ("gpu.lab", "t"), ("ftp://gpu.lab", "t"), ("http://h", ""), ("http://h", "a b"),
     ("http://h", "é")],
)  # fmt: skip
def test_an_address_or_token_that_cannot_be_used_is_a_mistake(url: str, secret: str) -> None:
    with pytest.raises(Failed) as caught:
        Client(url, secret, patience_s=1, tell=print)
    assert caught.value.code is Exit.USAGE


def run(ci: Ci, monkeypatch: pytest.MonkeyPatch, *arguments: str, **job: str) -> int:
    """The command line, with the server and the token in the environment."""
    for name in ("CI_JOB_ID", "GITHUB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in job.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GPUBOT_URL", str(ci.lab.web.base_url))
    monkeypatch.setenv("GPUBOT_TOKEN", ci.secret)
    return cli.main(arguments)


def test_the_booking_is_printed_as_a_shell_reads_it(
    ci: Ci, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(ci, monkeypatch, "book", "4", "fri", "10:00", "4h", "on", "gpu-01") == 0
    out = capsys.readouterr().out
    lines = dict(line.split("=", 1) for line in out.splitlines())
    assert lines == {
        "GPU_BOOKING": "B1",
        "GPU_NODES": "gpu-01",
        "GPU_START": "2026-11-27T02:00:00Z",
        "GPU_END": "2026-11-27T06:00:00Z",
    }


def test_a_running_booking_is_printed_with_its_gpus(
    ci: Ci, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ci.book("2 now 4h on gpu-01", wait="1h")
    monkeypatch.setenv("GPU_BOOKING", "B1")
    assert run(ci, monkeypatch, "release") == 0
    out = capsys.readouterr().out
    assert "CUDA_VISIBLE_DEVICES=0,1\n" in out
    assert "GPU_IDS=gpu-01:0,1\n" in out


def test_json_is_printed_when_asked_for(
    ci: Ci, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(ci, monkeypatch, "book", "4 fri 10:00 4h", "--purpose", "yolo", "--json") == 0
    booking = json.loads(capsys.readouterr().out)
    assert (booking["id"], booking["purpose"]) == ("B1", "yolo")
    assert booking["cuda_visible_devices"] is None


def test_a_failure_is_json_too_when_asked_for(
    ci: Ci, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(ci.lab, 2)
    assert run(ci, monkeypatch, "book", "4 now 4h model V100", "--json") == 3
    told = json.loads(capsys.readouterr().out)
    assert (told["exit"], told["problem"]["code"]) == (3, "conflict")


def test_the_token_is_never_printed(
    ci: Ci, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in ("4 fri 10:00 4h", "4 sometimes", "999 now 4h"):
        run(ci, monkeypatch, "book", words, "--json")
    run(ci, monkeypatch, "book", "1 now 4h", "--url", "http://127.0.0.1:9", "--patience", "0")
    printed = capsys.readouterr()
    assert ci.secret not in printed.out + printed.err
    assert "cannot be reached" in printed.err


def test_release_without_a_booking_is_a_mistake_in_the_command(
    ci: Ci, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GPU_BOOKING", raising=False)
    assert run(ci, monkeypatch, "release") == Exit.USAGE
    assert run(ci, monkeypatch, "release", "../nodes") == Exit.USAGE


def test_the_help_lists_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["book", "--help"])
    shown = capsys.readouterr().out
    assert set(MEANINGS) == set(Exit)
    for code, meaning in MEANINGS.items():
        assert f"{int(code)}  {meaning}" in shown
