"""A worker whose store is away stays alive and reports why it is not ready, so that it is not restarted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.http import request, status_of
from tests.acceptance.place import FAST, SECRETS, Place
from tests.acceptance.waiting import eventually

pytestmark = pytest.mark.acceptance


@pytest.fixture
def place() -> Iterator[Place]:
    place = Place(**FAST, **SECRETS)
    yield place
    place.close()


def test_worker_that_waits_for_its_store_is_alive_but_not_ready_and_says_why(place: Place) -> None:
    store = place.own_store()
    worker = place.start("worker")
    url = place.worker_url
    place.until(lambda: status_of(f"{url}/health") == 200, worker)

    ready = request("GET", f"{url}/ready")
    figures = request("GET", f"{url}/metrics").body.decode()

    assert (ready.status, ready.json["store"]) == (503, "away")
    assert "\nadvent_store_up 0.0\n" in figures
    store.start()
    eventually(lambda: status_of(f"{url}/ready") == 200, "the same worker at work")
    assert "\nadvent_store_up 1.0\n" in request("GET", f"{url}/metrics").body.decode()
    assert worker.is_running


def test_worker_stopped_while_it_waits_for_its_store_exits_with_zero(place: Place) -> None:
    place.own_store()
    worker = place.start("worker")
    place.until(lambda: status_of(f"{place.worker_url}/health") == 200, worker)

    status, seconds = worker.stop()

    assert (status, seconds < 5) == (0, True)
