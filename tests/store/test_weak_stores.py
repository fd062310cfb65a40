"""A store with weaker guarantees, or that refuses writes for a while: Advent warns and refuses and loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from common.domain.contact import Assessment
from common.domain.ids import enrollment_id
from common.ledger.ledger import Ledger
from common.queue.broker import DurableRedisBroker
from common.queue.job import Job
from common.store import monitor as store_monitor
from common.store.clients import connect, connect_async
from common.store.durability import store_warnings
from common.store.embedded import EmbeddedStore
from common.store.monitor import StoreMonitor
from tests.broker.looking import held, waiting
from tests.gateway.conftest import OpenGateway, person
from tests.store.conftest import CADENCE, Configure

ADA = enrollment_id("christmas_2025", "ada@example.org")

WEAK: list[tuple[dict[str, Any], str]] = [
    ({"appendonly": "no"}, "set appendonly yes"),
    ({"appendfsync": "everysec"}, "set appendfsync always"),
    ({"maxmemory": "512mb", "maxmemory_policy": "allkeys-lru"}, "set maxmemory-policy noeviction"),
    ({"maxmemory": "1mb"}, "raise maxmemory"),
    ({"replicaof": "127.0.0.1 1"}, "name its primary, or its sentinels"),
]

REFUSING: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"maxmemory": "1mb"}, {"maxmemory": "0"}),
    ({"maxmemory": "1"}, {"maxmemory": "0"}),
    ({"replicaof": "127.0.0.1 1"}, {"replicaof": "no one"}),
    ({"min_replicas_to_write": "1"}, {"min_replicas_to_write": "0"}),
]
"""Settings with which a store refuses writes (full, a replica, too few replicas), and those that end it."""

REFUSALS = ["full at 1 MB", "full", "read-only", "too few replicas"]

refusing = pytest.mark.parametrize(("begins", "ends"), REFUSING, ids=REFUSALS)


@pytest.mark.parametrize(("settings", "cure"), WEAK)
def test_each_weakness_is_one_line_with_its_cure(
    settings: dict[str, Any], cure: str, weak_store: EmbeddedStore, configure: Configure
) -> None:
    configure(**settings)

    with connect(weak_store.url) as client:
        [line] = store_warnings(client)
    assert line.startswith("store: ")
    assert cure in line


@pytest.mark.parametrize(("settings", "cure"), WEAK)
async def test_gateway_on_a_weak_store_is_ready_and_warns(
    settings: dict[str, Any], cure: str, weak_store: EmbeddedStore, configure: Configure, open_gateway: OpenGateway
) -> None:
    configure(**settings)
    gateway = await open_gateway(weak_store.url)

    async with asyncio.timeout(60):
        while not (answer := await gateway.request("GET", "/ready")).json["warnings"]:
            await asyncio.sleep(0.01)

    assert answer.status == 200
    assert cure in answer.json["warnings"][0]


async def test_a_good_store_has_no_warnings(weak_store: EmbeddedStore, open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(weak_store.url)

    answer = await gateway.request("GET", "/ready")

    assert (answer.status, answer.json["warnings"]) == (200, [])


async def test_weakness_of_a_store_is_logged_once_and_its_warning_ends_with_it(
    weak_store: EmbeddedStore, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    class Log:
        def warning(self, event: str, *, warning: str) -> None:
            said.append(f"{event}: {warning}")

    monkeypatch.setattr(store_monitor, "log", Log())
    client = connect_async(weak_store.url)
    monitor = StoreMonitor(client)
    configure(appendfsync="everysec")
    assert await monitor.check()
    assert await monitor.check()
    assert [line.partition(";")[0] for line in said] == [
        "store_misconfigured: store: appendfsync is not always, so a power cut may lose accepted signups"
    ]

    configure(appendfsync="always")
    assert await monitor.check()
    assert monitor.warnings == []
    weak_store.stop()
    assert not await monitor.check()
    await client.aclose()


@refusing
async def test_gateway_spools_events_that_the_store_refuses_and_replays_them_later(
    begins: dict[str, Any],
    ends: dict[str, Any],
    weak_store: EmbeddedStore,
    configure: Configure,
    open_gateway: OpenGateway,
) -> None:
    gateway = await open_gateway(weak_store.url)
    configure(**begins)

    answers = [await gateway.sign_up(person(name), id=f"msg_{name}") for name in ("ada", "boris", "ada")]
    assert [answer.status for answer in answers] == [202, 202, 202]
    assert (await gateway.request("GET", "/ready")).status == 200
    assert gateway.context.intake.spool.events > 0

    configure(**ends)
    await gateway.wait_until_replayed()
    assert await gateway.store.zcard("{advent}:under_way") == 2
    assert (await gateway.sign_up(person("ada"), id="msg_ada")).body == answers[0].body


@refusing
async def test_worker_waits_for_a_store_that_refuses_writes_and_continues_automatically(
    begins: dict[str, Any], ends: dict[str, Any], weak_store: EmbeddedStore, configure: Configure
) -> None:
    client = connect_async(weak_store.url)
    ledger = Ledger(client, campaign="christmas_2025", cadence=CADENCE, secret_key="s" * 32, patient=True)
    ada = Assessment(email="ada@example.org", first_name="Ada", assessment_score=5)
    configure(**begins)

    waiting = asyncio.create_task(ledger.signups.accept(ada, webhook_id="signup:1", received_ms=1))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.3)
    assert await client.dbsize() == 0, "refused as a whole"

    configure(**ends)
    assert (await waiting).answer == "accepted"
    assert await ledger.enrollments.get(ADA) is not None
    await client.aclose()


class Taken:
    """A broker on the store `weak_store` with one message in hand."""

    def __init__(self, client: redis.Redis) -> None:
        self.broker = DurableRedisBroker(client=client, namespace="{advent}:queue")
        self.broker.declare_queue("send")
        self.broker.do_enqueue("send", "a@1", Job(id="a", actor="send", args=("a",), due_ms=1).message())
        self.consumer = self.broker.consume("send")
        message = next(self.consumer)
        assert message is not None
        self.message = message

    def ends_at_second_try(self, name: str, end: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """Let `end` be called before the second try of this command. Return the list to which each try is added."""
        command, tries = getattr(self.broker, name), list[int]()

        def count(*args: Any) -> Any:
            tries.append(len(tries) + 1)
            if len(tries) == 2:
                end()
            return command(*args)

        monkeypatch.setattr(self.broker, name, count)
        return tries


@pytest.fixture
def taken(weak_store: EmbeddedStore) -> Iterator[Taken]:
    with connect(weak_store.url) as client:
        yield Taken(client)


in_hand = pytest.mark.parametrize(
    ("begins", "ends", "needed"), [(*each, n) for each, n in zip(REFUSING, (1, 1, 2, 2), strict=True)], ids=REFUSALS
)
"""The number of tries that a script needs: a full store takes one whose first command frees memory."""


@in_hand
def test_an_acknowledgement_waits_for_a_store_that_refuses_it(
    begins: dict[str, Any],
    ends: dict[str, Any],
    needed: int,
    taken: Taken,
    configure: Configure,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries = taken.ends_at_second_try("do_ack", lambda: configure(**ends), monkeypatch)
    assert {"a@1"} == held(taken.broker, "send")
    configure(**begins)

    taken.consumer.ack(taken.message)

    assert (needed, set()) == (len(tries), held(taken.broker, "send"))
    assert not taken.broker.client.exists(taken.broker.layout.messages("send"))


@in_hand
def test_the_next_attempt_of_a_message_waits_for_a_store_that_refuses_it(
    begins: dict[str, Any],
    ends: dict[str, Any],
    needed: int,
    taken: Taken,
    configure: Configure,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries = taken.ends_at_second_try("do_schedule", lambda: configure(**ends), monkeypatch)
    configure(**begins)

    taken.broker.enqueue(taken.message, delay=60_000)

    assert (needed, set()) == (len(tries), held(taken.broker, "send"))
    assert [taken.message.message_id] == [*waiting(taken.broker, "send")]
