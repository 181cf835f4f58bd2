"""Reports over HTTP: JSON and CSV for programs, and the page."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from api_lab import ApiLab, api_lab, refused
from builders import ADMIN, BOB, NODES, NOW, actor, cluster, request
from databases import new_database

from bot.domain.access import Scope
from bot.domain.cluster import Node, Team
from bot.domain.report_definitions import DEFINITIONS, FigureName
from bot.services.reserve import reserve
from bot.services.turn_over import turn_over
from bot.web.report_results import COLUMNS

HOUR = timedelta(hours=1)
#: Yesterday at 10:00 in Shanghai.
THEN = NOW.replace(minute=0) - 24 * HOUR


@pytest.fixture(scope="module")
def lab(module_database_url: str) -> Iterator[ApiLab]:
    """Bob held all of gpu-01 yesterday from 10:00 to 18:00; nothing changes any more."""
    with api_lab(module_database_url) as lab:
        reserve(lab.site, actor(BOB), request(4, THEN, 8, node="gpu-01"), now=THEN)
        for hours in (0, 8):
            turn_over(lab.site, now=THEN + hours * HOUR)
        yield lab


def rows(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    text = answer.content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def page(lab: ApiLab, path: str = "/report", user: str = BOB, **headers: str) -> httpx.Response:
    return lab.signed_in(user).get(f"{lab.address}{path}", headers=headers)


def test_a_program_reads_all_figures_with_their_definitions(lab: ApiLab) -> None:
    told = lab.by(BOB, Scope.REPORT).get("/reports").json()
    assert set(told["definitions"]) == set(FigureName)
    assert told["definitions"]["booked"]["unit"] == "GPU-hours"
    assert told["cluster"]["figures"]["booked"] == {"value": 32, "cases": 1, "before": None}
    assert [team["name"] for team in told["teams"]] == ["vision", "nlp"]
    assert told["teams"][1]["figures"]["booked"]["value"] == 0
    assert told["teams"][0]["reading"][0].startswith("vision booked 32 GPU-hours, used 32")
    assert told["period"]["start"] == "2026-10-28T16:00:00Z"
    # Yesterday was a Tuesday, the only one with a gpubot; gpu-01 is the first of three nodes.
    assert told["nodes"][0]["heat"][1][9:12] == [None, 1, 1]
    assert told["zone"] == "Asia/Shanghai"


def test_a_period_can_be_asked_for(lab: ApiLab) -> None:
    told = lab.by(BOB, Scope.REPORT).get("/reports", params={"period": "last month"}).json()
    assert told["period"]["end"] == "2026-10-31T16:00:00Z"
    assert told["cluster"]["figures"]["booked"]["value"] == 0


def test_an_unknown_period_is_a_problem(lab: ApiLab) -> None:
    for path in ("/reports", "/reports.csv"):
        answer = lab.by(BOB, Scope.REPORT).get(path, params={"period": "soon"})
        refused(answer, 422, "not_understood")


def test_it_takes_the_scope_for_reports(lab: ApiLab) -> None:
    for path in ("/reports", "/reports.csv"):
        refused(lab.by(BOB, Scope.READ).get(path), 403, "scope")
        refused(lab.client().get(path), 401, "not_signed_in")


def test_the_table_has_a_row_a_figure(lab: ApiLab) -> None:
    found = rows(lab.by(BOB, Scope.REPORT).get("/reports.csv"))
    assert tuple(found[0]) == COLUMNS
    (booked,) = [row for row in found if (row["figure"], row["name"]) == ("booked", "vision")]
    assert booked["scope"] == "team"
    assert float(booked["value"]) == 32
    assert booked["unit"] == "GPU-hours"
    assert booked["from"] == "2026-10-28T16:00:00+00:00"
    assert booked["definition"] == DEFINITIONS[FigureName.BOOKED].meaning
    (empty,) = [row for row in found if (row["figure"], row["name"]) == ("wait_median", "vision")]
    assert empty["value"] == ""


def test_the_table_has_the_hours_of_the_week_for_cluster_models_and_teams(lab: ApiLab) -> None:
    found = rows(lab.by(BOB, Scope.REPORT).get("/reports.csv"))
    hourly = [row for row in found if row["hour"] != ""]
    # The cluster, two models and two teams.
    assert len(hourly) == 5 * 7 * 24
    (tuesday,) = [
        row for row in hourly if (row["name"], row["weekday"], row["hour"]) == ("V100", "2", "10")
    ]
    assert float(tuesday["value"]) == 0.5


def test_the_table_is_a_file_that_spreadsheets_read_as_utf_8(lab: ApiLab) -> None:
    answer = lab.by(BOB, Scope.REPORT).get("/reports.csv")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="gpubot-report-2026-10-29.csv"' in answer.headers["Content-Disposition"]


def test_no_cell_is_read_as_a_formula(tmp_path: Path) -> None:
    nasty = "=HYPERLINK(1)"
    nodes = (*NODES, Node(nasty, 4, "@model"))
    with api_lab(new_database(tmp_path), cluster(nodes=nodes)) as lab:
        found = rows(lab.by(BOB, Scope.REPORT).get("/reports.csv"))
    names = {row["name"] for row in found}
    assert {f"'{nasty}", "'@model"} <= names
    assert not any(cell[:1] in "=+-@" for row in found for cell in row.values() if cell)


def test_everybody_who_signed_in_sees_the_page(lab: ApiLab) -> None:
    answer = page(lab)
    assert answer.status_code == 200
    assert "GPUs were held" in answer.text
    assert "GPU-hours promised: each booking as it stood when it began." in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert "style=" not in answer.text


def test_nobody_else_does(lab: ApiLab) -> None:
    answer = lab.client().get(f"{lab.address}/report")
    assert "GPUs were held" not in answer.text
    assert "/gpu calendar" in answer.text


def test_the_page_shows_one_team_or_node(lab: ApiLab) -> None:
    assert "vision booked 32 GPU-hours" in page(lab, "/report?of=team:vision").text
    node = page(lab, "/report?of=node:gpu-01").text
    assert "Tue 10:00–11:00: 100 % held, 4 of 4 GPU-hours" in node
    assert "In words" not in node
    # What nobody knows is the cluster.
    assert "In words: Vision Lab" in page(lab, "/report?of=team:gone").text


def test_a_period_that_is_not_understood_is_said_on_the_page(lab: ApiLab) -> None:
    answer = page(lab, "/report?period=soon")
    assert answer.status_code == 422
    assert "I did not understand “soon”" in answer.text
    assert 'role="alert"' in answer.text


def test_what_was_typed_never_becomes_markup(lab: ApiLab) -> None:
    answer = page(lab, "/report?period=<b>x</b>&of=<i>")
    assert "<b>x</b>" not in answer.text
    assert "<i>" not in answer.text


def test_the_page_is_in_the_languages_of_its_readers(lab: ApiLab) -> None:
    chinese = page(lab, user=ADMIN, **{"Accept-Language": "zh-CN"}).text
    assert "周二" in chinese
    assert "Download CSV" not in chinese
    assert "GPUs were held" not in chinese


def test_names_of_teams_are_escaped(tmp_path: Path) -> None:
    of = cluster()
    of = replace(of, teams=(*of.teams, Team("<script>x", "C0X")))
    with api_lab(new_database(tmp_path), of) as lab:
        assert "<script>x" not in page(lab).text
