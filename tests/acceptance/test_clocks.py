"""A wrong clock makes no mail early; once it is right again, or an operator confirms it, all mail is sent."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any

import pytest

from tests.acceptance.faketime import WrongClock, needs_faketime
from tests.acceptance.http import request
from tests.acceptance.place import Place
from tests.acceptance.waiting import eventually
from tests.acceptance.website import person

pytestmark = needs_faketime

WRONG_S = 60.0
APART_S = 15.0
"""Time between two mails to one contact, at this pace."""
PACE = {"CAMPAIGN_SPEED": "4"}
JUMPS = ["+25h", "-25h", "+1y"]
GAP_S = 7.5
"""Minimum gap between two mails to one contact when one of them is overdue, at this pace."""
SLACK_S = 12.0
"""
Lateness allowed for a loaded machine and for noticing that the clocks agree again.

It is less than APART_S, so that a late step cannot be mistaken for the next one.
"""


def serve(place: Place, wrong: str | None, clock: WrongClock) -> None:
    """Start a store, a sandbox, a gateway and two workers; `wrong` (of the workers, the first) uses the faked clock."""
    faked = {name: clock.environment if name == wrong else {} for name in ("gateway", "worker")}
    store = place.own_store()
    if wrong == "store":
        with clock.inherited():
            store.start()
    else:
        store.start()
    place.serve("sandbox")
    place.serve("gateway", **PACE, **faked["gateway"])
    place.serve("worker", **PACE, **faked["worker"])
    second = place.start("worker", **PACE)
    eventually(lambda: '"worker_started"' in second.stderr, "a second worker")


def mails_of(place: Place, name: str) -> list[tuple[int, float]]:
    """Return (step, acceptance time in seconds) of each mail, oldest first; the sandbox's clock is right."""
    mails = place.sandbox.inbox(person(name)["email"])
    return [(int(mail["tags"]["step"].removeprefix("step-")), mail["accepted_at"] / 1000) for mail in mails]


def health(place: Place) -> dict[str, dict[str, Any]]:
    aspects = json.loads(place.run("health", "--json", "--late-minutes=60").stdout)["aspects"]
    return {aspect["name"]: aspect for aspect in aspects}


def events(place: Place) -> list[str]:
    return [line["event"] for process in place.processes for line in process.logs()]


def nobody_was_early(place: Place, name: str, received_s: float) -> None:
    early_s = {step: sent_s - due_s(step, received_s) for step, sent_s in mails_of(place, name)}
    assert min(early_s.values()) > -0.1, f"{name}: {early_s}"


def due_s(step: int, received_s: float) -> float:
    return received_s + (step - 1) * APART_S


def everybody_is_on_time(place: Place, name: str, received_s: float, right_s: float) -> None:
    """
    Check that all seven mails arrive in order, none early and none late.

    A mail that was due before `right_s`, when the clock became right, may wait until then and for the minimum gap.
    """
    eventually(lambda: len(mails_of(place, name)) == 7, f"seven mails to {name}", within_s=180)
    nobody_was_early(place, name, received_s)
    mails = mails_of(place, name)
    assert [step for step, _ in mails] == [1, 2, 3, 4, 5, 6, 7]
    previous_s = 0.0
    for step, sent_s in mails:
        due = due_s(step, received_s)
        late_s = sent_s - max(due, previous_s + GAP_S, right_s if due < right_s else 0.0)
        assert late_s < SLACK_S, f"{name}: step {step} came {late_s:.1f} s late"
        previous_s = sent_s
    assert set(place.sandbox.mails_by_key().values()) == {1}


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("wrong", ["store", "worker"])
def test_wrong_clock_of_store_or_worker_makes_no_mail_early_nor_late_once_it_is_right(
    place: Place, wrong: str, jump: str
) -> None:
    clock = WrongClock(place.folder / "clock")
    serve(place, wrong, clock)
    ada = place.website.post(person("Ada"), "msg_1")
    eventually(lambda: mails_of(place, "Ada"), "the first mail")

    clock.set(jump)
    until = time.monotonic() + WRONG_S
    eventually(lambda: "sending_held" in events(place), "a hold", within_s=30)
    held = health(place)["hold"]
    zoe = place.website.post(person("Zoe"), "msg_2")
    before = len(place.sandbox.inbox())
    time.sleep(max(0.0, until - time.monotonic()))
    during = len(place.sandbox.inbox()) - before
    clock.set("+0")
    right_s = time.time()

    assert (ada.status, zoe.status) == (202, 202)
    assert held["level"] == "broken"
    assert "clock" in held["said"]
    # A wrong store clock holds all mail. With one wrong worker clock, the other worker continues to send.
    assert during == 0 if wrong == "store" else during > 0
    everybody_is_on_time(place, "Ada", received_s(ada), right_s)
    everybody_is_on_time(place, "Zoe", received_s(zoe), right_s)
    eventually(lambda: health(place)["hold"]["ok"], "nothing is held any longer")


@pytest.mark.parametrize("jump", JUMPS)
def test_gateway_with_a_wrong_clock_refuses_signatures_and_makes_no_mail_early(place: Place, jump: str) -> None:
    clock = WrongClock(place.folder / "clock")
    serve(place, "gateway", clock)
    ada = place.website.post(person("Ada"), "msg_1")

    clock.set(jump)
    until = time.monotonic() + WRONG_S
    eventually(lambda: "clock_wrong" in events(place), "word of the clock", within_s=30)
    refused = place.website.post(person("Zoe"), "msg_2")
    said = request("GET", f"{place.gateway_url}/ready").json
    time.sleep(max(0.0, until - time.monotonic()))
    clock.set("+0")
    right_s = time.time()
    zoe = eventually(lambda: _accepted(place), "the next try of the website")

    assert (ada.status, refused.status) == (202, 401)
    assert said["dependencies"]["clock"]["status"] == "wrong"
    everybody_is_on_time(place, "Ada", received_s(ada), right_s)
    everybody_is_on_time(place, "Zoe", received_s(zoe), right_s)


def test_operator_can_confirm_a_store_clock_that_was_set(place: Place) -> None:
    clock = WrongClock(place.folder / "clock")
    serve(place, "store", clock)
    place.website.post(person("Ada"), "msg_1")
    eventually(lambda: mails_of(place, "Ada"), "the first mail")
    clock.set("+25h")
    eventually(lambda: "sending_held" in events(place), "a hold", within_s=30)

    confirmed = place.run("clock", "confirm")

    assert confirmed.wait() == 0
    # According to the clock that the operator confirmed, all mails are due.
    eventually(lambda: len(mails_of(place, "Ada")) == 7, "all mails", within_s=90)
    eventually(lambda: health(place)["hold"]["ok"], "nothing is held any longer")


def received_s(answer: Any) -> float:
    return datetime.fromisoformat(answer.json["timestamp"]).timestamp()


def _accepted(place: Place) -> Any:
    answer = place.website.post(person("Zoe"), "msg_2")
    return answer if answer.status == 202 else None
