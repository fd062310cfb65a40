"""Two workers on one machine, with the same settings, share the work."""

from __future__ import annotations

from tests.acceptance.http import request, status_of
from tests.acceptance.place import UNLIMITED, Place
from tests.acceptance.waiting import eventually
from tests.acceptance.website import person

PEOPLE = 20


def test_second_worker_with_the_same_settings_uses_a_free_port_and_logs_it(place: Place) -> None:
    _, _, first = place.serve_all(**UNLIMITED)
    place.sandbox.lift_rate_limits()

    second = place.start("worker", **UNLIMITED)
    eventually(lambda: '"worker_started"' in second.stderr, "a second worker")

    address = next(line for line in second.logs() if line["event"] == "worker_http_started")["url"]
    assert address != place.worker_url
    assert status_of(f"{address}/ready") == 200
    assert b"advent_" in request("GET", f"{address}/metrics").body
    place.website.post_all(
        [(person(f"P{number}"), f"msg_{number}") for number in range(PEOPLE)], at_once=5, patience_s=0
    )
    eventually(lambda: len(place.sandbox.inbox()) == 7 * PEOPLE, "everybody's mail", within_s=40)
    assert {1} == set(place.sandbox.mails_by_key().values())
    shares = [sum(line["event"] == "delivery_accepted" for line in worker.logs()) for worker in (first, second)]
    assert all(shares), f"one of them did nothing: {shares}"
