"""A real Prometheus watches the running system while the sandbox misbehaves: the right alerts fire and clear."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.place import FAST, SECRETS, Place, free_ports
from tests.acceptance.waiting import eventually
from tests.acceptance.website import person
from tests.monitoring.prometheus import Prometheus
from tests.monitoring.tools import tool

pytestmark = pytest.mark.acceptance


@pytest.fixture
def place() -> Iterator[Place]:
    tool("prometheus")
    place = Place(**FAST, **SECRETS)
    yield place
    place.close()


@pytest.fixture
def prometheus(place: Place, tmp_path: Path) -> Iterator[Prometheus]:
    """Yield a Prometheus that watches a gateway and a worker; no alert fires yet."""
    place.serve_all()
    place.sandbox.lift_rate_limits()
    targets = {name: f"127.0.0.1:{place.settings[f'{key}_PORT']}" for name, key in _PORTS.items()}
    with Prometheus(tmp_path / "prometheus", port=free_ports(1)[0], targets=targets) as prometheus:
        eventually(lambda: prometheus.value("sum(up)") == 2, "both to be scraped", within_s=30)
        prometheus.is_quiet()
        yield prometheus


_PORTS = {"gateway": "GATEWAY", "worker": "WORKER_METRICS"}


def test_each_fault_fires_its_alert_and_the_alert_clears_afterwards(place: Place, prometheus: Prometheus) -> None:
    _providers_fail(place, prometheus)
    _one_mail_cannot_be_sent(place, prometheus)
    _the_store_goes_away(place, prometheus)
    _a_worker_dies(place, prometheus)


def _providers_fail(place: Place, prometheus: Prometheus) -> None:
    place.sandbox.set_faults(
        {"provider": "resend", "kind": "status", "status": 403}, {"provider": "notion", "kind": "status", "status": 401}
    )
    place.website.post(person("Ada"), "msg_ada")

    prometheus.fires("ResendCircuitOpen", "NotionCircuitOpen")
    place.sandbox.set_faults()
    prometheus.is_quiet()
    eventually(lambda: place.sandbox.inbox("ada@people.example"), "Ada's mail")


def _one_mail_cannot_be_sent(place: Place, prometheus: Prometheus) -> None:
    place.sandbox.set_faults(
        {"provider": "resend", "kind": "status", "status": 422, "contains": "chen@people.example", "count": 1}
    )
    place.website.post(person("Chen"), "msg_chen")

    prometheus.fires("DeadLetters")
    (letter,) = place.ask("dead", "list")
    assert place.run("dead", "discard", letter["id"]).wait() == 0
    eventually(lambda: "DeadLetters" not in prometheus.firing(), "DeadLetters to clear", within_s=30)


def _the_store_goes_away(place: Place, prometheus: Prometheus) -> None:
    assert place.store is not None
    place.store.stop()
    assert place.website.post(person("Boris"), "msg_boris", patience_s=10).status == 202

    prometheus.fires("StoreAway", "SpoolNotEmpty")
    # A worker that starts meanwhile waits, and the only alert remains the one about the store.
    worker = next(one for one in place.processes if one.name.endswith("-worker"))
    assert worker.stop()[0] == 0
    place.start("worker")
    eventually(lambda: prometheus.value("max(advent_store_up)") == 0, "the new one to be scraped", within_s=30)
    eventually(lambda: "WorkerAbsent" not in prometheus.firing(), "no alarm about workers", within_s=30)
    assert "StoreAway" in prometheus.firing()
    place.store.start()
    eventually(lambda: not {"StoreAway", "SpoolNotEmpty"} & prometheus.firing(), "both to clear", within_s=30)
    eventually(lambda: place.sandbox.inbox("boris@people.example"), "Boris's mail")


def _a_worker_dies(place: Place, prometheus: Prometheus) -> None:
    place.processes[-1].kill()

    prometheus.fires("WorkerAbsent")
    place.serve("worker")
    eventually(lambda: "WorkerAbsent" not in prometheus.firing(), "WorkerAbsent to clear", within_s=30)
    assert place.run("health", "--wait", "20").wait() == 0
