"""A cluster that is away, begins, refuses, or forgets what happened: no run ends for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from kubernetes_api.objects import Refusal
from kubernetes_api.server import TOKEN, Call
from kubernetes_api.volcano import JOBS
from runners.contract import RECLAIM_AT, run_in
from runners.kubernetes_lab import KubernetesLab, kubernetes_lab, shipped_rights
from runners.waiting import eventually

from bot.domain.job import Volume, VolumeKind
from bot.domain.run import RunState
from bot.runners.protocol import Refused, Unreachable

CREATE = Call("batch.volcano.sh", "jobs", "create")
COMMAND = Call("bus.volcano.sh", "commands", "create")
NOTE = Call("", "pods", "patch")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[KubernetesLab]:
    with kubernetes_lab(tmp_path) as lab:
        yield lab


def test_a_folder_of_a_node_that_policy_does_not_allow_is_refused(lab: KubernetesLab) -> None:
    run = run_in(lab)
    volumes = (Volume(VolumeKind.HOST, "/etc", "/data"),)
    run.order = replace(run.order, job=replace(run.order.job, volumes=volumes))
    with pytest.raises(Refused, match="/etc"):
        lab.runner.start(run.order)


def test_a_watch_that_expired_begins_anew(lab: KubernetesLab) -> None:
    run = run_in(lab).start()
    for code in (1, 0):
        lab.server.break_watches()
        lab.server.objects.compact()
        other = run_in(lab).start()
        lab.finish(other.key, code)
        other.comes_to(RunState.FAILED if code else RunState.SUCCEEDED)
    lab.server.objects.compact()
    lab.finish(run.key, 0)
    run.comes_to(RunState.SUCCEEDED)


def test_what_happened_while_the_api_server_was_away_is_seen_afterwards(
    lab: KubernetesLab,
) -> None:
    ends, goes_on, is_evicted = (run_in(lab).start() for _run in range(3))
    lab.cut()
    lab.finish(ends.key, 3)
    lab.volcano.evict(is_evicted.key)
    lab.server.objects.compact()
    eventually(lambda: not lab.volcano.pods(is_evicted.key))
    eventually(lab.runner.problem)
    lab.mend()
    eventually(lambda: lab.runner.problem() is None)
    assert ends.comes_to(RunState.FAILED).exit_code == 3
    assert goes_on.comes_to(RunState.RUNNING)
    assert is_evicted.comes_to(RunState.STOPPED)


def test_long_lists_come_in_pieces(lab: KubernetesLab) -> None:
    runs = [run_in(lab).start() for _run in range(4)]
    lab.server.page = 3
    lab.restart()
    seen = lab.runner.observe([run.key for run in runs])
    assert [found.state for found in seen.values()] == [RunState.RUNNING] * 4


@pytest.mark.parametrize(
    ("code", "reason", "message"),
    [
        (403, "Forbidden", "exceeded quota: gpus"),
        (422, "Invalid", "spec.tasks[0].name: Invalid value"),
        (400, "BadRequest", "admission webhook denied the request: unable to find job queue"),
        (404, "NotFound", 'namespaces "gpubot-runs" not found'),
    ],
)
def test_what_the_cluster_will_never_take_is_refused_in_its_words(
    lab: KubernetesLab, code: int, reason: str, message: str
) -> None:
    lab.server.faults[CREATE] = Refusal(code, reason, message, "whatever")
    run = run_in(lab)
    with pytest.raises(Refused) as refused:
        lab.runner.start(run.order)
    assert message in str(refused.value)
    assert lab.runner.observe([run.key]) == {}


# 404 about nothing: an API server that begins, and has not come to know Volcano yet. 409 without
# such a job: a quota that others count on at the same moment.
@pytest.mark.parametrize("code", [404, 409, 429, 500, 503])
def test_what_the_cluster_cannot_do_now_is_tried_again(lab: KubernetesLab, code: int) -> None:
    lab.server.faults[CREATE] = Refusal(code, "Whatever", "etcd is slow")
    run = run_in(lab)
    with pytest.raises(Unreachable, match="etcd is slow"):
        lab.runner.start(run.order)
    lab.server.faults.clear()
    run.start()


@pytest.mark.parametrize(
    ("code", "page"),
    [
        (200, "<html>Please sign in</html>"),
        (403, "<html>Blocked by the firewall</html>"),
        (404, "<html>No such page</html>"),
        (200, '{"status": "ok"}'),
        (200, "[]"),
    ],
)
def test_what_something_in_between_says_is_an_outage_and_ends_nothing(
    lab: KubernetesLab, code: int, page: str
) -> None:
    run = run_in(lab).start()
    lab.server.in_between = (code, page)
    with pytest.raises(Unreachable):
        lab.runner.start(run_in(lab).order)
    lab.server.break_watches()
    eventually(lab.runner.problem)
    with pytest.raises(Unreachable):
        lab.runner.observe([run.key])
    lab.server.in_between = None
    eventually(lambda: lab.runner.problem() is None)
    assert run.look().state is RunState.RUNNING


def test_an_api_server_that_begins_and_knows_no_rights_yet_is_no_refusal(
    lab: KubernetesLab,
) -> None:
    lab.server.rights = shipped_rights() - {CREATE}
    run = run_in(lab)
    with pytest.raises(Unreachable, match="cannot create resource"):
        lab.runner.start(run.order)
    lab.server.rights = shipped_rights()
    run.start()


def test_a_job_that_breaks_the_schema_is_refused_with_the_place(lab: KubernetesLab) -> None:
    lab.settings = replace(lab.settings, queues=dict.fromkeys(lab.settings.queues, "No Queue"))
    lab.restart()
    with pytest.raises(Refused, match=r"spec\.queue"):
        lab.runner.start(run_in(lab).order)


def test_credentials_that_are_no_longer_taken_are_an_outage_and_end_nothing(
    lab: KubernetesLab,
) -> None:
    run = run_in(lab).start()
    lab.server.tokens.clear()
    lab.server.break_watches()
    problem = eventually(lab.runner.problem)
    assert "credentials" in problem
    with pytest.raises(Unreachable):
        lab.runner.observe([run.key])
    lab.server.tokens.add(TOKEN)
    eventually(lambda: lab.runner.problem() is None)
    assert run.look().state is RunState.RUNNING


def test_missing_rights_are_told_as_that(lab: KubernetesLab) -> None:
    lab.server.rights = shipped_rights() - {Call("", "pods", "list")}
    lab.restart()
    assert "pods" in (lab.runner.problem() or "")
    assert "403" in (lab.runner.problem() or "")


def test_a_server_that_has_not_come_to_know_volcano_yet_loses_no_run(lab: KubernetesLab) -> None:
    run = run_in(lab).start()
    lab.server.objects.remove(JOBS, run.key)
    eventually(lambda: lab.runner._jobs.get(run.key) is None)
    get = Call("batch.volcano.sh", "jobs", "get")
    lab.server.faults[get] = Refusal(
        404, "NotFound", "the server could not find the requested resource"
    )
    with pytest.raises(Unreachable):
        lab.runner.observe([run.key])


def test_a_warning_that_pods_may_not_take_yet_hides_no_run(lab: KubernetesLab) -> None:
    warned, other = run_in(lab).start(), run_in(lab).start()
    lab.server.faults[NOTE] = Refusal(403, "Forbidden", "admission webhook denied the request")
    with pytest.raises(Unreachable, match="admission webhook"):
        lab.runner.warn(warned.key, RECLAIM_AT, "P0 work")
    seen = lab.runner.observe([warned.key, other.key])
    assert [found.state for found in seen.values()] == [RunState.RUNNING] * 2
    lab.server.faults.clear()
    eventually(lambda: warned.look() and warned.words().count("warned") == 1, warned.words)


# 404 about nothing: Volcano was installed without the kind of its commands.
@pytest.mark.parametrize("code", [403, 404, 500])
def test_a_run_ends_without_volcanos_commands_and_hides_no_other(
    lab: KubernetesLab, code: int
) -> None:
    stopped, other = run_in(lab).start(), run_in(lab).start()
    lab.server.faults[COMMAND] = Refusal(code, "Whatever", "no such thing as a command")
    lab.runner.insist_after_s = 0.0
    with pytest.raises(Unreachable, match="no such thing"):
        lab.runner.stop(stopped.key, "its time is over")
    assert lab.runner.observe([other.key])[other.key].state is RunState.RUNNING
    stopped.comes_to(RunState.STOPPED)
