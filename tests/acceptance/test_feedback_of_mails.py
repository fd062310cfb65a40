"""The provider's feedback about mails reaches real processes: every command shows it, and it is acted on."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.place import Place
from tests.acceptance.waiting import eventually
from tests.acceptance.website import person

FIXTURES = Path(__file__).parents[1] / "fixtures"


def test_contact_who_bounces_or_complains_gets_no_second_mail_and_the_reason_is_shown(place: Place) -> None:
    place.up(CAMPAIGN_SPEED="20")
    final_statuses = {"bounced": "bounced", "complained": "complained", "suppressed": "bounced", "delivered": None}
    for name in final_statuses:
        place.website.post(person(name, email=f"{name}@resend.dev"), f"msg_{name}")
    eventually(lambda: _completed(place) == len(final_statuses), "everybody's sequence completed in Notion")

    assert {
        name: place.ask("contact", f"{name}@resend.dev")["exit_reason"] for name in final_statuses
    } == final_statuses
    assert {name: len(place.sandbox.inbox(f"{name}@resend.dev")) for name in final_statuses} == {
        "bounced": 1,
        "complained": 1,
        "suppressed": 1,
        "delivered": 7,
    }
    timeline = place.ask("contact", "complained@resend.dev")["happened"]
    assert [line["what"] for line in timeline] == [
        "signed up",
        "step 1 accepted",
        "step 1 delivered",
        "step 1 complained",
        "exited",
    ]
    status = place.ask("status")
    assert (status["exited"], status["completed"], status["dead_letters"]) == (3, 1, 0)


def test_repeated_and_reordered_feedback_events_give_the_same_result(place: Place) -> None:
    place.up()
    place.sandbox.turn(webhook_copies=3, webhook_shuffled=True)
    place.website.post(person("bounced", email="bounced@resend.dev"), "msg_1")
    eventually(lambda: _completed(place) == 1, "the sequence completed in Notion")

    contact = place.ask("contact", "bounced@resend.dev")
    timeline = contact["happened"]
    assert contact["exit_reason"] == "bounced"
    assert [line["what"] for line in timeline] == ["signed up", "step 1 accepted", "step 1 bounced", "exited"]
    assert "times" not in timeline[2]["detail"]


@pytest.mark.parametrize(
    ("kind", "file", "answer"),
    [
        ("calcom", "calcom_booking_created.json", {"status": "accepted", "event": "BOOKING_CREATED"}),
        ("calcom", "calcom_ping.json", {"status": "ignored", "event": "PING"}),
        ("resend", "resend_delivered.json", {"status": "ignored", "event": "email.delivered"}),
    ],
)
def test_gateway_accepts_the_command_that_advent_sign_prints(
    place: Place, kind: str, file: str, answer: dict[str, str]
) -> None:
    place.own_store().start()
    place.serve("gateway")
    body = place.folder / file
    events = json.loads((FIXTURES / "resend_webhook_events.json").read_text())
    body.write_text(json.dumps(events[1]) if kind == "resend" else (FIXTURES / file).read_text())
    printed = place.run("sign", kind, str(body)).stdout

    said = subprocess.run(["sh", "-c", printed], capture_output=True, text=True, check=True).stdout

    assert answer.items() <= json.loads(said.splitlines()[-1]).items()


def _completed(place: Place) -> int:
    return sum(row["Sequence Completed"] for row in place.sandbox.rows("Email Sequence"))
