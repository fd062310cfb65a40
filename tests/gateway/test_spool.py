"""While the store is away nothing is refused, and when it is back nothing is lost and nothing happens twice."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from common.clock import VirtualClock
from common.domain.ids import enrollment_id
from common.store.embedded import EmbeddedStore
from services.gateway.replay import Replay
from services.gateway.spool_file import decode
from tests.gateway.conftest import Opener, Site, person


def spooled(folder: Path) -> list[Path]:
    return sorted((folder / "spool").glob("events-*.jsonl"))


async def enrolled(site: Site, name: str) -> bool:
    return (
        await site.door.intake.ledger.enrollments.get(enrollment_id("christmas_2025", f"{name}@example.org"))
        is not None
    )


async def test_a_signup_is_taken_while_the_store_is_away_and_keeps_its_answer(
    opens: Opener, own_store: EmbeddedStore, clock: VirtualClock, folder: Path
) -> None:
    site = await opens(own_store.url)
    own_store.stop()

    first = await site.signs_up(person("ada", red_systems=1), id="msg_1")
    clock.advance(60_000)
    assert (first.status, first.json["segment"]) == (202, "URGENT")
    assert (await site.signs_up(person("ada"), id="msg_1")).body == first.body

    own_store.start()
    await site.settled()
    again = await site.signs_up(person("ada"), id="msg_1")
    assert (again.status, again.body) == (202, first.body)
    assert (await site.signs_up(person("ada"))).json["status"] == "duplicate"
    assert spooled(folder) == []


async def test_everybody_of_an_outage_is_enrolled_once(opens: Opener, own_store: EmbeddedStore) -> None:
    site = await opens(own_store.url)
    own_store.stop()
    names = [f"person{number}" for number in range(250)]

    answers = await asyncio.gather(*(site.signs_up(person(name)) for name in names * 2))
    assert {answer.status for answer in answers} == {202}

    own_store.start()
    await site.settled()
    assert await site.store.scard("{advent}:enrolled") == 250
    assert [(await site.signs_up(person(name))).status for name in names[:5]] == [200] * 5


async def test_an_answer_given_before_the_outage_is_given_in_it(opens: Opener, own_store: EmbeddedStore) -> None:
    site = await opens(own_store.url)
    await site.signs_up(person("ada"))
    second = await site.signs_up(person("ada"), id="msg_2")
    own_store.stop()

    assert (await site.signs_up(person("ada"), id="msg_2")).body == second.body
    assert site.door.intake.spool.events == 0


async def test_a_gateway_that_was_killed_leaves_its_spool_to_the_next(
    opens: Opener, own_store: EmbeddedStore, folder: Path
) -> None:
    site = await opens(own_store.url)
    own_store.stop()
    first = await site.signs_up(person("ada"), id="msg_1")
    await site.signs_up(person("boris"))
    await site.server.stop()
    with spooled(folder)[0].open("ab") as file:
        file.write(b'{"crc32":"00000000","event":{"kind":"sig')  # What a power cut leaves of a third.

    other = await opens(own_store.url)
    assert other.door.intake.spool.events == 2
    assert (await other.signs_up(person("ada"), id="msg_1")).body == first.body

    own_store.start()
    await other.settled()
    assert await enrolled(other, "ada")
    assert await enrolled(other, "boris")
    assert (await other.signs_up(person("ada"), id="msg_1")).body == first.body
    assert [path.name for path in (folder / "spool").iterdir()] == []


async def test_two_gateways_do_not_touch_each_others_files(
    opens: Opener, own_store: EmbeddedStore, folder: Path
) -> None:
    one = await opens(own_store.url)
    own_store.stop()
    await one.signs_up(person("ada"))
    other = await opens(own_store.url)
    await other.signs_up(person("boris"))

    assert len(spooled(folder)) == 2
    assert one.door.intake.spool.folder.orphans() == []
    assert (one.door.intake.spool.events, other.door.intake.spool.events) == (1, 1)


async def test_a_spool_that_is_replayed_twice_changes_nothing(
    opens: Opener, own_store: EmbeddedStore, folder: Path
) -> None:
    site = await opens(own_store.url)
    own_store.stop()
    first = await site.signs_up(person("ada"), id="msg_1")
    await site.signs_up(person("ada", red_systems=2), id="msg_2")
    copies = {path: path.read_bytes() for path in spooled(folder)}
    own_store.start()
    await site.settled()
    before = await site.store.hgetall("{advent}:enrollment:" + first.json["enrollment_id"])

    for path, content in copies.items():
        path.write_bytes(content)
    other = await opens(own_store.url)
    await other.settled()

    assert before
    assert await site.store.hgetall("{advent}:enrollment:" + first.json["enrollment_id"]) == before
    assert spooled(folder) == []


async def test_who_waits_in_the_spool_stays_in_order(opens: Opener, own_store: EmbeddedStore) -> None:
    site = await opens(own_store.url)
    own_store.stop()
    await site.signs_up(person("ada", assessment_score=10))
    site.clock.advance(1_000)
    site.door.intake.store.is_away = False  # As if the store had just come back, and the replay had not begun.

    second = await site.signs_up(person("ada", assessment_score=20))
    site.clock.advance(1_000)
    assert second.status == 202
    assert site.door.intake.spool.events == 2

    own_store.start()
    await site.settled()
    ada = await site.door.intake.ledger.enrollments.get(second.json["enrollment_id"])
    assert ada is not None
    assert ada.assessment.assessment_score == 20


async def test_a_line_that_was_damaged_is_set_aside_and_the_rest_replayed(
    opens: Opener, own_store: EmbeddedStore, folder: Path
) -> None:
    site = await opens(own_store.url)
    own_store.stop()
    for name in ("ada", "boris", "chen"):
        await site.signs_up(person(name))
    await site.server.stop()
    lines = spooled(folder)[0].read_bytes().splitlines(keepends=True)
    damaged = lines[1].replace(b"Boris", b"Bored")
    spooled(folder)[0].write_bytes(lines[0] + damaged + lines[2])

    own_store.start()
    other = await opens(own_store.url)
    await other.settled()

    assert [await enrolled(other, name) for name in ("ada", "boris", "chen")] == [True, False, True]
    assert (folder / "spool" / "set-aside.jsonl").read_bytes() == damaged


async def test_an_event_that_the_ledger_cannot_take_does_not_hold_up_the_others(
    opens: Opener, own_store: EmbeddedStore, folder: Path
) -> None:
    site = await opens(own_store.url)
    ada = enrollment_id("christmas_2025", "ada@example.org")
    await site.store.set("{advent}:enrollment:" + ada, "not a hash")

    assert (await site.signs_up(person("ada"))).status == 202
    await site.settled()

    assert (await site.signs_up(person("boris"))).status == 202
    assert await enrolled(site, "boris")
    kept = decode((folder / "spool" / "set-aside.jsonl").read_bytes())
    assert kept is not None
    assert kept.enrollment_id == ada


async def test_what_cannot_be_opened_in_the_spool_keeps_nothing_else_waiting(
    opens: Opener, own_store: EmbeddedStore, folder: Path
) -> None:
    (folder / "spool" / "events-1-x.jsonl").mkdir(parents=True)
    site = await opens(own_store.url)
    own_store.stop()
    await site.signs_up(person("ada"))

    own_store.start()
    await site.settled()
    assert await enrolled(site, "ada")


async def test_a_replay_that_fails_is_tried_again(
    opens: Opener, own_store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = await opens(own_store.url)
    failures = [OSError("no more files"), OSError("no more files")]
    drain = Replay._drain

    async def failing(self: Replay) -> None:
        if failures:
            raise failures.pop()
        await drain(self)

    monkeypatch.setattr(Replay, "_drain", failing)
    monkeypatch.setattr("services.gateway.replay.FAILED_S", 0.01)
    own_store.stop()
    await site.signs_up(person("ada"))

    own_store.start()
    await site.settled()
    assert await enrolled(site, "ada")


async def test_a_full_spool_says_come_back(opens: Opener, own_store: EmbeddedStore) -> None:
    site = await opens(own_store.url)
    site.door.intake.spool.bytes_max = 1_200
    own_store.stop()

    answers = [await site.signs_up(person(f"person{number}")) for number in range(4)]

    assert [answer.status for answer in answers] == [202, 202, 503, 503]
    assert (answers[3].headers["Retry-After"], answers[3].headers["Content-Type"]) == ("5", "application/problem+json")
    own_store.start()
    await site.settled()
    assert (await site.signs_up(person("person3"))).status == 202


async def test_a_disk_that_fails_is_said_and_forgotten(
    opens: Opener, own_store: EmbeddedStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = await opens(own_store.url)
    own_store.stop()
    await site.signs_up(person("ada"))

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("services.gateway.spool_file.os.fsync", no_space)
        refused = await asyncio.gather(*(site.signs_up(person("boris"), id="msg_b") for _ in range(3)))
    assert {answer.status for answer in refused} == {503}
    assert (await site.signs_up(person("boris"), id="msg_b")).status == 202
    assert len(spooled(folder)[0].read_bytes().splitlines()) == 2

    own_store.start()
    await site.settled()
    assert await enrolled(site, "boris")


async def test_requests_are_answered_at_once_while_the_store_hangs(opens: Opener, own_store: EmbeddedStore) -> None:
    site = await opens(own_store.url, answer_s=0.05)
    await site.signs_up(person("ada"))
    assert own_store.process is not None
    own_store.process.send_signal(signal.SIGSTOP)
    try:
        answers = await asyncio.gather(*(site.signs_up(person(f"person{number}")) for number in range(20)))
        assert {answer.status for answer in answers} == {202}
        assert site.door.intake.spool.events == 20
    finally:
        own_store.process.send_signal(signal.SIGCONT)
    await site.settled()
    assert await site.store.scard("{advent}:enrolled") == 21
