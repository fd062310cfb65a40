"""The store is lost after three of seven mails: after a rebuild the other four arrive, and none is sent twice."""

from __future__ import annotations

import shutil

from tests.acceptance.place import Place
from tests.acceptance.waiting import eventually
from tests.acceptance.website import person

SLOW = {"CAMPAIGN_SPEED": "15"}
"""Mails are due at 0, 4, 8 … 24 s: enough time for a stop, a command and a start between two of them."""


def test_a_store_wiped_after_three_of_seven_mails_is_rebuilt_and_the_other_four_arrive(place: Place) -> None:
    up = place.up(**SLOW)
    assert place.run("check", "--fix", **SLOW).wait() == 0
    enrolled = place.website.post(person("Ada"), "msg_1").json
    eventually(lambda: _shown(place) == 3, "three mails, and Notion shows them")
    assert up.stop()[0] == 0
    shutil.rmtree(place.data_dir / "store")

    place.up(**SLOW)
    assert place.ask("status")["enrolled"] == 0, "in TESTING_MODE nothing is rebuilt by itself"
    rebuilt = place.ask("rebuild")
    again = place.website.post(person("Ada"), "msg_2").json

    assert (rebuilt["restored"], rebuilt["unreadable"]) == (1, [])
    assert (again["status"], again["enrollment_id"]) == ("duplicate", enrolled["enrollment_id"])
    eventually(lambda: _shown(place) == 7, "seven mails, and Notion shows them", within_s=60)
    assert list(place.sandbox.mails_by_key().values()) == [1] * 7
    assert len(place.sandbox.rows("Email Sequence")) == 1
    eventually(lambda: place.ask("status")["changed"] == 0, "Notion shows everything")
    counts = place.ask("audit")["counts"]
    assert (counts["missing"], counts["doubled"], counts["unexplained"]) == (0, 0, 0)
    assert (counts["people"], counts["sent"], counts["mails"]) == (1, 7, 7)


def test_worker_rebuilds_an_empty_store_automatically_at_production_pace(place: Place) -> None:
    production = {"TESTING_MODE": "false", "CAMPAIGN_SPEED": "1"}
    up = place.up(**production)
    place.website.post(person("Ada"), "msg_1")
    eventually(lambda: _shown(place) == 1, "the first mail, and Notion shows it")
    assert up.stop()[0] == 0
    shutil.rmtree(place.data_dir / "store")

    place.up(**production)

    assert place.ask("status")["active"] == 1
    assert place.website.post(person("Ada"), "msg_2").json["status"] == "duplicate"
    assert len(place.sandbox.inbox()) == 1
    assert place.run("audit", **production).wait() == 0


def _shown(place: Place) -> int:
    """Return the number of mails that Notion shows as sent."""
    return sum(
        row[f"Email {step} Sent"] is not None for row in place.sandbox.rows("Email Sequence") for step in range(1, 8)
    )
