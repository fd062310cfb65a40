"""During a store outage no event is refused; afterwards none is lost and none has an effect twice."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from common.clock import VirtualClock
from common.domain.ids import enrollment_id
from common.store.embedded import EmbeddedStore
from services.gateway.spool.replay import Replay
from services.gateway.spool.spool_file import decode
from tests.gateway.conftest import Gateway, OpenGateway, person


def spooled(folder: Path) -> list[Path]:
    return sorted((folder / "spool").glob("events-*.jsonl"))


async def enrolled(gateway: Gateway, name: str) -> bool:
    ledger = gateway.context.intake.ledger
    return await ledger.enrollments.get(enrollment_id("christmas_2025", f"{name}@example.org")) is not None


async def test_signup_during_a_store_outage_gets_the_same_answer_when_repeated(
    open_gateway: OpenGateway, own_store: EmbeddedStore, clock: VirtualClock, folder: Path
) -> None:
    gateway = await open_gateway(own_store.url)
    own_store.stop()

    first = await gateway.sign_up(person("ada", red_systems=1), id="msg_1")
    clock.advance(60_000)
    assert (first.status, first.json["segment"]) == (202, "URGENT")
    assert (await gateway.sign_up(person("ada"), id="msg_1")).body == first.body

    own_store.start()
    await gateway.wait_until_replayed()
    again = await gateway.sign_up(person("ada"), id="msg_1")
    assert (again.status, again.body) == (202, first.body)
    assert (await gateway.sign_up(person("ada"))).json["status"] == "duplicate"
    assert spooled(folder) == []


async def test_every_signup_of_an_outage_is_enrolled_once(open_gateway: OpenGateway, own_store: EmbeddedStore) -> None:
    gateway = await open_gateway(own_store.url)
    own_store.stop()
    names = [f"person{number}" for number in range(250)]

    answers = await asyncio.gather(*(gateway.sign_up(person(name)) for name in names * 2))
    assert {answer.status for answer in answers} == {202}

    own_store.start()
    await gateway.wait_until_replayed()
    assert await gateway.store.zcard("{advent}:under_way") == 250
    assert [(await gateway.sign_up(person(name))).status for name in names[:5]] == [200] * 5


async def test_answer_from_before_a_store_outage_is_repeated_during_it(
    open_gateway: OpenGateway, own_store: EmbeddedStore
) -> None:
    gateway = await open_gateway(own_store.url)
    await gateway.sign_up(person("ada"))
    second = await gateway.sign_up(person("ada"), id="msg_2")
    own_store.stop()

    assert (await gateway.sign_up(person("ada"), id="msg_2")).body == second.body
    assert gateway.context.intake.spool.events == 0


async def test_the_next_gateway_replays_the_spool_of_a_killed_one(
    open_gateway: OpenGateway, own_store: EmbeddedStore, folder: Path
) -> None:
    gateway = await open_gateway(own_store.url)
    own_store.stop()
    first = await gateway.sign_up(person("ada"), id="msg_1")
    await gateway.sign_up(person("boris"))
    await gateway.server.stop()
    with spooled(folder)[0].open("ab") as file:
        file.write(b'{"crc32":"00000000","event":{"kind":"sig')  # The part of a third event that a power cut leaves.

    other = await open_gateway(own_store.url)
    assert other.context.intake.spool.events == 2
    assert (await other.sign_up(person("ada"), id="msg_1")).body == first.body

    own_store.start()
    await other.wait_until_replayed()
    assert await enrolled(other, "ada")
    assert await enrolled(other, "boris")
    assert (await other.sign_up(person("ada"), id="msg_1")).body == first.body
    assert [path.name for path in (folder / "spool").iterdir()] == []


async def test_running_gateways_do_not_replay_the_spool_files_of_each_other(
    open_gateway: OpenGateway, own_store: EmbeddedStore, folder: Path
) -> None:
    one = await open_gateway(own_store.url)
    own_store.stop()
    await one.sign_up(person("ada"))
    other = await open_gateway(own_store.url)
    await other.sign_up(person("boris"))

    assert len(spooled(folder)) == 2
    assert one.context.intake.spool.directory.orphans() == []
    assert (one.context.intake.spool.events, other.context.intake.spool.events) == (1, 1)


async def test_a_spool_that_is_replayed_twice_changes_nothing(
    open_gateway: OpenGateway, own_store: EmbeddedStore, folder: Path
) -> None:
    gateway = await open_gateway(own_store.url)
    own_store.stop()
    first = await gateway.sign_up(person("ada"), id="msg_1")
    await gateway.sign_up(person("ada", red_systems=2), id="msg_2")
    copies = {path: path.read_bytes() for path in spooled(folder)}
    own_store.start()
    await gateway.wait_until_replayed()
    before = await gateway.store.hgetall("{advent}:enrollment:" + first.json["enrollment_id"])

    for path, content in copies.items():
        path.write_bytes(content)
    other = await open_gateway(own_store.url)
    await other.wait_until_replayed()

    assert before
    assert await gateway.store.hgetall("{advent}:enrollment:" + first.json["enrollment_id"]) == before
    assert spooled(folder) == []


async def test_events_of_one_contact_are_replayed_in_order(open_gateway: OpenGateway, own_store: EmbeddedStore) -> None:
    gateway = await open_gateway(own_store.url)
    own_store.stop()
    await gateway.sign_up(person("ada", assessment_score=10))
    gateway.clock.advance(1_000)
    gateway.context.intake.store.is_away = False  # As if the store had just come back, and the replay had not begun.

    second = await gateway.sign_up(person("ada", assessment_score=20))
    gateway.clock.advance(1_000)
    assert second.status == 202
    assert gateway.context.intake.spool.events == 2

    own_store.start()
    await gateway.wait_until_replayed()
    ada = await gateway.context.intake.ledger.enrollments.get(second.json["enrollment_id"])
    assert ada is not None
    assert ada.assessment.assessment_score == 20


async def test_a_damaged_line_is_set_aside_and_the_rest_replayed(
    open_gateway: OpenGateway, own_store: EmbeddedStore, folder: Path
) -> None:
    gateway = await open_gateway(own_store.url)
    own_store.stop()
    for name in ("ada", "boris", "chen"):
        await gateway.sign_up(person(name))
    await gateway.server.stop()
    lines = spooled(folder)[0].read_bytes().splitlines(keepends=True)
    damaged = lines[1].replace(b"Boris", b"Bored")
    spooled(folder)[0].write_bytes(lines[0] + damaged + lines[2])

    own_store.start()
    other = await open_gateway(own_store.url)
    await other.wait_until_replayed()

    assert [await enrolled(other, name) for name in ("ada", "boris", "chen")] == [True, False, True]
    assert (folder / "spool" / "set-aside.jsonl").read_bytes() == damaged


async def test_an_event_that_the_ledger_refuses_does_not_block_the_others(
    open_gateway: OpenGateway, own_store: EmbeddedStore, folder: Path
) -> None:
    gateway = await open_gateway(own_store.url)
    ada = enrollment_id("christmas_2025", "ada@example.org")
    await gateway.store.set("{advent}:enrollment:" + ada, "not a hash")

    assert (await gateway.sign_up(person("ada"))).status == 202
    await gateway.wait_until_replayed()

    assert (await gateway.sign_up(person("boris"))).status == 202
    assert await enrolled(gateway, "boris")
    set_aside = decode((folder / "spool" / "set-aside.jsonl").read_bytes())
    assert set_aside is not None
    assert set_aside.enrollment_id == ada


async def test_a_file_that_cannot_be_opened_does_not_block_the_others(
    open_gateway: OpenGateway, own_store: EmbeddedStore, folder: Path
) -> None:
    (folder / "spool" / "events-1-x.jsonl").mkdir(parents=True)
    gateway = await open_gateway(own_store.url)
    own_store.stop()
    await gateway.sign_up(person("ada"))

    own_store.start()
    await gateway.wait_until_replayed()
    assert await enrolled(gateway, "ada")


async def test_a_replay_that_fails_is_tried_again(
    open_gateway: OpenGateway, own_store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = await open_gateway(own_store.url)
    failures = [OSError("no more files"), OSError("no more files")]
    drain = Replay._drain

    async def failing(self: Replay) -> None:
        if failures:
            raise failures.pop()
        await drain(self)

    monkeypatch.setattr(Replay, "_drain", failing)
    monkeypatch.setattr("services.gateway.spool.replay.AFTER_FAILURE_S", 0.01)
    own_store.stop()
    await gateway.sign_up(person("ada"))

    own_store.start()
    await gateway.wait_until_replayed()
    assert await enrolled(gateway, "ada")


async def test_a_full_spool_gives_503_with_retry_after(open_gateway: OpenGateway, own_store: EmbeddedStore) -> None:
    gateway = await open_gateway(own_store.url)
    gateway.context.intake.spool.bytes_max = 1_200
    own_store.stop()

    answers = [await gateway.sign_up(person(f"person{number}")) for number in range(4)]

    assert [answer.status for answer in answers] == [202, 202, 503, 503]
    assert (answers[3].headers["Retry-After"], answers[3].headers["Content-Type"]) == ("5", "application/problem+json")
    own_store.start()
    await gateway.wait_until_replayed()
    assert (await gateway.sign_up(person("person3"))).status == 202


async def test_a_failed_write_gives_503_and_the_next_one_succeeds(
    open_gateway: OpenGateway, own_store: EmbeddedStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = await open_gateway(own_store.url)
    own_store.stop()
    await gateway.sign_up(person("ada"))

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("services.gateway.spool.spool_file.os.fsync", no_space)
        refused = await asyncio.gather(*(gateway.sign_up(person("boris"), id="msg_b") for _ in range(3)))
    assert {answer.status for answer in refused} == {503}
    assert (await gateway.sign_up(person("boris"), id="msg_b")).status == 202
    assert len(spooled(folder)[0].read_bytes().splitlines()) == 2

    own_store.start()
    await gateway.wait_until_replayed()
    assert await enrolled(gateway, "boris")


async def test_requests_are_answered_at_once_while_the_store_hangs(
    open_gateway: OpenGateway, own_store: EmbeddedStore
) -> None:
    gateway = await open_gateway(own_store.url, answer_s=0.05)
    await gateway.sign_up(person("ada"))
    await gateway.wait_until_replayed()  # On a loaded machine the healthy store, too, may take longer than 50 ms.
    assert own_store.process is not None
    own_store.process.send_signal(signal.SIGSTOP)
    try:
        async with asyncio.timeout(20):
            answers = await asyncio.gather(*(gateway.sign_up(person(f"person{number}")) for number in range(20)))
        assert {answer.status for answer in answers} == {202}
        assert gateway.context.intake.spool.events == 20
    finally:
        own_store.process.send_signal(signal.SIGCONT)
    await gateway.wait_until_replayed()
    assert await gateway.store.zcard("{advent}:under_way") == 21
