"""What is shipped for Prometheus and Grafana: valid, and about metrics that exist."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from builders import cluster
from databases import new_database
from servers import ROOT, ROUTES, RULES, needed
from serving import served

from bot.domain.alert_notice import AlertNotice
from bot.domain.gpu_health import HARDWARE_XIDS, HEALTH, Thresholds
from bot.monitoring.dcgm import METRICS
from bot.web.metrics import Metrics, Sources, TickFigures, metric_routes
from bot.web.own_metrics import audit_metrics, clock_metrics, disk_metrics
from bot.web.runner_metrics import runner_metrics

DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "gpubot.json").read_text())
GROUPS = yaml.safe_load(RULES.read_text())["groups"]
ALERTS = [rule for group in GROUPS for rule in group["rules"]]
METRIC = re.compile(r"\b(?:gpubot|DCGM_FI)_\w+")


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of all series that gpubot shows."""

    def routes(site, now):
        more = [
            lambda: audit_metrics(True),
            lambda: clock_metrics(0.0, 0.0),
            disk_metrics({"database": RULES.parent}),
            lambda: runner_metrics(site, "local"),
        ]
        ticks = [TickFigures("due", 0, 0)]
        sources = Sources(lambda: ticks, lambda: True, lambda: True, more)
        metrics = Metrics(site, now, sources)
        metrics.decided("command", 0.1)
        return metric_routes(metrics)

    with served(new_database(tmp_path_factory.mktemp("metrics")), routes) as made:
        text = made.web.get("/metrics").text
    return {re.split(r"[{ ]", line)[0] for line in text.splitlines() if not line.startswith("#")}


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def queries() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def test_the_rules_are_prometheus_rules() -> None:
    run(needed("promtool", "prometheus"), "check", "rules", str(RULES))


def test_the_routes_are_alertmanagers() -> None:
    needed("prometheus-alertmanager", "prometheus-alertmanager")
    run(needed("amtool", "prometheus-alertmanager"), "check-config", str(ROUTES))


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: str(rule["alert"]))
def test_every_rule_says_what_to_do(rule: dict[str, Any]) -> None:
    assert len(rule["annotations"]["runbook"]) > 20
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"
    assert rule["labels"]["severity"] in ("warning", "critical")


def test_rules_and_panels_are_about_metrics_that_exist(ours: set[str]) -> None:
    known = ours | set(METRICS)
    for expression in [*queries(), *(rule["expr"] for rule in ALERTS)]:
        named = set(METRIC.findall(expression))
        assert named or "up{" in expression or "kube_deployment_" in expression, expression
        assert named <= known, expression


def test_the_dashboard_shows_all_that_gpubot_measures(ours: set[str]) -> None:
    shown = {name for expression in queries() for name in METRIC.findall(expression)}
    spare = re.compile(r"_(?:created|sum|bucket|count)$")
    assert {name for name in ours if name.startswith("gpubot_") and not spare.search(name)} <= shown


def test_the_dashboard_is_whole() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    assert all(panel["title"] and panel["targets"] for panel in panels())
    places = [tuple(panel["gridPos"].values()) for panel in DASHBOARD["panels"]]
    assert len(set(places)) == len(places)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels())


def test_the_dashboards_queries_are_prometheus_queries(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$node", ".*")}
        for number, expression in enumerate(queries())
    ]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    run(needed("promtool", "prometheus"), "check", "rules", str(file))


def test_the_rules_for_gpus_are_known_and_have_the_thresholds_of_the_configuration() -> None:
    named = {rule["labels"].get("gpubot_kind"): rule for rule in ALERTS}
    assert {kind.value for kind in HEALTH} <= set(named)
    for name in ("GpuXidHardware", "GpuXid"):
        (rule,) = (rule for rule in ALERTS if rule["alert"] == name)
        assert {int(xid) for xid in re.findall(r"== (\d+)", rule["expr"])} == HARDWARE_XIDS
    limits = Thresholds()
    assert f">= {limits.temperature:g} " in named["temperature"]["expr"]
    assert named["memory"]["expr"].endswith(f">= {limits.memory:g}")
    node = cluster().nodes[0].name
    for rule in ALERTS:
        kind = rule["labels"].get("gpubot_kind", "other")
        notice = AlertNotice(
            "f", True, None, rule["alert"], rule["labels"], node=node,
            gpu=0 if kind != "other" else None,
        )  # fmt: skip
        assert notice.kind.value == kind


