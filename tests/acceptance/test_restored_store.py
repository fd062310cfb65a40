"""A store is restored from a backup, or two copies of it run: no mail is sent twice."""

from __future__ import annotations

import shutil

import pytest

from common.store.embedded import EmbeddedStore
from tests.acceptance.place import UNLIMITED, Place
from tests.acceptance.waiting import eventually
from tests.acceptance.website import person

PEOPLE = 300
DAY_AND_A_QUARTER_S = 108_000
SLOW = {**UNLIMITED, "CAMPAIGN_SPEED": "3"}
"""A mail every 20 s: time for a backup between two of them."""


@pytest.mark.timeout(600)
def test_store_restored_from_before_the_second_mail_sends_no_mail_twice(place: Place) -> None:
    up = place.up(**SLOW)
    place.sandbox.lift_rate_limits()
    assert place.run("pause", **SLOW).wait() == 0
    for number in range(PEOPLE):
        place.website.post(person(f"Person{number}"), f"msg_{number}")
    assert up.stop()[0] == 0
    shutil.copytree(place.data_dir / "store", place.folder / "backup")
    up = place.up(**SLOW)
    place.sandbox.lift_rate_limits()
    assert place.run("resume", **SLOW).wait() == 0
    eventually(lambda: len(place.sandbox.inbox()) >= PEOPLE, "the first mail to everybody", within_s=180)
    assert up.stop()[0] == 0

    # The mails were sent longer ago than the provider remembers an idempotency key.
    shutil.rmtree(place.data_dir / "store")
    shutil.copytree(place.folder / "backup", place.data_dir / "store")
    place.up(**SLOW)
    place.sandbox.lift_rate_limits()
    place.sandbox.turn(clock_offset_seconds=DAY_AND_A_QUARTER_S)
    eventually(lambda: place.ask("resume", "--plan")["settlement"], "everything is settled", within_s=120)
    eventually(lambda: _holds(place) == set(), "no other copy is found to live", within_s=30)
    planned = place.ask("resume", "--plan")
    assert place.run("resume", **SLOW).wait() == 0
    eventually(lambda: len(place.sandbox.inbox()) >= 7 * PEOPLE, "seven mails to everybody", within_s=420)

    assert planned["settlement"]["found"] + planned["settlement"]["merged"] >= PEOPLE
    assert planned["settlement"]["unknown"] == 0
    assert set(place.sandbox.mails_by_key().values()) == {1}
    counts = place.ask("audit")["counts"]
    assert (counts["missing"], counts["doubled"], counts["unexplained"]) == (0, 0, 0)


def test_store_restored_from_before_the_first_mail_sends_no_mail_twice(
    place: Place,
) -> None:
    three = ["Ada", "Boris", "Chen"]
    up = place.up(**UNLIMITED)
    place.sandbox.lift_rate_limits()
    assert place.run("pause").wait() == 0
    for name in three:
        place.website.post(person(name), f"msg_{name}")
    assert up.stop()[0] == 0
    shutil.copytree(place.data_dir / "store", place.folder / "backup")
    up = place.up(**UNLIMITED)
    place.sandbox.lift_rate_limits()
    assert place.run("resume").wait() == 0
    eventually(lambda: len(place.sandbox.inbox()) == 7 * len(three), "seven mails to each")
    place.sandbox.turn(clock_offset_seconds=DAY_AND_A_QUARTER_S)
    assert up.stop()[0] == 0

    shutil.rmtree(place.data_dir / "store")
    shutil.copytree(place.folder / "backup", place.data_dir / "store")
    place.up(**UNLIMITED)
    place.sandbox.lift_rate_limits()
    eventually(lambda: place.ask("resume", "--plan")["settlement"], "everything is settled", within_s=120)
    eventually(lambda: _holds(place) == set(), "no other copy is found to live", within_s=30)
    assert place.run("resume").wait() == 0
    eventually(
        lambda: all(place.ask("contact", person(name)["email"])["status"] == "completed" for name in three), "all ends"
    )

    assert set(place.sandbox.mails_by_key().values()) == {1}
    assert len(place.sandbox.inbox()) == 7 * len(three)
    counts = place.ask("audit")["counts"]
    assert (counts["missing"], counts["doubled"], counts["unexplained"]) == (0, 0, 0)


def _holds(place: Place) -> set[str]:
    """Return the holds in place: that of a restored store, until the search for another live copy is over; no other."""
    found = place.ask("resume", "--plan")["holds"].keys()
    assert found <= {"restored"}
    return set(found)


def test_one_of_two_store_copies_started_at_once_refuses_to_send(place: Place) -> None:
    _, gateway, worker = place.serve_all()
    place.website.post(person("Ada"), "msg_1")
    eventually(lambda: len(place.sandbox.inbox()) == 7, "all mails to Ada")
    assert worker.stop()[0] == 0
    assert gateway.stop()[0] == 0
    assert place.store is not None
    place.store.stop()
    shutil.copytree(place.folder / "store", place.folder / "copy")
    place.store.start()
    copy = EmbeddedStore(place.folder / "copy")
    copy.start()
    second = place.folder / "second"
    shutil.copytree(place.data_dir, second, ignore=shutil.ignore_patterns("run", "sandbox*", "spool"))

    try:
        workers = [
            place.start("worker"),
            place.start("worker", REDIS_URL=copy.url, DATA_DIR=str(second), WORKER_METRICS_PORT="0"),
        ]
        refusals = lambda: [  # noqa: E731 -- asked again and again
            line for each in workers for line in each.logs() if line["event"] == "sending_held"
        ]
        eventually(lambda: all(_has_started(each) for each in workers), "both workers have started")
        assert [line["reason"] for line in refusals()] == ["copied"]
    finally:
        copy.stop()


def _has_started(worker: object) -> bool:
    return any(line["event"] == "worker_started" for line in worker.logs())  # type: ignore[attr-defined]
