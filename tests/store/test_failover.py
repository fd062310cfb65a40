"""The primary is killed under load: the sentinels name another, and gateway, worker and broker continue."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.acceptance.http import request
from tests.acceptance.place import UNLIMITED, Place
from tests.acceptance.waiting import eventually
from tests.acceptance.website import person
from tests.store.watched import Watched, watched

pytestmark = pytest.mark.acceptance

STEPS = 7


@pytest.fixture
def trio() -> Iterator[Watched]:
    # A busy machine must not make the primary look down.
    with watched("min-replicas-to-write 1", "min-replicas-max-lag 1", down_after_ms=2_000) as store:
        yield store


def test_failover_under_load_sends_nothing_twice_and_everything_continues(
    places: Callable[[], Place],
    trio: Watched,
) -> None:
    place = places()
    place.settings |= {"REDIS_URL": trio.url, **UNLIMITED}
    place.serve("sandbox")
    place.sandbox.lift_rate_limits()
    place.serve("gateway")
    worker = place.serve("worker")
    warnings = request("GET", f"{place.gateway_url}/ready").json["warnings"]
    assert warnings == [], "reports how to narrow what a failover may lose, the store has no weakness"

    acknowledged: list[str] = []
    stop = threading.Event()
    sender = threading.Thread(target=_keeps_signing_up, args=(place, acknowledged, stop))
    sender.start()
    eventually(lambda: len(acknowledged) >= 6, "load")
    at_the_kill = len(acknowledged)
    # One data node is left, without a replica: allow the new primary to write, as an operator would.
    away_s = trio.kill_primary()
    with trio.ask(trio.primary_port()) as primary:
        primary.config_set("min-replicas-to-write", 0)
    eventually(lambda: len(acknowledged) >= at_the_kill + 6, "load after the failover")
    stop.set()
    sender.join()

    def enrolled() -> int:
        with trio.ask(trio.primary_port()) as client:
            return int(client.zcard("{advent}:under_way"))

    # Only writes of the last moment before the kill may be missing: replication is asynchronous.
    eventually(lambda: enrolled() >= len(acknowledged) - 2, "everybody acknowledged is enrolled")
    people = enrolled()
    eventually(lambda: len(place.sandbox.mails_by_key()) == STEPS * people, "seven mails for everybody", within_s=60)
    assert set(place.sandbox.mails_by_key().values()) == {1}
    assert worker.is_running
    assert away_s < 15


def _keeps_signing_up(place: Place, acknowledged: list[str], stop: threading.Event) -> None:
    number = 0
    while not stop.is_set():
        name = f"P{number}"
        answer = place.website.post(person(name), f"msg_{number}", patience_s=20)
        assert answer.status == 202, answer.body
        acknowledged.append(name)
        number += 1
        time.sleep(0.1)
