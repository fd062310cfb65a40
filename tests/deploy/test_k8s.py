"""deploy/k8s: both overlays, as `kubectl kustomize` renders them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from common.observability import metrics
from common.settings.load import load_settings
from common.settings.process_needs import NEEDED, SECRETS
from common.settings.settings import SETTING_NAMES
from services.gateway.app import ENDPOINTS
from services.gateway.http.body import BODY_BYTES_MAX
from tests.deploy import prometheus_rule
from tests.deploy.test_compose import REAL
from tests.deploy.yaml_files import load, load_all, run, yaml
from tests.tidy.repository import ROOT

K8S = ROOT / "deploy" / "k8s"
OVERLAYS = ("small", "production")
VERSIONS = ("1.31.0", "1.37.0")
"""The oldest version that we support, and the newest that the validator knows."""
NOT_ITS_OWN = {"ScaledObject", "ServiceMonitor", "PrometheusRule"}
"""Kinds of KEDA and of the Prometheus operator; Kubernetes does not ship their schemas."""
DRAIN_S = 30

both = pytest.mark.parametrize("overlay", OVERLAYS)


@cache
def rendered(overlay: str) -> str:
    return run("kubectl", "kustomize", K8S / "overlays" / overlay)


def objects(overlay: str, *kinds: str) -> list[Any]:
    return [found for found in load_all(rendered(overlay)) if not kinds or found["kind"] in kinds]


def workloads(overlay: str) -> dict[str, Any]:
    """Return the objects that start pods, by name without `advent-`."""
    found = objects(overlay, "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod")
    return {one["metadata"]["name"].removeprefix("advent-"): one for one in found}


def pods(overlay: str) -> list[tuple[Any, Any]]:
    """Return (specification of the pod, container) for every container of every workload."""
    specs = [one["spec"]["template"]["spec"] for one in workloads(overlay).values()]
    return [(spec, one) for spec in specs for one in [*spec["containers"], *spec.get("initContainers", [])]]


@both
@pytest.mark.parametrize("version", VERSIONS)
def test_manifests_are_valid_for_kubernetes(overlay: str, version: str, tmp_path: Path) -> None:
    import json

    for number, one in enumerate(objects(overlay)):
        if one["kind"] not in NOT_ITS_OWN:
            (tmp_path / f"{number}.json").write_text(json.dumps(one))
    run("kubernetes-validate", "--strict", "-k", version, *sorted(tmp_path.glob("*.json")))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_job_that_migrates_the_store_runs_as_the_worker_does(version: str, tmp_path: Path) -> None:
    import json

    file = K8S / "components" / "migrate" / "migrate.yaml"
    job, volume = load_all(file.read_text())
    for one in (job, volume):
        (tmp_path / f"{one['kind']}.json").write_text(json.dumps(one))
    run("kubernetes-validate", "--strict", "-k", version, *sorted(tmp_path.glob("*.json")))

    worker = workloads("small")["worker"]["spec"]["template"]["spec"]
    pod = job["spec"]["template"]["spec"]
    for name in ("serviceAccountName", "automountServiceAccountToken", "enableServiceLinks", "securityContext"):
        assert pod[name] == worker[name]
    container, like = pod["containers"][0], worker["containers"][0]
    assert container["args"] == ["migrate"]
    assert container["securityContext"] == like["securityContext"]
    # docs/deploy.md applies these two objects alone, by this label.
    assert {"migrate"} == {one["metadata"]["labels"]["app.kubernetes.io/component"] for one in (job, volume)}


@both
def test_every_container_is_unprivileged_and_can_write_only_to_its_volumes(overlay: str) -> None:
    for pod, container in pods(overlay):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "runAsNonRoot": True,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
        assert pod["automountServiceAccountToken"] is False


@both
def test_pods_get_no_service_links_that_look_like_settings(overlay: str) -> None:
    """A Service called gateway would put GATEWAY_PORT=tcp://10.… into every pod of its namespace."""
    assert all(pod["enableServiceLinks"] is False for pod, _ in pods(overlay))


@both
def test_every_container_has_resource_limits_and_probes(overlay: str) -> None:
    for _, container in pods(overlay):
        assert {"cpu", "memory"} == set(container["resources"]["requests"])
        assert "memory" in container["resources"]["limits"]
        assert all(container[f"{probe}Probe"] for probe in ("startup", "readiness", "liveness"))


@both
def test_pod_grace_period_exceeds_the_drain_time_of_its_process(overlay: str) -> None:
    for pod, container in pods(overlay):
        command = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", "0"])
        assert pod["terminationGracePeriodSeconds"] > int(command[1]) + DRAIN_S


