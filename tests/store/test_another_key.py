"""A store that was away at the start has another SECRET_KEY: Advent says so, mail waits, no webhook is refused."""

from __future__ import annotations

import asyncio

import pytest

from common.store import monitor as store_monitor
from common.store.clients import connect
from common.store.embedded import EmbeddedStore
from common.store.identity import SECRET_KEY_MISMATCH, secret_key_matches
from tests.acceptance.place import Place
from tests.acceptance.waiting import eventually
from tests.gateway.conftest import OpenGateway, person


def begun_with_another_key(store: EmbeddedStore) -> None:
    with connect(store.url) as client:
        assert secret_key_matches(client, "another" * 5)
    store.stop()


async def test_gateway_accepts_webhooks_and_warns_when_the_store_has_another_secret_key(
    weak_store: EmbeddedStore, open_gateway: OpenGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_monitor, "RETRY_S", 0.02)
    begun_with_another_key(weak_store)
    gateway = await open_gateway(weak_store.url)
    assert (await gateway.sign_up(person("ada"))).status == 202

    await asyncio.to_thread(weak_store.start)

    await gateway.wait_until_replayed()
    async with asyncio.timeout(60):
        while not (ready := await gateway.request("GET", "/ready")).json["warnings"]:
            await asyncio.sleep(0.01)
    assert (ready.status, ready.json["warnings"]) == (200, [SECRET_KEY_MISMATCH])
    assert (await gateway.sign_up(person("boris"))).status == 202


def test_worker_stops_when_the_store_has_another_secret_key(place: Place) -> None:
    store = place.own_store()
    store.start()
    begun_with_another_key(store)
    worker = place.start("worker")
    eventually(lambda: "waiting for the data store" in worker.stderr, "a word about what is waited for")

    store.start()

    assert worker.wait() == 1
    assert "SECRET_KEY: not the one" in worker.stderr
    assert "Traceback" not in worker.stderr