LABELS = 'Hostname="gpu-01", gpu="3"'
OURS = '{namespace="gpubot", deployment="gpubot"}'
AVAILABLE = f"kube_deployment_status_replicas_available{OURS}"
WANTED = f"kube_deployment_spec_replicas{OURS}"
CASES = f"""
rule_files: ["{RULES}"]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: 'DCGM_FI_DEV_GPU_TEMP{{{LABELS}}}'
        values: '60 91 91 91 60'
      - series: 'DCGM_FI_DEV_GPU_TEMP{{Hostname="gpu-02", gpu="0"}}'
        values: '9223372036854775794x5'
      - series: 'DCGM_FI_DEV_FB_USED{{{LABELS}}}'
        values: '98x5'
      - series: 'DCGM_FI_DEV_FB_FREE{{{LABELS}}}'
        values: '2x5'
      - series: 'DCGM_FI_DEV_ECC_DBE_VOL_TOTAL{{{LABELS}}}'
        values: '0 0 2 2 2'
    alert_rule_test:
      - eval_time: 1m
        alertname: GpuTemperature
      - eval_time: 3m
        alertname: GpuTemperature
        exp_alerts:
          - exp_labels: {{severity: warning, gpubot_kind: temperature, Hostname: gpu-01, gpu: "3"}}
            exp_annotations:
              runbook_url: docs/runbook.md#gputemperature
              summary: "GPU 3 of gpu-01 is at 91 °C"
              value: "91"
              runbook: >-
                The GPU slows itself down. Look at the fans, the air flow, and what its neighbours
                do; drain the node when it stays.
      - eval_time: 4m
        alertname: GpuTemperature
      - eval_time: 1m
        alertname: GpuEcc
  - interval: 1m
    input_series:
      - series: 'DCGM_FI_DEV_XID_ERRORS{{{LABELS}}}'
        values: '0 31x100'
      - series: 'DCGM_FI_DEV_XID_ERRORS{{Hostname="gpu-02", gpu="0"}}'
        values: '0 79x100'
    promql_expr_test:
      - expr: count by (alertname, Hostname) (ALERTS{{gpubot_kind="xid"}})
        eval_time: 5m
        exp_samples:
          - labels: '{{alertname="GpuXid", Hostname="gpu-01"}}'
            value: 1
          - labels: '{{alertname="GpuXidHardware", Hostname="gpu-02"}}'
            value: 1
      - expr: count by (alertname, Hostname) (ALERTS{{gpubot_kind="xid"}})
        eval_time: 90m
        exp_samples:
          - labels: '{{alertname="GpuXidHardware", Hostname="gpu-02"}}'
            value: 1
  - interval: 1m
    input_series:
      - series: 'gpubot_slack_connected'
        values: '1 0x20'
      - series: 'gpubot_outbox_oldest_seconds'
        values: '0 400x20'
      - series: 'gpubot_tick_lag_seconds{{tick="due"}}'
        values: '0 500x20'
      - series: 'gpubot_tick_failures_total{{tick="due"}}'
        values: '0+1x20'
      - series: 'gpubot_monitoring_up'
        values: '0x20'
      - series: 'gpubot_database_up'
        values: '0x20'
      - series: 'gpubot_audit_whole'
        values: '1 0x20'
      - series: 'gpubot_clock_jump_seconds'
        values: '0 7200x4 0x15'
      - series: 'gpubot_clock_offset_seconds'
        values: '0 -7200x20'
      - series: 'gpubot_disk_free_ratio{{place="database"}}'
        values: '0.05x20'
      - series: 'gpubot_disk_free_ratio{{place="logs"}}'
        values: '0.5x20'
      - series: 'gpubot_runner_up{{runner="slurm"}}'
        values: '0x20'
      - series: '{AVAILABLE}'
        values: '1x20'
      - series: '{WANTED}'
        values: '2x20'
      - series: 'up{{job="gpubot"}}'
        values: '0x20'
      - series: 'up{{job="dcgm-exporter", instance="gpu-01:9400"}}'
        values: '0x20'
      - series: 'gpubot_decision_seconds_bucket{{by="command", le="0.5"}}'
        values: '0x20'
      - series: 'gpubot_decision_seconds_bucket{{by="command", le="2.5"}}'
        values: '0+60x20'
      - series: 'gpubot_decision_seconds_bucket{{by="command", le="+Inf"}}'
        values: '0+60x20'
    promql_expr_test:
      - expr: count by (alertname) (ALERTS{{alertstate="firing"}})
        eval_time: 16m
        exp_samples:
{{firing}}
  - interval: 1m
    input_series:
      - series: 'up{{job="gpubot"}}'
        values: '1x20'
      - series: 'gpubot_slack_connected'
        values: '1 0 0 1x20'
      - series: 'gpubot_database_up'
        values: '1x20'
      - series: 'gpubot_audit_whole'
        values: '1x20'
      - series: 'gpubot_clock_jump_seconds'
        values: '0x20'
      - series: 'gpubot_clock_offset_seconds'
        values: '-2x20'
      - series: 'gpubot_disk_free_ratio{{place="database"}}'
        values: '0.5x20'
      - series: 'gpubot_runner_up{{runner="slurm"}}'
        values: '1x20'
      - series: '{AVAILABLE}'
        values: '2x20'
      - series: '{WANTED}'
        values: '2x20'
    promql_expr_test:
      - expr: count(ALERTS{{alertstate="firing"}})
        eval_time: 16m
  - interval: 1m
    input_series:
      - series: 'up{{job="another"}}'
        values: '1x20'
    promql_expr_test:
      - expr: count by (alertname) (ALERTS{{alertstate="firing"}})
        eval_time: 16m
        exp_samples:
          - labels: '{{alertname="GpubotAbsent"}}'
            value: 1
"""
FIRING = ("GpuMetricsMissing", "GpubotDown", "GpubotSlackDisconnected", "GpubotOutboxStuck",
          "GpubotTickLate", "GpubotTickFailing", "GpubotSlow", "GpubotMonitoringDown",
          "GpubotDatabaseDown", "GpubotAuditBroken", "GpubotDiskFull", "GpubotRunnerDown",
          "GpubotReplicasMissing", "GpubotClockWrong")  # fmt: skip


def test_every_rule_fires_when_it_should_and_not_before(tmp_path: Path) -> None:
    expected = "\n".join(
        f"          - labels: '{{alertname=\"{name}\"}}'\n            value: 1" for name in FIRING
    )
    file = tmp_path / "cases.yml"
    file.write_text(CASES.replace("{firing}", expected))
    run(needed("promtool", "prometheus"), "test", "rules", str(file))
