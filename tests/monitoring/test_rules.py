"""Rules, alerts and dashboards are valid for Prometheus's own tools, use existing metrics, and have runbook entries."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from common.observability import metrics
from tests.monitoring.tools import PROMETHEUS, RULES, run
from tests.tidy.repository import ROOT
from tests.tidy.test_docs_operations import exposed

HERE = Path(__file__).parent
FILES = sorted(RULES.glob("*.yml"))
GROUPS = [group for file in FILES for group in yaml.safe_load(file.read_text())["groups"]]
RULE_LIST: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULE_LIST if "alert" in rule}
RECORDED = {rule["record"] for rule in RULE_LIST if "record" in rule}
TESTS = sorted(HERE.glob("*.test.yml"))
REPORTED = [test for file in TESTS for test in yaml.safe_load(file.read_text())["tests"]]
RUNBOOK = (ROOT / "deploy" / "runbook.md").read_text()
DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
NOT_OURS = {"up", "probe_success", "probe_ssl_earliest_cert_expiry"}


def test_promtool_understands_the_rules() -> None:
    run("promtool", "check", "rules", *FILES)


@pytest.mark.parametrize("file", sorted(PROMETHEUS.glob("*.yml")), ids=lambda file: file.name)
def test_promtool_understands_the_configuration(file: Path) -> None:
    run("promtool", "check", "config", file)


@pytest.mark.parametrize("file", sorted(PROMETHEUS.glob("*.yml")), ids=lambda file: file.name)
def test_prometheus_scrapes_all_jobs_that_the_rules_name(file: Path) -> None:
    jobs = {job["job_name"] for job in yaml.safe_load(file.read_text())["scrape_configs"]}

    assert {"gateway", "worker", "console"} <= jobs
    assert set(re.findall(r'job="(\w+)"', "".join(rule["expr"] for rule in RULE_LIST))) <= {*jobs, "certificate"}


def test_amtool_accepts_the_alertmanager_configuration() -> None:
    run("amtool", "check-config", ROOT / "deploy" / "alertmanager" / "alertmanager.yml")


@pytest.mark.acceptance
@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.name)
def test_alerts_fire_when_they_should_and_only_then(file: Path) -> None:
    run("promtool", "test", "rules", file)


@pytest.mark.parametrize("alert", ALERTS)
class TestAlert:
    def test_alert_has_promtool_tests_in_which_it_fires_and_stays_silent(self, alert: str) -> None:
        tests = [test for test in REPORTED if test["name"] == alert]
        values = {case["exp_samples"][0]["value"] for test in tests for case in test["promql_expr_test"]}

        assert values == {0, 1}

    def test_runbook_entry_of_an_alert_has_symptom_look_and_act(self, alert: str) -> None:
        entry = RUNBOOK.split(f"\n### {alert}\n")

        assert len(entry) == 2, "one heading an alert"
        assert re.findall(r"^\*\*(\w+)\.\*\*", entry[1].split("\n### ")[0], re.MULTILINE) == ["Symptom", "Look", "Act"]

    def test_alert_links_to_its_runbook_entry_and_has_a_severity(self, alert: str) -> None:
        rule = ALERTS[alert]

        assert rule["annotations"]["runbook_url"] == f"deploy/runbook.md#{alert.lower()}"
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in ("critical", "warning", "info")


def test_the_runbook_is_about_alerts_that_exist() -> None:
    assert set(re.findall(r"^### (\w+)$", RUNBOOK, re.MULTILINE)) == set(ALERTS)


def test_inhibition_rules_name_only_alerts_that_exist() -> None:
    text = (ROOT / "deploy" / "alertmanager" / "alertmanager.yml").read_text()
    named = {name for found in re.findall(r'alertname=~?"([^"]+)"', text) for name in found.split("|")}

    assert named <= set(ALERTS)


@pytest.mark.parametrize("rule", RULE_LIST, ids=lambda rule: rule.get("alert") or rule["record"])
def test_rule_uses_only_metrics_and_labels_that_exist(rule: dict[str, Any]) -> None:
    assert unknown(rule["expr"]) == set()


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.name)
class TestDashboard:
    def test_every_query_names_a_metric_and_labels_that_exist(self, file: Path) -> None:
        assert {query: names for query in queries(json.loads(file.read_text())) if (names := unknown(query))} == {}

    def test_prometheus_would_understand_every_query(self, file: Path) -> None:
        promql = pytest.importorskip("promql_parser", reason="no promql-parser here: pip install promql-parser")

        assert [promql.parse(query) for query in queries(json.loads(file.read_text()))]

    def test_a_panel_has_a_title_a_unit_and_a_query(self, file: Path) -> None:
        panels = [panel for panel in json.loads(file.read_text())["panels"] if panel["type"] != "row"]

        assert all(panel["title"] and panel["fieldConfig"]["defaults"]["unit"] and panel["targets"] for panel in panels)
        assert len({panel["id"] for panel in panels}) == len(panels)

    def test_dashboard_uses_only_provisioned_data_sources(self, file: Path) -> None:
        sources = ROOT / "deploy" / "grafana" / "provisioning" / "datasources"
        known = {
            source["uid"]
            for page in sources.glob("*.yml")
            for source in yaml.safe_load(page.read_text())["datasources"]
        }

        assert set(re.findall(r'"uid": "(\w+)"\s*\}', file.read_text())) <= known


def test_minimum_of_a_gauge_without_labels_counts_only_workers() -> None:
    """A minimum counts only processes that set the gauge: without labels, it is 0 in processes that never set it."""
    asked = [rule["expr"] for rule in RULE_LIST]
    asked += [query for file in DASHBOARDS for query in queries(json.loads(file.read_text()))]
    minima = [found for query in asked for found in re.findall(r"\bmin\s*\(\s*(advent_\w+)(\{[^}]*\})?", query)]

    assert minima
    assert [name for name, which in minima if not exposed()[name]._labelnames and 'job="worker"' not in which] == []


def test_grafana_reads_dashboards_where_compose_mounts_them() -> None:
    provider = ROOT / "deploy" / "grafana" / "provisioning" / "dashboards" / "dashboards.yml"

    assert yaml.safe_load(provider.read_text())["providers"][0]["options"]["path"] == "/etc/grafana/dashboards"
    assert DASHBOARDS


def queries(dashboard: dict[str, Any]) -> Iterator[str]:
    """Yield the PromQL queries of a dashboard; those for Loki are tested elsewhere."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            if target.get("datasource", panel.get("datasource", {}))["type"] == "prometheus":
                yield target["expr"].replace("$__rate_interval", "5m")


