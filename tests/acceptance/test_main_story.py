"""A newcomer's first minute: an empty folder, two commands, seven mails."""

from __future__ import annotations

from datetime import datetime

from tests.acceptance.place import FAST, Place
from tests.acceptance.waiting import Late, eventually, on_time, punctual

SENT = [f"Email {step} Sent" for step in range(1, 8)]


@punctual
def test_empty_folder_leads_to_seven_mails_on_time_and_a_complete_row(place: Place) -> None:
    place.settings = {name: text for name, text in place.settings.items() if name.endswith("_PORT")}
    place.up(**FAST)

    answer = place.ask("try")
    address = answer["email"]
    mails = eventually(lambda: _seven(place, address), "seven mails", within_s=40)
    row = eventually(lambda: _complete_row(place), "a complete row in Notion", within_s=40)

    received_s = datetime.fromisoformat(answer["timestamp"]).timestamp()
    for second, mail in enumerate(mails):
        on_time(mail["accepted_at"] / 1000 - received_s - second, 0.5, f"mail {second + 1}")
    assert 7 == len({mail["subject"] for mail in mails}) == len(place.sandbox.mails_by_key())
    assert address == row["Email"]
    assert [date for date in (row[name] for name in SENT)] == sorted(row[name] for name in SENT)
    assert [address] == [row["email"] for row in place.sandbox.rows("BusinessX Canada")]


@punctual
def test_first_mail_arrives_within_five_seconds_of_the_first_signup_at_newcomers_pace(place: Place) -> None:
    ports = {name: text for name, text in place.settings.items() if name.endswith("_PORT")}
    place.settings = {}  # The commands below run as in a second terminal, without the settings of `advent up`.
    place.up(**ports, TESTING_MODE="true", CAMPAIGN_SPEED="10")

    answer = place.ask("try", "--email", "ada@people.example")

    received_s = datetime.fromisoformat(answer["timestamp"]).timestamp()
    first = eventually(lambda: place.sandbox.inbox("ada@people.example"), "the first mail")[0]
    if first["accepted_at"] / 1000 - received_s > 5:
        raise Late("the first mail took more than 5 s")
    timeline = place.ask("contact", "ada@people.example")
    assert timeline["status"] == "active"
    assert len(timeline["next"]) == 6
    assert timeline["next"][-1]["due_ms"] - timeline["next"][0]["due_ms"] == 30_000
    assert place.ask("health")["healthy"]


def _seven(place: Place, address: str) -> list[dict[str, object]]:
    mails = place.sandbox.inbox(address)
    return mails if len(mails) >= 7 else []


def _complete_row(place: Place) -> dict[str, str] | None:
    rows = place.sandbox.rows("Email Sequence")
    assert len(rows) <= 1
    return rows[0] if rows and rows[0]["Sequence Completed"] and all(rows[0][name] for name in SENT) else None
