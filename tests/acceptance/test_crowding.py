"""Trouble with one address, one provider or one kind of job never delays other mail."""

from __future__ import annotations

import asyncio

from common.campaigns.loader import load_campaign
from common.clock import SystemClock
from common.domain.cadence import Pace
from common.domain.contact import Assessment
from common.domain.enrollment import ExitReason
from common.domain.ids import EnrollmentId
from common.ledger.ledger import Ledger
from common.store.clients import connect_async
from tests.acceptance.crowd import all_mail_is_on_time, sign_up
from tests.acceptance.place import SECRETS, UNLIMITED, Place
from tests.acceptance.waiting import eventually, punctual
from tests.acceptance.website import person

PEOPLE = [f"P{number}" for number in range(10)]
MALLORY = person("Mallory")["email"]


@punctual
def test_refused_and_unanswered_addresses_delay_no_other_mail(place: Place) -> None:
    silent = person("Silent")["email"]
    place.serve_all(RETRY_DELAY_SECONDS="0.5", **UNLIMITED)
    place.sandbox.lift_rate_limits()
    place.sandbox.set_faults(
        {"provider": "resend", "kind": "status", "status": 422, "message": "Invalid `to` field", "contains": MALLORY},
        {"provider": "resend", "kind": "hang", "seconds": 60, "contains": silent},
    )

    signed_up = sign_up(place, ["Mallory", "Silent", *PEOPLE])

    all_mail_is_on_time(place, {name: signed_up[name] for name in PEOPLE})
    mallory = place.ask("contact", MALLORY)
    assert (mallory["status"], mallory["exit_reason"]) == ("exited", "refused")
    assert [(letter["email"], letter["name"]) for letter in place.ask("dead", "list")] == [(MALLORY, "step-1")]
    assert place.sandbox.inbox(MALLORY) == []


@punctual
def test_notion_that_takes_ten_seconds_for_each_request_delays_no_mail(place: Place) -> None:
    place.serve_all(**UNLIMITED)
    place.sandbox.lift_rate_limits()
    place.sandbox.set_faults({"provider": "notion", "kind": "slow", "seconds": 9.5})

    signed_up = sign_up(place, PEOPLE)

    all_mail_is_on_time(place, signed_up)


@punctual
def test_five_thousand_due_jobs_of_other_kinds_delay_no_mail_that_is_due(place: Place) -> None:
    place.serve_all(**UNLIMITED)
    place.sandbox.lift_rate_limits()
    # Notion needs a while for each of the five thousand, so the backlog still exists when Ada's last mail is due.
    place.sandbox.set_faults({"provider": "notion", "kind": "slow", "seconds": 0.3})
    signed_up = sign_up(place, ["Ada"])
    eventually(lambda: place.sandbox.inbox(person("Ada")["email"]), "the first mail")

    asyncio.run(_five_thousand_come_and_go(place))

    all_mail_is_on_time(place, signed_up)
    status = place.ask("status")
    assert status["enrolled"] == 5_001
    assert status["changed"] > 1_000, "the backlog was gone before the last mail was due"


async def _five_thousand_come_and_go(place: Place) -> None:
    """Sign up contacts who unsubscribe at once: each is a job for *classify* and a row for Notion, and gets no mail."""
    client = connect_async(place.settings["REDIS_URL"])
    cadence = load_campaign("christmas_2025").cadence(Pace(testing=True, speed=60))
    ledger = Ledger(client, campaign="christmas_2025", cadence=cadence, secret_key=SECRETS["SECRET_KEY"])
    now_ms = SystemClock().now_ms()

    async def come_and_go(number: int) -> None:
        who = Assessment(email=f"crowd-{number}@people.example", first_name="Crowd", assessment_score=50)
        known = await ledger.signups.accept(who, webhook_id=f"signup:crowd-{number}", received_ms=now_ms)
        await ledger.enrollments.exit(
            EnrollmentId(known.enrollment_id), ExitReason.UNSUBSCRIBED, address_hash=None, now_ms=now_ms
        )

    for first in range(0, 5_000, 500):
        await asyncio.gather(*(come_and_go(number) for number in range(first, first + 500)))
    await client.aclose()