def unknown(query: str) -> set[str]:
    """Return the metrics and labels of a query that no process exposes."""
    return {
        f"{name}{{{label}}}" if label else name
        for name, labels in selectors(query)
        for label in [None, *labels]
        if not is_known(name, label)
    }


def selectors(query: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the metric and the matched labels of each selector in a query."""
    bare = re.sub(r"\b(?:by|on|without|ignoring|group_left)\s*\([^)]*\)", "", query)
    for name, _, matchers in re.findall(r"\b((?:advent[_:]|up\b|probe_)[\w:]*)(\{([^}]*)\})?", bare):
        yield name, re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", re.sub(r'"[^"]*"', '""', matchers))


def is_known(name: str, label: str | None) -> bool:
    if name in NOT_OURS | RECORDED:
        return True
    plain = re.sub(r"_(bucket|count|sum)$", "", name)
    metric = exposed().get(name) or exposed().get(plain)
    if metric is None or (plain != name and metric._type != "histogram"):
        return False
    return label is None or label in (*metric._labelnames, "job", "instance", "le")


def test_query_with_an_unknown_metric_or_label_is_detected() -> None:
    assert unknown("sum by (kind) (rate(advent_webhook_total[5m]))") == {"advent_webhook_total"}
    assert unknown('max(advent_dead_letters{person="ada"})') == {"advent_dead_letters{person}"}
    assert metrics.DEAD_LETTERS._name == "advent_dead_letters"