@both
def test_probes_use_the_ports_and_paths_that_processes_serve(overlay: str) -> None:
    settings = settings_of(overlay)
    ports = {"gateway": settings.gateway_port, "worker": settings.worker_metrics_port, "console": settings.console_port}
    assert {"/health", "/ready"} < {route.path for route in ENDPOINTS}

    for _, container in pods(overlay):
        if container["name"] == "store":
            continue
        named = {port["name"]: port["containerPort"] for port in container["ports"]}
        asked = {container[f"{probe}Probe"]["httpGet"]["port"] for probe in ("startup", "readiness", "liveness")}
        assert {ports[container["name"]]} == {named[port] for port in asked}
        assert container["livenessProbe"]["httpGet"]["path"] == "/health"
        assert container["args"] == [container["name"]]


@both
def test_gateway_pod_stores_its_spool_on_a_retained_volume(overlay: str) -> None:
    gateway = workloads(overlay)["gateway"]
    container = gateway["spec"]["template"]["spec"]["containers"][0]
    claims = [claim["metadata"]["name"] for claim in gateway["spec"]["volumeClaimTemplates"]]

    assert gateway["kind"] == "StatefulSet"
    mounted = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] in claims]
    assert mounted == [str(settings_of(overlay).data_dir)]
    assert {"Retain"} == set(gateway["spec"]["persistentVolumeClaimRetentionPolicy"].values())
    assert gateway["spec"]["replicas"] > 1


@both
def test_roll_out_stops_no_worker_before_its_replacement_is_ready(overlay: str) -> None:
    strategy = workloads(overlay)["worker"]["spec"]["strategy"]

    assert strategy["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


@both
def test_config_map_has_only_known_settings_and_all_that_a_start_needs(overlay: str) -> None:
    assert {name.removesuffix("_FILE") for name in config_of(overlay)} <= set(SETTING_NAMES)
    assert settings_of(overlay).is_real


@both
def test_no_secret_is_in_a_manifest(overlay: str) -> None:
    assert objects(overlay, "Secret") == []
    for name in config_of(overlay):
        assert not re.search(r"(SECRET|TOKEN|_KEY|REDIS_URL)", name) or name.endswith("_FILE"), name


@both
def test_pod_gets_only_the_settings_and_secrets_that_its_process_needs(overlay: str) -> None:
    """All processes share one ConfigMap: with keys of their own, they would not know each other's unsubscribe links."""
    ours = [(pod, one) for pod, one in pods(overlay) if one["name"] != "store"]
    (config,) = {one["metadata"]["name"] for one in objects(overlay, "ConfigMap") if "GATEWAY_PORT" in one["data"]}

    for pod, one in ours:
        assert "envFrom" not in one
        needed = {f"{name.upper()}_FILE" if name in SECRETS else name.upper() for name in NEEDED[one["name"]]}
        from_config = {each["name"]: each["valueFrom"]["configMapKeyRef"] for each in one["env"] if "valueFrom" in each}
        assert {name for name in from_config if not name.startswith("OTEL_")} == needed
        assert from_config == {name: {"name": config, "key": name, "optional": True} for name in from_config}
        (secret,) = [volume["secret"] for volume in pod["volumes"] if volume["name"] == "secrets"]
        files = NEEDED[one["name"]] & set(SECRETS)
        assert (secret["secretName"], secret["defaultMode"], secret["optional"]) == ("advent", 0o440, True)
        assert {item["key"] for item in secret["items"]} == {item["path"] for item in secret["items"]} == files
        hidden = {each["name"]: each["value"] for each in one["env"] if "value" in each}
        named = {name for name in config_of(overlay) if name.endswith("_FILE")}
        assert hidden == {name: "elsewhere" for name in named - needed}
    assert "SECRET_KEY_FILE" in config_of(overlay)


@both
def test_every_setting_of_an_overlay_reaches_a_process(overlay: str) -> None:
    handed = {each["name"] for _, one in pods(overlay) for each in one.get("env", []) if "valueFrom" in each}

    assert config_of(overlay).keys() <= handed


@both
def test_disruption_budget_selects_its_pods_and_allows_draining(overlay: str) -> None:
    budgets = objects(overlay, "PodDisruptionBudget")

    assert {"advent-gateway", "advent-worker"} == {one["metadata"]["name"] for one in budgets}
    for budget in budgets:
        of = workloads(overlay)[budget["metadata"]["name"].removeprefix("advent-")]
        assert matches(budget["spec"]["selector"], of)
        # At least one pod may be evicted; otherwise a node could never be drained.
        assert budget["spec"].get("minAvailable", 0) < of["spec"].get("replicas", 2)


@both
def test_network_policies_deny_all_traffic_that_they_do_not_allow(overlay: str) -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in objects(overlay, "NetworkPolicy")}

    assert policies.pop("nothing") == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, policy in policies.items():
        assert any(matches(policy["podSelector"], one) for one in workloads(overlay).values()), name
        assert all(
            rule.get("to") or rule.get("from") for kind in ("egress", "ingress") for rule in policy.get(kind, [])
        )
        assert all(rule["ports"] for kind in ("egress", "ingress") for rule in policy.get(kind, []))
    # Only workers may connect to the internet, and none of them to private networks.
    outward = [one for one in policies.values() if "0.0.0.0/0" in str(one)]
    assert [one["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for one in outward] == ["worker"]


@both
def test_services_find_their_pods(overlay: str) -> None:
    for service in objects(overlay, "Service"):
        found = [
            one for one in workloads(overlay).values() if matches({"matchLabels": service["spec"]["selector"]}, one)
        ]
        assert len(found) == 1, service["metadata"]["name"]
        ports = {port["name"] for port in found[0]["spec"]["template"]["spec"]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_service_monitor_selects_all_three_processes() -> None:
    (monitor,) = objects("production", "ServiceMonitor")
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    found = [one for one in objects("production", "Service") if wanted <= one["metadata"]["labels"].items()]

    label = monitor["spec"]["jobLabel"]
    assert {"gateway", "worker", "console"} == {one["metadata"]["labels"][label] for one in found}
    ports = {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]}
    assert all(ports <= {port["name"] for port in one["spec"]["ports"]} for one in found)


def test_prometheus_rule_object_equals_the_tested_rule_files(tmp_path: Path) -> None:
    """tests/monitoring tests the rule files; the PrometheusRule object has the same text."""
    (rule,) = objects("production", "PrometheusRule")
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rule["spec"]))

    assert prometheus_rule.FILE.read_text() == prometheus_rule.text(), "python -m tests.deploy.prometheus_rule"
    assert rule["spec"]["groups"] == [group for file in prometheus_rule.RULES for group in load(file)["groups"]]
    run("promtool", "check", "rules", tmp_path / "rules.yml")


