"""
kill -9 while an SMS is sent: it is accepted once, or a dead letter leaves the decision to an operator.

Twilio has no idempotency keys.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from typing import Any

import pytest

from tests.acceptance.calcom import does, iso, now_ms
from tests.acceptance.http import request
from tests.acceptance.place import UNLIMITED, Place
from tests.acceptance.waiting import eventually
from tests.texting import texting_folder

GUEST, NUMBER = "guest@people.example", "+14165550123"
PEOPLE = 20
SMS_BEFORE_MS = 30_000
"""Time before the call at which the 24h reminder is due, in testing mode at speed 6."""

HANGS: dict[str, Any] = {
    "provider": "twilio",
    "operation": "messages.create",
    "kind": "hang",
    "seconds": 60,
    "count": 1,
}


@pytest.mark.parametrize("callbacks", [True, False], ids=["its callback tells", "only its list tells"])
def test_worker_killed_after_the_acceptance_of_an_sms_leaves_one_accepted_sms(place: Place, callbacks: bool) -> None:
    place.up(**_sms_on(place))
    place.sandbox.turn(webhooks=callbacks)
    place.sandbox.set_faults({**HANGS, "after_commit": True})
    _book(place)
    eventually(lambda: _texts(place), "an SMS that was accepted")

    _kill(place, "worker")

    eventually(lambda: "reminder 24h by SMS accepted" in _happened(place), "its acceptance in the ledger")
    assert place.accepted("24h.sms") == []  # no worker received the answer
    assert [text["to"] for text in _texts(place)] == [NUMBER]
    assert _asked_to_send(place) == 1
    assert place.ask("dead", "list") == []


def test_worker_killed_before_the_acceptance_of_an_sms_leaves_a_dead_letter_to_replay(place: Place) -> None:
    place.up(**_sms_on(place))
    place.sandbox.set_faults(HANGS)
    _book(place)
    eventually(lambda: _asked_to_send(place), "a request to send it")

    _kill(place, "worker")

    [letter] = eventually(lambda: place.ask("dead", "list"), "a dead letter")
    assert letter["name"] == "24h.sms"
    assert "not found among what Twilio lists" in letter["reason"]
    assert (_texts(place), _asked_to_send(place)) == ([], 1)
    assert place.run("dead", "replay", letter["id"]).wait() == 0
    eventually(lambda: "reminder 24h by SMS accepted" in _happened(place), "its acceptance in the ledger")
    assert len(_texts(place)) == 1


@pytest.mark.parametrize("victim", ["worker", "store"])
def test_kill_while_many_sms_are_sent_doubles_none_and_loses_none_silently(place: Place, victim: str) -> None:
    settings = {"TWILIO_REQUESTS_PER_SECOND": "15", "RETRY_DELAY_SECONDS": "0.5", **UNLIMITED}
    place.up(**_sms_on(place), **settings)
    place.sandbox.lift_rate_limits()
    due_ms = now_ms() + 15_000
    for number in range(PEOPLE):
        _book(place, f"p{number}@people.example", f"+141655501{number:02}", due_ms=due_ms)
    strike = threading.Timer((due_ms - now_ms()) / 1_000 + 0.5, lambda: _kill(place, victim))
    strike.start()
    strike.join()

    def settled() -> bool:
        explained = {letter["email"] for letter in place.ask("dead", "list") if letter["name"] == "24h.sms"}
        reached = {f"p{int(text['to'][-2:])}@people.example" for text in _texts(place)}
        return len(explained | reached) == PEOPLE

    eventually(settled, "each SMS on its phone, or a dead letter")
    assert set(Counter(text["to"] for text in _texts(place)).values()) == {1}
    assert all(letter["reason"] for letter in place.ask("dead", "list"))
    assert _asked_to_send(place) <= PEOPLE
    assert len(_texts(place)) > PEOPLE // 2


def _sms_on(place: Place) -> dict[str, str]:
    return {"CAMPAIGNS_DIR": str(texting_folder(place.folder / "campaigns")), "CAMPAIGN_SPEED": "6"}


def _book(place: Place, email: str = GUEST, number: str = NUMBER, *, due_ms: int | None = None) -> None:
    start_ms = (due_ms or now_ms() + 4_000) + SMS_BEFORE_MS
    does(place, email=email, start=iso(start_ms), smsReminderNumber=number)


def _texts(place: Place) -> list[dict[str, Any]]:
    texts: list[dict[str, Any]] = request("GET", f"{place.sandbox.url}/phones.json").json
    return texts


def _asked_to_send(place: Place) -> int:
    return int(place.sandbox.counts()["requests"].get("twilio messages.create", 0))


def _happened(place: Place) -> list[str]:
    return [entry["what"] for entry in place.ask("contact", GUEST)["happened"]]


def _kill(place: Place, name: str) -> None:
    pid = place.child(name)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