def test_keda_scales_workers_by_metrics_that_exist() -> None:
    (scaled,) = objects("production", "ScaledObject")

    assert scaled["spec"]["scaleTargetRef"]["name"] == "advent-worker"
    assert "replicas" not in workloads("production")["worker"]["spec"]
    named = {name for trigger in scaled["spec"]["triggers"] for name in metrics_in(trigger["metadata"]["query"])}
    known = {one._name for one in vars(metrics).values() if hasattr(one, "_name")}
    assert named
    assert {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in named} <= known


def test_ingress_exposes_only_public_paths_and_no_metrics() -> None:
    (ingress,) = objects("production", "Ingress")
    paths = {path["path"] for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]}
    annotations = ingress["metadata"]["annotations"]

    assert {"/webhook", "/unsubscribe", "/calendar", "/health"} == paths
    assert int(annotations["nginx.org/client-max-body-size"].removesuffix("k")) * 1024 > BODY_BYTES_MAX
    assert annotations["nginx.org/limit-req-reject-code"] == "429"


def test_store_of_the_cluster_is_configured_like_that_of_compose() -> None:
    theirs = (K8S / "store" / "valkey.conf").read_text()

    assert theirs == (ROOT / "deploy" / "compose" / "valkey.conf").read_text()
    compose = load(ROOT / "docker-compose.yml")["services"]["store"]
    store = workloads("small")["store"]["spec"]["template"]["spec"]
    assert compose["image"] == store["containers"][0]["image"]
    identity = store["securityContext"]
    assert compose["user"] == f"{identity['runAsUser']}:{identity['runAsGroup']}"


def config_of(overlay: str) -> dict[str, str]:
    """Return the settings that every process of ours gets."""
    found: list[dict[str, str]] = [
        one["data"] for one in objects(overlay, "ConfigMap") if "GATEWAY_PORT" in one["data"]
    ]
    (config,) = found
    return config


def settings_of(overlay: str) -> Any:
    """Return the settings that a pod reads, with each secret's file replaced by the secret."""
    store = {"REDIS_URL": "redis://:none@advent-store:6379/0"}
    given = {}
    for name, value in config_of(overlay).items():
        secret = name.removesuffix("_FILE")
        given[secret] = {**REAL, **store}[secret] if name.endswith("_FILE") else value
    return load_settings(given, env_file=Path("/nowhere"))


def matches(selector: dict[str, Any], workload: Any) -> bool:
    labels: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return bool(selector.get("matchLabels", {}).items() <= labels.items())


def metrics_in(query: str) -> set[str]:
    return set(re.findall(r"\badvent_[a-z_]+", query))
